//! What the name and the place of a file say about it.

use opentrail_model::timestamp;
use time::OffsetDateTime;

pub const DIGEST_FOLDER: &str = "CloudTrail-Digest";
pub const LOG_FOLDER: &str = "CloudTrail";
const ROOT_FOLDER: &str = "AWSLogs";
const ENDING: &str = ".json.gz";

/// A file name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    pub account: String,
    pub region: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Boxed, because most files are log files and there may be a million of them.
    Digest(Box<DigestName>),
    /// `minute` is the delivery time.
    Log { minute: OffsetDateTime },
}

/// What only the name of a digest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestName {
    pub trail: String,
    pub home_region: String,
    pub end: OffsetDateTime,
    pub backfill: bool,
}

impl FileName {
    /// Reads a bare file name; `None` if it is neither a digest's nor a log file's.
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(ENDING)?;
        let (account, rest) = stem.split_once('_')?;
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (folder, rest) = rest.split_once('_')?;
        let (region, rest) = rest.split_once('_')?;
        let kind = match folder {
            DIGEST_FOLDER => digest_kind(rest)?,
            LOG_FOLDER => {
                let (minute, _unique) = rest.split_once('_')?;
                Kind::Log { minute: timestamp::parse_log_name_time(minute)? }
            }
            _ => return None,
        };
        Some(Self { account: account.to_owned(), region: region.to_owned(), kind })
    }

    /// The end of a digest's window.
    pub fn digest_end(&self) -> Option<OffsetDateTime> {
        match &self.kind {
            Kind::Digest(digest) => Some(digest.end),
            Kind::Log { .. } => None,
        }
    }

    fn folder(&self) -> &'static str {
        match self.kind {
            Kind::Digest(_) => DIGEST_FOLDER,
            Kind::Log { .. } => LOG_FOLDER,
        }
    }
}

/// A trail's name may contain underscores, a region's may not: so it is read from the right.
fn digest_kind(rest: &str) -> Option<Kind> {
    let (rest, backfill) = match rest.strip_suffix("_backfill") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (rest, end) = rest.rsplit_once('_')?;
    let (trail, home_region) = rest.rsplit_once('_')?;
    Some(Kind::Digest(Box::new(DigestName {
        trail: trail.to_owned(),
        home_region: home_region.to_owned(),
        end: timestamp::parse_digest_name_time(end)?,
        backfill,
    })))
}

/// Where a tree of CloudTrail files hangs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Everything before `AWSLogs` or, in a copy of a part, before that part.
    pub base: String,
    pub organization: Option<String>,
}

/// Splits a location into its place and its tail, the part that a copy of the files keeps.
///
/// Folders are taken off from the right as long as they are the documented ones, so a copy may begin at any level.
pub fn split_location<'a>(location: &'a str, name: &FileName) -> (Place, &'a str) {
    let mut folders: Vec<&str> = location.split('/').collect();
    folders.pop();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut organization = None;
    if let [.., year, month, day] = folders[..]
        && is_number(year)
        && is_number(month)
        && is_number(day)
    {
        folders.truncate(folders.len() - 3);
        let expected = [name.region.as_str(), name.folder(), name.account.as_str()];
        let matching = expected.iter().take_while(|folder| folders.pop_if(|last| last == *folder).is_some());
        if matching.count() == expected.len() {
            organization = folders.pop_if(|last| last.starts_with("o-")).map(str::to_owned);
            let _ = folders.pop_if(|last| *last == ROOT_FOLDER);
        }
    }
    let base = folders.join("/");
    let tail = if folders.is_empty() { location } else { &location[base.len() + 1..] };
    (Place { base, organization }, tail)
}

/// The key a digest of the same chain has whose window ends at `end`.
pub fn digest_key_ending(key: &str, end: OffsetDateTime) -> Option<String> {
    let name = file_name(key);
    FileName::parse(name)?.digest_end()?;
    let (stem, _) = name.rsplit_once('_').filter(|_| !name.ends_with("_backfill.json.gz"))?;
    let name = format!("{stem}_{}{ENDING}", timestamp::digest_name_time(end));
    let folders: Vec<&str> = key.rsplitn(5, '/').collect();
    match folders[..] {
        [_, _, _, _, above] => Some(format!("{above}/{}/{name}", timestamp::folder(end))),
        _ => Some(name),
    }
}

