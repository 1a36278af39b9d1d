//! The port through which event notifications learn what happens to objects.

use crate::entity::{Bucket, Object};
use crate::settings::Notifications;
use async_trait::async_trait;
use opentrail_catalog::Changes;
use time::OffsetDateTime;

/// What happened to one version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Without `s3:`: `ObjectCreated:Put`, `ObjectRemoved:DeleteMarkerCreated`, `LifecycleExpiration:Delete`, …
    pub event: &'static str,
    pub key: String,
    /// Of the object; 0 where there is none.
    pub size: u64,
    /// Hex, without quotes; empty where there is none.
    pub etag: String,
    /// `None` in a bucket that was never versioned.
    pub version_id: Option<String>,
    /// Grows with each change of a key.
    pub sequencer: String,
}

impl Happening {
    pub(crate) fn of(event: &'static str, bucket: &Bucket, object: &Object) -> Self {
        Self {
            event,
            key: object.key.clone(),
            size: object.size,
            etag: object.etag.clone(),
            version_id: (!bucket.settings.versioning.is_unversioned()).then(|| object.version_id().to_owned()),
            sequencer: format!("{:016X}", object.sequence),
        }
    }
}

/// Who made it happen, as notifications tell it.
#[derive(Debug, Clone)]
pub struct Cause {
    pub at: OffsetDateTime,
    /// `AWS:…`, or the account's for its root.
    pub principal_id: String,
    pub source_ip: String,
    pub request_id: String,
    pub host_id: String,
}

/// A destination that cannot be notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationFault {
    pub arn: String,
    pub message: String,
}

/// Delivers event notifications.
///
/// Atomicity: what [`Self::changes`] returns goes into the entry of the change it tells of, so it must be quick and cannot
/// fail; sending happens later, from what was kept.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Whether all destinations are there and take S3's messages; what notes the test messages otherwise.
    async fn check(&self, bucket: &Bucket, wanted: &Notifications, cause: &Cause) -> Result<Changes, DestinationFault>;

    /// What notes that somebody is to be told.
    fn changes(&self, bucket: &Bucket, happenings: &[Happening], cause: &Cause) -> Changes;
}

/// Before delivery is there: no destination is taken, so there is never anybody to tell.
pub struct NoNotifier;

#[async_trait]
impl Notifier for NoNotifier {
    async fn check(&self, _bucket: &Bucket, wanted: &Notifications, _cause: &Cause) -> Result<Changes, DestinationFault> {
        let arn = wanted.targets.first().map(|target| target.arn.clone());
        let arn = arn.or(wanted.event_bridge.then(|| "EventBridge".to_owned()));
        match arn {
            Some(arn) => {
                Err(DestinationFault { arn, message: "Unable to validate the following destination configurations".into() })
            }
            None => Ok(Changes::new()),
        }
    }

    fn changes(&self, _bucket: &Bucket, _happenings: &[Happening], _cause: &Cause) -> Changes {
        Changes::new()
    }
}
