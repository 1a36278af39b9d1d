//! Records of what the lifecycle worker does.
//!
//! AWS leaves these out of CloudTrail and tells them only in S3's access logs. An audit trail in which objects vanish without
//! a trace is not one, so here they are events: data events that S3 causes by itself, with the access logs' names inside.

use crate::entity::Bucket;
use crate::notifier::Cause;
use crate::service_record::{request_id, resources};
use crate::storage_class::StorageClass;
use opentrail_eventlog::{Event, Intake};
use opentrail_model::service_event::{Occasion, S3, s3_data_event};
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// One action.
pub(crate) struct LifecycleEvent<'a> {
    pub bucket: &'a Bucket,
    /// `LifecycleExpiration` or `LifecycleTransition`.
    pub name: &'static str,
    /// As S3's access logs call it: `S3.EXPIRE.OBJECT`, …
    pub action: &'static str,
    /// Id of the rule; `None` for what needs none.
    pub rule: Option<&'a str>,
    pub key: &'a str,
    pub version: Option<&'a str>,
    /// Where it was moved.
    pub class: Option<StorageClass>,
}

impl LifecycleEvent<'_> {
    pub(crate) fn event(&self, intake: &Intake, at: OffsetDateTime) -> Event {
        let Bucket { account, region, name, .. } = self.bucket;
        let occasion = Occasion { at, event_id: intake.event_id(), account: account.clone(), region: region.clone() };
        let mut details = Map::new();
        let members = [
            ("action", Some(self.action)),
            ("bucketName", Some(name.as_str())),
            ("key", Some(self.key)),
            ("versionId", self.version),
            ("ruleId", self.rule),
            ("storageClass", self.class.map(StorageClass::name)),
        ];
        for (member, value) in members {
            if let Some(value) = value {
                details.insert(member.into(), value.into());
            }
        }
        let record = s3_data_event(occasion, self.name, resources(self.bucket, Some(self.key)), Value::Object(details));
        Event { account: record.recipient_account.clone(), region: record.region.clone(), record: record.to_json().into() }
    }

    pub(crate) fn cause(&self, at: OffsetDateTime) -> Cause {
        let (principal_id, source_ip) = (format!("AWS:{S3}"), S3.into());
        Cause { at, principal_id, source_ip, request_id: request_id(), host_id: String::new() }
    }
}
