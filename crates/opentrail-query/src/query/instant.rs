//! Times as people write them in queries and as records carry them.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// The time a text names and the first one after it: `2026-01-01` is a day, `2026-01-01T10:30` a minute.
/// From a month (`2026-01`) to a fraction of a second; `T` or a space between; UTC unless an offset follows.
pub(super) fn parse_span(text: &str) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let mut cursor = Digits { rest: text.as_bytes() };
    let year = i32::try_from(cursor.number(4)?).ok()?;
    cursor.byte(b"-")?;
    let month = Month::try_from(u8::try_from(cursor.number(2)?).ok()?).ok()?;
    if cursor.rest.is_empty() {
        let start = Date::from_calendar_date(year, month, 1).ok()?.midnight().assume_utc();
        return Some((start, start.checked_add(Duration::days(month.length(year).into()))?));
    }
    cursor.byte(b"-")?;
    let date = Date::from_calendar_date(year, month, u8::try_from(cursor.number(2)?).ok()?).ok()?;
    let (time, width) = if cursor.rest.is_empty() { (Time::MIDNIGHT, Duration::DAY) } else { cursor.time_of_day()? };
    let offset = cursor.offset()?;
    let start = PrimitiveDateTime::new(date, time).assume_offset(offset).checked_to_offset(UtcOffset::UTC)?;
    Some((start, start.checked_add(width)?))
}

/// What [`parse_span`] reads, or a year.
pub fn parse_period(text: &str) -> Option<(OffsetDateTime, OffsetDateTime)> {
    parse_span(text).or_else(|| parse_year(text))
}

/// A year alone; such text is a number unless times stand beside it.
pub(super) fn parse_year(text: &str) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let year: i32 = (text.len() == 4).then(|| text.parse().ok()).flatten()?;
    let start = |year| Some(Date::from_calendar_date(year, Month::January, 1).ok()?.midnight().assume_utc());
    Some((start(year)?, start(year + 1)?))
}

/// The time a value of a record names, in one of the forms seen in records: ISO with or without separators and fractions,
/// or `Jul 10, 2023, 12:07:59 PM`. Numbers are [`from_epoch`]'s.
pub fn parse_instant(text: &str) -> Option<OffsetDateTime> {
    if let Some((start, _)) = parse_span(text) {
        return Some(start);
    }
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) { parse_basic(text) } else { parse_prose(text) }
}

/// Seconds since 1970, or milliseconds when the number is too large for that.
pub(crate) fn from_epoch(number: f64) -> Option<OffsetDateTime> {
    const MILLISECONDS_FROM: f64 = 1e11;
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1e3 } else { number };
    OffsetDateTime::UNIX_EPOCH.checked_add(Duration::checked_seconds_f64(seconds)?)
}

/// `20131102T010628Z` or `20140328`.
fn parse_basic(text: &str) -> Option<OffsetDateTime> {
    let mut cursor = Digits { rest: text.as_bytes() };
    let year = i32::try_from(cursor.number(4)?).ok()?;
    let month = Month::try_from(u8::try_from(cursor.number(2)?).ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, u8::try_from(cursor.number(2)?).ok()?).ok()?;
    if cursor.rest.is_empty() {
        return Some(date.midnight().assume_utc());
    }
    cursor.byte(b"T")?;
    let mut two = || u8::try_from(cursor.number(2)?).ok();
    let time = Time::from_hms(two()?, two()?, two()?).ok()?;
    matches!(cursor.rest, b"" | b"Z").then(|| PrimitiveDateTime::new(date, time).assume_utc())
}

/// `Jul 10, 2023, 12:07:59 PM`, the comma after the year being optional.
fn parse_prose(text: &str) -> Option<OffsetDateTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace().map(|word| word.trim_end_matches(','));
    let name = words.next()?;
    let month = MONTHS.iter().zip(1u8..).find(|(known, _)| **known == name)?.1;
    let day: u8 = words.next()?.parse().ok()?;
    let year: i32 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let hour = match words.next() {
        Some("AM") if (1..=12).contains(&hour) => hour % 12,
        Some("PM") if (1..=12).contains(&hour) => hour % 12 + 12,
        None => hour,
        Some(_) => return None,
    };
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    Some(PrimitiveDateTime::new(date, Time::from_hms(hour, minute, second).ok()?).assume_utc())
}

struct Digits<'a> {
    rest: &'a [u8],
}

