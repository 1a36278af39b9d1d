//! Heads: the newest digest of each chain, written down elsewhere, so that a cut-off tail is seen.

use crate::digest::s3_url;
use crate::error::VerifyError;
use crate::finding::{Code, Finding};
use crate::group::ChainKey;
use serde::{Deserialize, Serialize};

/// Version of the head file that is written.
const VERSION: u32 = 1;

/// A head file: `{"version": 1, "heads": [...]}`. Members may be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadFile {
    pub version: u32,
    pub heads: Vec<Head>,
}

/// The newest digest of one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    pub account: String,
    pub region: String,
    pub trail: String,
    pub home_region: String,
    #[serde(default)]
    pub backfill: bool,
    pub bucket: String,
    pub object: String,
    /// Lower-case hex SHA-256 of the uncompressed digest.
    pub hash: String,
    /// Hex, if it was at hand.
    #[serde(default)]
    pub signature: Option<String>,
    pub end_time: String,
}

impl HeadFile {
    pub fn new(heads: Vec<Head>) -> Self {
        Self { version: VERSION, heads }
    }

    pub fn from_json(file: &str, json: &[u8]) -> Result<Self, VerifyError> {
        serde_json::from_slice(json).map_err(|source| VerifyError::HeadFile { file: file.to_owned(), source })
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, numbers and lists always serialise")
    }
}

impl Head {
    pub fn is_of(&self, key: &ChainKey) -> bool {
        let ChainKey { account, region, trail, home_region, backfill } = key;
        (&self.account, &self.region, &self.trail, &self.home_region, self.backfill)
            == (account, region, trail, home_region, *backfill)
    }

    pub fn url(&self) -> String {
        s3_url(&self.bucket, &self.object)
    }

    /// The finding when the recorded digest is not there. `newest` is what the chain ends with now.
    pub fn missing(&self, newest: Option<&str>) -> Finding {
        let Self { trail, region, end_time, .. } = self;
        let now = newest.map_or_else(|| "nothing of the chain is left".to_owned(), |end| format!("the chain ends at {end}"));
        let text = format!("was recorded as the head of trail {trail} in {region} at {end_time}, but is not there; {now}");
        Finding::new(Code::HeadMissing, self.url(), text)
    }

    /// Compares with the digest that is there.
    pub fn check(&self, file: &str, hash: &str, signature: Option<&str>) -> Option<Finding> {
        let differs = |recorded: &str, real: &str| !recorded.eq_ignore_ascii_case(real);
        let what = if differs(&self.hash, hash) {
            "hash"
        } else if self.signature.as_deref().zip(signature).is_some_and(|(recorded, real)| differs(recorded, real)) {
            "signature"
        } else {
            return None;
        };
        Some(Finding::new(Code::HeadChanged, file, format!("has another {what} than was recorded of it as a head")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_back() {
        let head = Head {
            account: "1".into(),
            region: "r".into(),
            trail: "t".into(),
            home_region: "h".into(),
            backfill: false,
            bucket: "b".into(),
            object: "k".into(),
            hash: "ab".into(),
            signature: Some("cd".into()),
            end_time: "2024-02-28T21:17:28Z".into(),
        };
        let file = HeadFile::new(vec![head.clone()]);
        assert_eq!(HeadFile::from_json("f", file.to_json().as_bytes()).expect("reads"), file);
        assert!(HeadFile::from_json("f", b"[]").is_err());
        assert_eq!(head.check("f", "AB", Some("CD")), None);
        assert_eq!(head.check("f", "ab", None), None);
        assert_eq!(head.check("f", "ab", Some("ce")).map(|finding| finding.code), Some(Code::HeadChanged));
        assert_eq!(head.check("f", "aa", None).map(|finding| finding.code), Some(Code::HeadChanged));
    }
}