/// Whether a file that is neither a digest's nor a log file's may be one that was renamed: gzip, and none of the other
/// kinds that CloudTrail writes.
pub fn may_be_renamed(name: &str) -> bool {
    let other_kind = || name.split_once('_').is_some_and(|(_, rest)| rest.starts_with("CloudTrail-"));
    name.ends_with(".gz") && FileName::parse(name).is_none() && !is_result(name) && !other_kind()
}

/// The sign file of a set of query results.
pub const SIGN_FILE: &str = "result_sign.json";

/// Whether this is a file of query results: `result_1.csv.gz`.
pub fn is_result(name: &str) -> bool {
    let number = name.strip_prefix("result_").and_then(|rest| rest.strip_suffix(".csv.gz"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The last part of a key or location.
pub fn file_name(location: &str) -> &str {
    location.rsplit('/').next().unwrap_or(location)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NAME: &str = "327878933619_CloudTrail-Digest_ap-northeast-1_a_b-c_us-west-2_20231015T230404Z";

    #[test]
    fn names_are_read_from_both_ends() {
        let digest = |backfill| FileName {
            account: "327878933619".into(),
            region: "ap-northeast-1".into(),
            kind: Kind::Digest(Box::new(DigestName {
                trail: "a_b-c".into(),
                home_region: "us-west-2".into(),
                end: datetime!(2023-10-15 23:04:04 UTC),
                backfill,
            })),
        };
        let check = |name: &str, expect: Option<FileName>| assert_eq!(FileName::parse(name), expect, "{name}");
        check(&format!("{NAME}.json.gz"), Some(digest(false)));
        check(&format!("{NAME}_backfill.json.gz"), Some(digest(true)));
        check(&format!("{NAME}.json.gz.metadata.json"), None);
        check(NAME, None);
        check("1_CloudTrail-Digest_r_t_h_20231015T230404Z.json.gz", None);
        check(
            "218007301253_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz",
            Some(FileName {
                account: "218007301253".into(),
                region: "us-east-1".into(),
                kind: Kind::Log { minute: datetime!(2023-07-10 11:45 UTC) },
            }),
        );
        check("218007301253_CloudTrail-Insight_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz", None);
    }

    #[test]
    fn the_schedule_gives_names() {
        let check = |key: &str, expect: Option<&str>| {
            assert_eq!(digest_key_ending(key, datetime!(2023-10-16 00:04:04 UTC)).as_deref(), expect, "{key}");
        };
        let next = "327878933619_CloudTrail-Digest_ap-northeast-1_a_b-c_us-west-2_20231016T000404Z.json.gz";
        check(&format!("p/r/2023/10/15/{NAME}.json.gz"), Some(&format!("p/r/2023/10/16/{next}")));
        check(&format!("{NAME}.json.gz"), Some(next));
        check(&format!("{NAME}_backfill.json.gz"), None);
        check("notes.txt", None);
    }

    #[test]
    fn other_files_are_told_apart() {
        assert!(may_be_renamed("copy.json.gz") && !may_be_renamed("copy.txt") && !may_be_renamed("result_1.csv.gz"));
        assert!(!may_be_renamed("218007301253_CloudTrail-Insight_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz"));
        assert!(is_result("result_12.csv.gz") && !is_result("result_.csv.gz") && !is_result("result_1.csv"));
    }

    #[test]
    fn a_copy_may_begin_anywhere() {
        let file = format!("{NAME}.json.gz");
        let name = FileName::parse(&file).expect("a digest");
        let check = |folders: &str, base: &str, organization: Option<&str>, tail: &str| {
            let location = format!("{folders}{file}");
            let (place, found) = split_location(&location, &name);
            assert_eq!(place, Place { base: base.into(), organization: organization.map(str::to_owned) });
            assert_eq!(found, format!("{tail}{file}"));
        };
        let dated = "327878933619/CloudTrail-Digest/ap-northeast-1/2023/10/15/";
        check(&format!("p/q/AWSLogs/{dated}"), "p/q", None, &format!("AWSLogs/{dated}"));
        check(&format!("AWSLogs/o-1/{dated}"), "", Some("o-1"), &format!("AWSLogs/o-1/{dated}"));
        check(dated, "", None, dated);
        check("CloudTrail-Digest/ap-northeast-1/2023/10/15/", "", None, "CloudTrail-Digest/ap-northeast-1/2023/10/15/");
        check("x/2023/10/15/", "x", None, "2023/10/15/");
        check("x/y/", "x/y", None, "");
        check("", "", None, "");
    }
}
