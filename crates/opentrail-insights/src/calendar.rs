//! Periods, and times cut to them.

use time::{Date, Month, OffsetDateTime};

/// A length of time that `bin` and its kin cut to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Period {
    /// Milliseconds.
    Fixed(i64),
    /// Calendar months.
    Months(i64),
}

const MINUTE: f64 = 60_000.0;

impl Period {
    /// `5m`: so many of a unit.
    pub fn of(count: f64, unit: &str) -> Option<Self> {
        let ms = match unit {
            "ms" | "msec" | "millisecond" | "milliseconds" => 1.0,
            "s" | "sec" | "second" | "seconds" => 1000.0,
            "m" | "min" | "minute" | "minutes" => MINUTE,
            "h" | "hr" | "hour" | "hours" => 60.0 * MINUTE,
            "d" | "day" | "days" => 1440.0 * MINUTE,
            "w" | "week" | "weeks" => 7.0 * 1440.0 * MINUTE,
            "mo" | "mon" | "month" | "months" => return months(count),
            "q" | "qtr" | "quarter" | "quarters" => return months(count * 3.0),
            "y" | "yr" | "year" | "years" => return months(count * 12.0),
            _ => return None,
        };
        let length = count * ms;
        ((1.0..=1e14).contains(&length)).then_some(Self::Fixed(length as i64))
    }

    /// The start of the period that a time is in.
    pub fn floor(self, at: i64) -> i64 {
        match self {
            Self::Fixed(length) => at - at.rem_euclid(length),
            Self::Months(count) => month_start(months_since_1970(at).div_euclid(count).saturating_mul(count)),
        }
    }

    /// The start of the next period, unless the time starts one.
    pub fn ceil(self, at: i64) -> i64 {
        let floor = self.floor(at);
        match self {
            _ if floor == at => at,
            Self::Fixed(length) => floor.saturating_add(length),
            Self::Months(count) => month_start(months_since_1970(floor).saturating_add(count)),
        }
    }
}

fn months(count: f64) -> Option<Period> {
    (count.fract() == 0.0 && (1.0..=1200.0).contains(&count)).then_some(Period::Months(count as i64))
}

fn months_since_1970(at: i64) -> i64 {
    let date = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000)).map_or(Date::MIN, OffsetDateTime::date);
    (i64::from(date.year()) - 1970) * 12 + i64::from(u8::from(date.month())) - 1
}

fn month_start(months: i64) -> i64 {
    let year = i32::try_from(months.div_euclid(12) + 1970).unwrap_or(i32::MAX);
    let month = u8::try_from(months.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let date = month.and_then(|month| Date::from_calendar_date(year, month, 1).ok());
    date.map_or(0, |date| date.midnight().assume_utc().unix_timestamp() * 1000)
}

/// `2026-11-21 10:00:00.000`, in UTC.
pub fn shown_time(at: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000)) else { return at.to_string() };
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        at.rem_euclid(1000)
    )
}
