//! What the key of a file tells.
//!
//! Source: AWS CloudTrail User Guide, "Finding your CloudTrail log files".

use opentrail_model::timestamp::{parse_digest_name_time, parse_log_name_time};
use time::OffsetDateTime;

/// What a file holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Log,
    /// Insights events; records like those of a log file.
    Insight,
    Digest,
    /// Nothing of CloudTrail's.
    Foreign,
}

/// A key taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    pub kind: FileKind,
    /// The account and region that the name gives; a record may still be of another.
    pub account: Option<String>,
    pub region: Option<String>,
    /// When it was delivered, to the minute; of a digest, when its window ends.
    pub time: Option<OffsetDateTime>,
}

impl FileName {
    /// Takes a key apart: `…/<account>_CloudTrail_<region>_<time>_<unique>.json.gz`.
    #[must_use]
    pub fn parse(key: &str) -> Self {
        Self::of_name(key.rsplit('/').next().unwrap_or_default()).unwrap_or(Self {
            kind: FileKind::Foreign,
            account: None,
            region: None,
            time: None,
        })
    }

    fn of_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".json")?;
        let mut parts = stem.split('_');
        let (account, kind, region) = (parts.next()?, parts.next()?, parts.next()?);
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) || region.is_empty() {
            return None;
        }
        let (kind, time) = match kind {
            "CloudTrail" => (FileKind::Log, parts.next().and_then(parse_log_name_time)),
            "CloudTrail-Insight" => (FileKind::Insight, parts.next().and_then(parse_log_name_time)),
            // A trail's name may hold underscores.
            "CloudTrail-Digest" => (FileKind::Digest, parts.filter_map(parse_digest_name_time).next_back()),
            _ => return None,
        };
        let time = Some(time?);
        Some(Self { kind, account: Some(account.to_owned()), region: Some(region.to_owned()), time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn keys_are_taken_apart() {
        let check = |key: &str, kind: FileKind, region: Option<&str>, time: Option<OffsetDateTime>| {
            let name = FileName::parse(key);
            assert_eq!((name.kind, name.region.as_deref(), name.time), (kind, region, time), "{key}");
            assert_eq!(name.account.is_some(), kind != FileKind::Foreign, "{key}");
        };
        let at = Some(datetime!(2023-07-10 11:45 UTC));
        let region = Some("us-east-1");
        check(
            "p/AWSLogs/1/CloudTrail/us-east-1/2023/07/10/1_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz",
            FileKind::Log,
            region,
            at,
        );
        check("1_CloudTrail_us-east-1_20230710T1145Z_x.json", FileKind::Log, region, at);
        check("a/1_CloudTrail-Insight_us-east-1_20230710T1145Z_x.json.gz", FileKind::Insight, region, at);
        check("a/1_CloudTrail-Digest_us-east-1_my_trail_eu-west-1_20230710T114500Z.json.gz", FileKind::Digest, region, at);
        check("a/1_CloudTrail-Digest_us-east-1_t_r_20230710T114500Z_backfill.json.gz", FileKind::Digest, region, at);
        for key in [
            "",
            "x.json.gz",
            "1_Config_us-east-1_x.json.gz",
            "1_CloudTrail_us-east-1_2023.json.gz",
            "AWSLogs/1/CloudTrail/",
            "1_CloudTrail_r_20230710T1145Z_x.gz",
            "x_CloudTrail_r_20230710T1145Z_x.json.gz",
        ] {
            check(key, FileKind::Foreign, None, None);
        }
    }
}
