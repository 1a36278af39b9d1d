//! Digest files: what they say and what is signed of them.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail digest file structure". Hashes are lower-case hex SHA-256 over the
//! uncompressed bytes, signatures lower-case hex RSASSA-PKCS1-v1_5 with SHA-256.

use serde::{Deserialize, Serialize};

pub const HASH_ALGORITHM: &str = "SHA-256";
pub const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
/// S3 user metadata name that carries the signature.
pub const METADATA_SIGNATURE: &str = "signature";
/// S3 user metadata name that carries the signature's algorithm.
pub const METADATA_SIGNATURE_ALGORITHM: &str = "signature-algorithm";
/// S3 user metadata name that marks a backfill digest.
pub const METADATA_BACKFILL: &str = "backfill-generation-timestamp";

/// One digest, fields in the order AWS writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    pub aws_account_id: String,
    pub digest_start_time: String,
    pub digest_end_time: String,
    pub digest_s3_bucket: String,
    pub digest_s3_object: String,
    pub digest_public_key_fingerprint: String,
    pub digest_signature_algorithm: String,
    pub newest_event_time: Option<String>,
    pub oldest_event_time: Option<String>,
    pub previous_digest_s3_bucket: Option<String>,
    pub previous_digest_s3_object: Option<String>,
    pub previous_digest_hash_value: Option<String>,
    pub previous_digest_hash_algorithm: Option<String>,
    pub previous_digest_signature: Option<String>,
    pub log_files: Vec<DigestLogFile>,
}

/// One log file that a digest vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestLogFile {
    pub s3_bucket: String,
    pub s3_object: String,
    pub hash_value: String,
    pub hash_algorithm: String,
    pub newest_event_time: String,
    pub oldest_event_time: String,
}

/// The UTF-8 text a digest's signature covers: four parts joined by one line feed, none at the end.
///
/// `digest_hash` is the hex SHA-256 of the uncompressed digest as delivered; without a previous signature the last
/// part is the word `null`.
pub fn signing_string(end_time: &str, bucket: &str, key: &str, digest_hash: &str, previous_signature: Option<&str>) -> String {
    format!("{end_time}\n{bucket}/{key}\n{digest_hash}\n{}", previous_signature.unwrap_or("null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_in_order_and_nulls_stay() {
        let digest = Digest {
            aws_account_id: "1".into(),
            digest_start_time: "a".into(),
            digest_end_time: "b".into(),
            digest_s3_bucket: "c".into(),
            digest_s3_object: "d".into(),
            digest_public_key_fingerprint: "e".into(),
            digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
            newest_event_time: None,
            oldest_event_time: None,
            previous_digest_s3_bucket: None,
            previous_digest_s3_object: None,
            previous_digest_hash_value: None,
            previous_digest_hash_algorithm: None,
            previous_digest_signature: None,
            log_files: vec![],
        };
        assert_eq!(
            serde_json::to_string(&digest).expect("serialises"),
            r#"{"awsAccountId":"1","digestStartTime":"a","digestEndTime":"b","digestS3Bucket":"c","digestS3Object":"d","digestPublicKeyFingerprint":"e","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,"previousDigestS3Object":null,"previousDigestHashValue":null,"previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[]}"#
        );
    }

    #[test]
    fn the_signed_text_has_four_lines() {
        assert_eq!(signing_string("t", "b", "k", "h", None), "t\nb/k\nh\nnull");
        assert_eq!(signing_string("t", "b", "k", "h", Some("s")), "t\nb/k\nh\ns");
    }
}
