//! What names of files tell: whether they can hold records, and of what time.

use crate::limits;
use crate::query::Window;
use opentrail_model::timestamp::parse_log_name_time;
use time::{Date, Duration, Month, OffsetDateTime};

const ENDINGS: [&str; 4] = [".json", ".ndjson", ".jsonl", ".log"];

/// Whether a file found in a folder is worth reading. Digests and their side files are not.
pub(super) fn may_hold_records(location: &str) -> bool {
    let name = location.rsplit('/').next().unwrap_or_default();
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let digest =
        name.contains("_CloudTrail-Digest_") || location.contains("/CloudTrail-Digest/") || plain.ends_with(".metadata.json");
    !digest && !name.starts_with('.') && ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// Whether a record is a line.
pub(super) fn says_lines(location: &str) -> bool {
    let plain = location.strip_suffix(".gz").unwrap_or(location);
    plain.ends_with(".ndjson") || plain.ends_with(".jsonl")
}

/// Whether a file or folder can hold events of the period, as far as its name tells.
///
/// CloudTrail names files after the time of delivery, which is after every event in them, though not long after.
pub(super) fn may_be_in(window: &Window, location: &str) -> bool {
    let Some((earliest, latest)) = delivered(location) else { return true };
    let too_early = window.from.is_some_and(|from| latest.saturating_add(limits::CLOCK_SKEW) < from);
    let too_late = window.to.is_some_and(|to| earliest.saturating_sub(limits::DELIVERY_DELAY) > to);
    !too_early && !too_late
}

/// Between which times CloudTrail delivered the file: the minute in its name, or the day of its folder.
fn delivered(location: &str) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let (folder, name) = location.rsplit_once('/').unwrap_or(("", location));
    if name.contains("_CloudTrail")
        && let Some(time) = name.split('_').find_map(parse_log_name_time)
    {
        return Some((time, time));
    }
    let day = day_of(folder).or_else(|| day_of(location))?;
    Some((day, day.saturating_add(Duration::DAY)))
}

/// The day of a folder such as `…/CloudTrail/us-east-1/2023/07/10`.
fn day_of(folder: &str) -> Option<OffsetDateTime> {
    let mut parts = folder.rsplit('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let cloudtrail = parts.nth(1).is_some_and(|kind| kind.starts_with("CloudTrail"));
    if !cloudtrail || day.len() != 2 || month.len() != 2 || year.len() != 4 {
        return None;
    }
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Some(Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?.midnight().assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const LOG: &str = "p/AWSLogs/1/CloudTrail/r/2023/07/10/1_CloudTrail_r_20230710T1145Z_7xgocspSowgK0Gto.json.gz";

    #[test]
    fn only_files_of_records_are_read() {
        for yes in [LOG, "a.json", "a.ndjson.gz", "x/y.jsonl", "1_CloudTrail-Insight_r_20230710T1145Z_7xgocspSowgK0Gto.json.gz"] {
            assert!(may_hold_records(yes), "{yes}");
        }
        for no in ["a.txt", ".json", "a.gz", "1_CloudTrail-Digest_r_t_r_20230710T114500Z.json.gz", "d.json.gz.metadata.json"] {
            assert!(!may_hold_records(no), "{no}");
        }
    }

    #[test]
    fn names_confine_the_time() {
        let check = |location: &str, from: Option<OffsetDateTime>, to: Option<OffsetDateTime>, expect: bool| {
            assert_eq!(may_be_in(&Window { from, to }, location), expect, "{location} {from:?} {to:?}");
        };
        check(LOG, Some(datetime!(2023-07-10 11:45 UTC)), None, true);
        check(LOG, Some(datetime!(2023-07-10 12:01 UTC)), None, false);
        check(LOG, None, Some(datetime!(2023-07-09 11:45 UTC)), true);
        check(LOG, None, Some(datetime!(2023-07-09 11:44 UTC)), false);
        let folder = "AWSLogs/1/CloudTrail/r/2023/07/10";
        check(folder, Some(datetime!(2023-07-11 0:10 UTC)), None, true);
        check(folder, Some(datetime!(2023-07-11 0:16 UTC)), None, false);
        check(folder, None, Some(datetime!(2023-07-08 23:00 UTC)), false);
        check("AWSLogs/1/CloudTrail/r/2023/07", None, Some(datetime!(1999-01-01 0:00 UTC)), true);
        check("a/2023/07/10/x.json", None, Some(datetime!(1999-01-01 0:00 UTC)), true);
    }
}
