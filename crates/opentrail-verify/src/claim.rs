//! What a digest says about the one before it.

use crate::digest::s3_url;
use crate::finding::{Code, Finding};
use opentrail_model::digest::METADATA_SIGNATURE;
use std::collections::BTreeMap;
use time::OffsetDateTime;

#[derive(Debug, Clone)]
pub struct Claim {
    /// The file it means; `None` if no listed file is there.
    pub target: Option<u32>,
    /// Where the digest is that says so.
    pub by: String,
    /// Whether that digest lies in the period: only then is the claim a matter of this check.
    pub in_period: bool,
    /// The start of that digest: where the one before it should end.
    pub until: OffsetDateTime,
    pub bucket: String,
    pub key: String,
    pub hash: Option<String>,
    pub signature: Option<String>,
}

impl Claim {
    /// Compares with the digest that is really there.
    pub fn check(&self, file: &str, hash: &str, metadata: &BTreeMap<String, String>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.in_period {
            return findings;
        }
        let differ = |claimed: &Option<String>, real: Option<&str>| {
            claimed.as_deref().zip(real).is_some_and(|(claimed, real)| !claimed.eq_ignore_ascii_case(real))
        };
        if differ(&self.hash, Some(hash)) {
            let text = format!("has another hash than {} recorded", self.by);
            findings.push(Finding::new(Code::DigestChanged, file, text));
        }
        if differ(&self.signature, metadata.get(METADATA_SIGNATURE).map(String::as_str)) {
            let text = format!("has another signature than {} recorded", self.by);
            findings.push(Finding::new(Code::PreviousSignature, file, text));
        }
        findings
    }

    /// Compares where the windows of two linked digests meet.
    pub fn check_window(&self, file: &str, end: OffsetDateTime) -> Option<Finding> {
        if !self.in_period || end == self.until {
            return None;
        }
        let between = (self.until - end).whole_seconds();
        let text = if between > 0 {
            format!("ends {between} s before {} starts: no window covers the time between", self.by)
        } else {
            format!("ends {} s after {} starts: their windows overlap", -between, self.by)
        };
        Some(Finding::new(Code::WindowMismatch, file, text))
    }

    /// The finding when nothing is there.
    pub fn missing(&self) -> Finding {
        let text = format!("is not there, but {} names it as the digest before it", self.by);
        Finding::new(Code::DigestMissing, s3_url(&self.bucket, &self.key), text)
    }
}
