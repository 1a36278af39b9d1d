//! The time formats of CloudTrail: whole seconds, UTC, a literal `Z`.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const EVENT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const DIGEST_NAME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
const LOG_NAME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute]Z");
const FOLDER: &[BorrowedFormatItem<'_>] = format_description!("[year]/[month]/[day]");

fn format(at: OffsetDateTime, items: &[BorrowedFormatItem<'_>]) -> String {
    at.to_offset(time::UtcOffset::UTC).format(items).expect("these formats have no fallible component")
}

/// `2023-07-10T12:03:26Z`, as in `eventTime` and in digests. Fractions are cut off.
pub fn event_time(at: OffsetDateTime) -> String {
    format(at, EVENT)
}

/// `20230710T120326Z`, as in a digest's key.
pub fn digest_name_time(at: OffsetDateTime) -> String {
    format(at, DIGEST_NAME)
}

/// `20230710T1205Z`, as in a log file's key.
pub fn log_name_time(at: OffsetDateTime) -> String {
    format(at, LOG_NAME)
}

/// `2023/07/10`, the date folders of a key.
pub fn folder(at: OffsetDateTime) -> String {
    format(at, FOLDER)
}

/// Reads [`event_time`]'s form; `None` for anything else.
pub fn parse_event_time(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, EVENT).ok().map(PrimitiveDateTime::assume_utc)
}

/// Reads [`digest_name_time`]'s form; `None` for anything else.
pub fn parse_digest_name_time(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, DIGEST_NAME).ok().map(PrimitiveDateTime::assume_utc)
}

/// Reads [`log_name_time`]'s form; `None` for anything else.
pub fn parse_log_name_time(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, LOG_NAME).ok().map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn formats_are_those_of_real_files() {
        let at = datetime!(2023-07-10 12:03:26.9 UTC);
        assert_eq!(event_time(at), "2023-07-10T12:03:26Z");
        assert_eq!(digest_name_time(at), "20230710T120326Z");
        assert_eq!(log_name_time(at), "20230710T1203Z");
        assert_eq!(folder(at), "2023/07/10");
        assert_eq!(parse_event_time("2023-07-10T12:03:26Z"), Some(datetime!(2023-07-10 12:03:26 UTC)));
        assert_eq!(parse_event_time("2023-07-10T12:03:26.5Z"), None);
        assert_eq!(parse_digest_name_time("20230710T120326Z"), Some(datetime!(2023-07-10 12:03:26 UTC)));
    }
}