impl Digits<'_> {
    /// Exactly `count` digits.
    fn number(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        let mut number = 0u32;
        for digit in digits {
            number = number * 10 + char::from(*digit).to_digit(10)?;
        }
        self.rest = rest;
        Some(number)
    }

    fn byte(&mut self, any: &[u8]) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        any.contains(first).then_some(())
    }

    /// The time after a date, and how much time it stands for.
    fn time_of_day(&mut self) -> Option<(Time, Duration)> {
        self.byte(b"T ")?;
        let hour = u8::try_from(self.number(2)?).ok()?;
        if self.rest.first() != Some(&b':') {
            return Some((Time::from_hms(hour, 0, 0).ok()?, Duration::HOUR));
        }
        self.byte(b":")?;
        let minute = u8::try_from(self.number(2)?).ok()?;
        if self.rest.first() != Some(&b':') {
            return Some((Time::from_hms(hour, minute, 0).ok()?, Duration::MINUTE));
        }
        self.byte(b":")?;
        let second = u8::try_from(self.number(2)?).ok()?;
        if self.rest.first() != Some(&b'.') {
            return Some((Time::from_hms(hour, minute, second).ok()?, Duration::SECOND));
        }
        self.byte(b".")?;
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        let unit = 10u32.pow(9 - u32::try_from(digits).ok()?);
        let nanosecond = self.number(digits)? * unit;
        Some((Time::from_hms_nano(hour, minute, second, nanosecond).ok()?, Duration::nanoseconds(unit.into())))
    }

    /// What follows the time, to the end.
    fn offset(&mut self) -> Option<UtcOffset> {
        let sign = match self.rest {
            b"" | b"Z" | b"z" => return Some(UtcOffset::UTC),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.byte(b"+-")?;
        let hours = i8::try_from(self.number(2)?).ok()?;
        if self.rest.first() == Some(&b':') {
            self.byte(b":")?;
        }
        let minutes = i8::try_from(self.number(2)?).ok()?;
        self.rest.is_empty().then(|| UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn spans_are_as_wide_as_what_is_left_out() {
        let check = |text: &str, expect: Option<(OffsetDateTime, OffsetDateTime)>| assert_eq!(parse_span(text), expect, "{text}");
        check("2026-01", Some((datetime!(2026-01-01 0:00 UTC), datetime!(2026-02-01 0:00 UTC))));
        check("2026-01-31", Some((datetime!(2026-01-31 0:00 UTC), datetime!(2026-02-01 0:00 UTC))));
        check("2026-01-31T10", Some((datetime!(2026-01-31 10:00 UTC), datetime!(2026-01-31 11:00 UTC))));
        check("2026-01-31 10:30", Some((datetime!(2026-01-31 10:30 UTC), datetime!(2026-01-31 10:31 UTC))));
        check("2026-01-31T10:30:01Z", Some((datetime!(2026-01-31 10:30:01 UTC), datetime!(2026-01-31 10:30:02 UTC))));
        check("2026-01-31T10:30:01.5Z", Some((datetime!(2026-01-31 10:30:01.5 UTC), datetime!(2026-01-31 10:30:01.6 UTC))));
        check("2026-01-31T10:30+02:00", Some((datetime!(2026-01-31 8:30 UTC), datetime!(2026-01-31 8:31 UTC))));
        for not in [
            "2026",
            "2026-13",
            "2026-02-30",
            "2026-01-31T",
            "2026-01-31T10:3",
            "2026-01-31x",
            "2026-01-31T10:30:01.Z",
            "9999-99-99",
            "",
        ] {
            check(not, None);
        }
        assert!(parse_span("9999-12-31").is_none_or(|(start, end)| start < end));
    }

    #[test]
    fn times_of_records_are_read() {
        let check = |text: &str, expect: OffsetDateTime| assert_eq!(parse_instant(text), Some(expect), "{text}");
        check("2022-11-21 18:06:52", datetime!(2022-11-21 18:06:52 UTC));
        check("2022-11-21 18:06:52.123456789", datetime!(2022-11-21 18:06:52.123456789 UTC));
        check("20131102T010628Z", datetime!(2013-11-02 1:06:28 UTC));
        check("20140328", datetime!(2014-03-28 0:00 UTC));
        check("Jul 10, 2023, 12:07:59 PM", datetime!(2023-07-10 12:07:59 UTC));
        check("Jul 3, 2023 12:13:20 AM", datetime!(2023-07-03 0:13:20 UTC));
        assert_eq!(parse_instant("AWS Internal"), None);
        assert_eq!(from_epoch(1_688_990_121_000.0), from_epoch(1_688_990_121.0));
        assert_eq!(from_epoch(f64::MAX), None);
    }
}
