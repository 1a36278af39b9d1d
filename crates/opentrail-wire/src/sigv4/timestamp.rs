//! The time format of signatures, `YYYYMMDDTHHMMSSZ`, and the older `Date` header.

use time::format_description::well_known::Rfc2822;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

pub(super) fn to_basic(moment: OffsetDateTime) -> String {
    let utc = to_utc(moment).unwrap_or(moment);
    let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
    let (hour, minute, second) = utc.to_hms();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

pub(super) fn parse_basic(text: &str) -> Option<OffsetDateTime> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let month = Month::try_from(number(&bytes[4..6])? as u8).ok()?;
    let date = Date::from_calendar_date(number(&bytes[..4])?.into(), month, number(&bytes[6..8])? as u8).ok()?;
    let (hour, minute, second) = (number(&bytes[9..11])?, number(&bytes[11..13])?, number(&bytes[13..15])?);
    let time = Time::from_hms(hour as u8, minute as u8, second as u8).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// The `Date` header, which may also carry the basic format.
pub(super) fn parse_date_header(text: &str) -> Option<OffsetDateTime> {
    parse_basic(text).or_else(|| to_utc(OffsetDateTime::parse(text, &Rfc2822).ok()?))
}

fn to_utc(moment: OffsetDateTime) -> Option<OffsetDateTime> {
    moment.checked_to_offset(UtcOffset::UTC)
}

/// At most four digits.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0')))
}
