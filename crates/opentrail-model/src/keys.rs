//! Object keys of log files and digests.
//!
//! Source: AWS CloudTrail User Guide, "Finding your CloudTrail log files" and "CloudTrail digest file structure".

use crate::timestamp;
use time::OffsetDateTime;

/// Where a trail's files for one account and region lie.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// `S3KeyPrefix` of the trail, without a trailing slash.
    pub prefix: Option<&'a str>,
    /// `o-…` for an organization trail.
    pub organization: Option<&'a str>,
    pub account: &'a str,
    /// The region of the events, not of the bucket.
    pub region: &'a str,
}

impl Place<'_> {
    fn folder(&self, kind: &str) -> String {
        let prefix = self.prefix.map(|p| format!("{p}/")).unwrap_or_default();
        let organization = self.organization.map(|o| format!("{o}/")).unwrap_or_default();
        format!("{prefix}AWSLogs/{organization}{}/{kind}/{}", self.account, self.region)
    }

    /// Key of a log file delivered at `at`; `unique` keeps names apart ([`unique_part`]).
    pub fn log_file_key(&self, at: OffsetDateTime, unique: &str) -> String {
        let Self { account, region, .. } = self;
        format!(
            "{}/{}/{account}_CloudTrail_{region}_{}_{unique}.json.gz",
            self.folder("CloudTrail"),
            timestamp::folder(at),
            timestamp::log_name_time(at)
        )
    }

    /// Key of the digest of `trail` (homed in `home_region`) whose window ends at `end`.
    pub fn digest_key(&self, trail: &str, home_region: &str, end: OffsetDateTime, backfill: bool) -> String {
        let Self { account, region, .. } = self;
        let backfill = if backfill { "_backfill" } else { "" };
        format!(
            "{}/{}/{account}_CloudTrail-Digest_{region}_{trail}_{home_region}_{}{backfill}.json.gz",
            self.folder("CloudTrail-Digest"),
            timestamp::folder(end),
            timestamp::digest_name_time(end)
        )
    }
}

/// The key CloudTrail writes an empty object to when it tests a bucket at create and update.
pub fn probe_key(prefix: Option<&str>, organization: Option<&str>, account: &str, kind: &str) -> String {
    let prefix = prefix.map(|p| format!("{p}/")).unwrap_or_default();
    let organization = organization.map(|o| format!("{o}/")).unwrap_or_default();
    format!("{prefix}AWSLogs/{organization}{account}/{kind}/")
}

/// Sixteen characters `[A-Za-z0-9]` made from a hash, so that a replay gives a file the same name.
pub fn unique_part(hash: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = u128::from_be_bytes(hash[..16].try_into().expect("sixteen of thirty-two bytes"));
    (0..16)
        .map(|_| {
            let index = usize::try_from(number % 62).expect("below 62");
            number /= 62;
            char::from(ALPHABET[index])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn keys_have_the_documented_layout() {
        let at = datetime!(2023-07-10 11:45:00 UTC);
        let place = Place { prefix: None, organization: None, account: "218007301253", region: "us-east-1" };
        assert_eq!(
            place.log_file_key(at, "7xgocspSowgK0Gto"),
            "AWSLogs/218007301253/CloudTrail/us-east-1/2023/07/10/218007301253_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz"
        );
        let place = Place { prefix: Some("p"), organization: Some("o-1"), ..place };
        assert_eq!(
            place.digest_key("main", "eu-west-1", at, true),
            "p/AWSLogs/o-1/218007301253/CloudTrail-Digest/us-east-1/2023/07/10/218007301253_CloudTrail-Digest_us-east-1_main_eu-west-1_20230710T114500Z_backfill.json.gz"
        );
    }

    #[test]
    fn unique_parts_are_sixteen_alphanumerics() {
        let part = unique_part(&[0xff; 32]);
        assert_eq!(part.len(), 16);
        assert!(part.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(part, unique_part(&[0xfe; 32]));
    }
}
