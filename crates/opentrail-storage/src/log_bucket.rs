//! The port through which trails reach their buckets.

use async_trait::async_trait;
use bytes::Bytes;
use opentrail_model::trail::Trail;

/// A trail, as a bucket policy sees it; or another resource for which a service writes files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailBinding {
    /// Who writes: `cloudtrail.amazonaws.com` for trails.
    pub service: String,
    pub trail_arn: String,
    pub account: String,
    pub home_region: String,
    pub bucket: String,
    /// `S3KeyPrefix` without slashes at its ends.
    pub key_prefix: Option<String>,
    /// `o-…` for an organization trail, whose files lie below it.
    pub organization: Option<String>,
    /// ARN of the KMS key that files are encrypted under.
    pub kms_key: Option<String>,
}

impl TrailBinding {
    /// The binding of a trail with its present settings.
    pub fn of(trail: &Trail) -> Self {
        Self {
            service: crate::service_record::DELIVERER.into(),
            trail_arn: trail.arn(),
            account: trail.account.clone(),
            home_region: trail.home_region.clone(),
            bucket: trail.bucket.clone(),
            key_prefix: trail.key_prefix.clone(),
            organization: trail.organization_id().map(Into::into),
            kms_key: trail.kms_key_id.clone(),
        }
    }
}

/// One file on its way to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogObject {
    pub key: String,
    pub body: Bytes,
    pub content_type: &'static str,
    pub content_encoding: Option<&'static str>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(String, String)>,
}

/// Why a bucket did not take a file; `code` is S3's error code, as GetTrailStatus shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct BucketFault {
    pub code: String,
    pub message: String,
}

impl BucketFault {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    pub fn is_missing_bucket(&self) -> bool {
        self.code == "NoSuchBucket"
    }
}

/// Buckets that log files go to: the embedded store, or any S3-compatible one.
///
/// Durability: `put` answers once the object is durable. Idempotence: the same object may be put again with the same
/// bytes. Ordering: none. Concurrency: any number of calls. Errors: all may be retried; the caller decides how long.
#[async_trait]
pub trait LogBuckets: Send + Sync + 'static {
    /// Whether CloudTrail may use the bucket for this trail: it exists, and its policy lets
    /// `cloudtrail.amazonaws.com` read its ACL and write below `AWSLogs/<account>/`, and below `AWSLogs/<organization>/`
    /// for an organization trail. Writes the empty probe objects.
    async fn check(&self, trail: &TrailBinding) -> Result<(), BucketFault>;

    /// Whether files can be encrypted under a key of this server's KMS.
    fn takes_keys(&self) -> bool;

    /// Writes a file with the canned ACL `bucket-owner-full-control`.
    async fn put(&self, trail: &TrailBinding, object: LogObject) -> Result<(), BucketFault>;
}
