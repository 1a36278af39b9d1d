//! A digest as found: leniently read, with what is signed of it.

use crate::gzip::{GzipProblem, Member};
use crate::limits;
use opentrail_model::timestamp;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;

/// The fields a check needs. Those AWS's own check requires are required; unknown ones are ignored.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestDocument {
    #[serde(default)]
    pub aws_account_id: Option<String>,
    pub digest_start_time: String,
    pub digest_end_time: String,
    pub digest_s3_bucket: String,
    pub digest_s3_object: String,
    pub digest_public_key_fingerprint: String,
    #[serde(default)]
    pub previous_digest_s3_bucket: Option<String>,
    #[serde(default)]
    pub previous_digest_s3_object: Option<String>,
    #[serde(default)]
    pub previous_digest_hash_value: Option<String>,
    /// May be null but must be there: it is part of the signed text.
    #[serde(deserialize_with = "present")]
    pub previous_digest_signature: Option<String>,
    pub log_files: Vec<LogFileEntry>,
}

/// One log file as a digest names it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFileEntry {
    pub s3_bucket: String,
    pub s3_object: String,
    pub hash_value: String,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// A digest that could be read.
#[derive(Debug, Clone)]
pub struct ParsedDigest {
    pub document: DigestDocument,
    /// Lower-case hex SHA-256 of the uncompressed bytes.
    pub hash: String,
    pub start: OffsetDateTime,
    pub end: OffsetDateTime,
}

/// Why a digest could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestProblem {
    Gzip(GzipProblem),
    Json(String),
    Time,
}

impl DigestProblem {
    pub fn text(&self) -> String {
        match self {
            Self::Gzip(problem) => problem.text().to_owned(),
            Self::Json(text) => format!("is not a digest: {text}"),
            Self::Time => "has start or end times that cannot be read".to_owned(),
        }
    }
}

impl ParsedDigest {
    /// Reads the stored, compressed bytes.
    pub fn read(stored: &[u8]) -> Result<Self, DigestProblem> {
        Self::read_within(stored, limits::DIGEST_BYTES)
    }

    /// [`Self::read`] with a limit on the uncompressed bytes.
    pub fn read_within(stored: &[u8], limit: u64) -> Result<Self, DigestProblem> {
        let mut member = Member::new(Vec::new(), limit);
        member.feed(stored).map_err(DigestProblem::Gzip)?;
        Self::parse(&member.finish().map_err(DigestProblem::Gzip)?)
    }

    /// Reads the uncompressed bytes.
    pub fn parse(plain: &[u8]) -> Result<Self, DigestProblem> {
        let document: DigestDocument = serde_json::from_slice(plain).map_err(|error| DigestProblem::Json(error.to_string()))?;
        let time = |text: &str| timestamp::parse_event_time(text).ok_or(DigestProblem::Time);
        Ok(Self {
            hash: hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, plain)),
            start: time(&document.digest_start_time)?,
            end: time(&document.digest_end_time)?,
            document,
        })
    }

    /// The bytes the signature covers.
    pub fn signed_text(&self) -> String {
        opentrail_model::digest::signing_string(
            &self.document.digest_end_time,
            &self.document.digest_s3_bucket,
            &self.document.digest_s3_object,
            &self.hash,
            self.document.previous_digest_signature.as_deref(),
        )
    }

    /// Bucket and key of the digest before this one; `None` for a starting digest.
    pub fn previous(&self) -> Option<(&str, &str)> {
        Some((self.document.previous_digest_s3_bucket.as_deref()?, self.document.previous_digest_s3_object.as_deref()?))
    }

    /// Where it says it is.
    pub fn named(&self) -> String {
        s3_url(&self.document.digest_s3_bucket, &self.document.digest_s3_object)
    }
}

pub fn s3_url(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{"digestStartTime":"2023-10-15T22:04:04Z","digestEndTime":"2023-10-15T23:04:04Z","digestS3Bucket":"b",
        "digestS3Object":"a\/b","digestPublicKeyFingerprint":"f","previousDigestSignature":null,"logFiles":[],"more":1}"#;

    #[test]
    fn what_aws_requires_is_required() {
        let digest = ParsedDigest::parse(FULL.as_bytes()).expect("complete");
        assert_eq!(digest.previous(), None);
        assert_eq!(digest.signed_text(), format!("2023-10-15T23:04:04Z\nb/a/b\n{}\nnull", digest.hash));
        for field in ["digestStartTime", "digestS3Object", "previousDigestSignature", "logFiles"] {
            let without = FULL.replace(field, "other");
            assert!(matches!(ParsedDigest::parse(without.as_bytes()), Err(DigestProblem::Json(_))), "{field}");
        }
        let odd_time = FULL.replace("2023-10-15T22", "2023-10-15 22");
        assert_eq!(ParsedDigest::parse(odd_time.as_bytes()).err(), Some(DigestProblem::Time));
        assert_eq!(ParsedDigest::read(b"{}").err(), Some(DigestProblem::Gzip(GzipProblem::NotGzip)));
    }

    #[test]
    fn observed_and_documented_digests_parse() {
        let corpus = std::env::var_os("OPENTRAIL_CORPUS").map_or_else(
            || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
            std::path::PathBuf::from,
        );
        for (name, logs) in
            [("observed-digest-single-line", 2), ("doc-sample-digest-one-file", 1), ("doc-sample-digest-empty", 0)]
        {
            let path = corpus.join("digest-vectors").join(format!("{name}.json"));
            let Ok(plain) = std::fs::read(&path) else {
                println!("skipped: no {}", path.display());
                continue;
            };
            let digest = ParsedDigest::parse(&plain).expect(name);
            assert!(digest.document.log_files.len() >= logs, "{name}");
            assert!(digest.previous().is_some(), "{name}");
            assert!(!digest.document.digest_s3_object.contains('\\'));
        }
    }
}
