//! Records of what CloudTrail does in a bucket: its own calls are events too.

use crate::entity::Bucket;
use crate::notifier::Cause;
use opentrail_eventlog::{Event, Intake};
use opentrail_model::identity::UserIdentity;
use opentrail_model::record::{EventKind, Record, Resource};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Who delivers log files.
pub(crate) const DELIVERER: &str = "cloudtrail.amazonaws.com";
/// The canned ACL log files are written with.
pub(crate) const DELIVERY_ACL: &str = "bucket-owner-full-control";

/// One call that CloudTrail made.
pub(crate) struct ServiceCall<'a> {
    pub service: &'a str,
    pub bucket: &'a Bucket,
    pub operation: &'static str,
    /// The object's key; `None` for a call on the bucket.
    pub key: Option<&'a str>,
    pub bytes_in: usize,
    /// Error code and message, if it failed.
    pub error: Option<(&'a str, &'a str)>,
    pub now: OffsetDateTime,
}

impl ServiceCall<'_> {
    /// The event, in the account of the bucket's owner.
    pub(crate) fn event(&self, intake: &Intake) -> Event {
        let record = Record {
            kind: if self.key.is_some() { EventKind::DataCall } else { EventKind::ManagementCall },
            user_identity: UserIdentity::Service { invoked_by: self.service.into() },
            event_time: self.now,
            event_source: "s3.amazonaws.com".into(),
            event_name: self.operation.into(),
            region: self.bucket.region.clone(),
            source_ip: self.service.into(),
            user_agent: Some(self.service.into()),
            error_code: self.error.map(|(code, _)| code.to_owned()),
            error_message: self.error.map(|(_, message)| message.to_owned()),
            request_parameters: self.parameters(),
            response_elements: Value::Null,
            additional_event_data: Some(json!({"bytesTransferredIn": self.bytes_in, "bytesTransferredOut": 0})),
            request_id: Some(request_id()),
            event_id: intake.event_id(),
            read_only: self.key.is_none(),
            resources: self.resources(),
            api_version: None,
            recipient_account: self.bucket.account.clone(),
            shared_event_id: None,
            service_event_details: None,
            tls_details: None,
            session_from_console: false,
        };
        Event { account: record.recipient_account.clone(), region: record.region.clone(), record: record.to_json().into() }
    }

    /// Who made it happen, for notifications.
    pub(crate) fn cause(&self) -> Cause {
        Cause {
            at: self.now,
            principal_id: format!("AWS:{}", self.service),
            source_ip: self.service.into(),
            request_id: request_id(),
            host_id: String::new(),
        }
    }

    fn parameters(&self) -> Value {
        let Bucket { name, region, .. } = self.bucket;
        let host = format!("{name}.s3.{region}.amazonaws.com");
        match self.key {
            Some(key) => json!({"bucketName": name, "Host": host, "x-amz-acl": DELIVERY_ACL, "key": key}),
            None => json!({"bucketName": name, "Host": host, "acl": ""}),
        }
    }

    fn resources(&self) -> Vec<Resource> {
        resources(self.bucket, self.key)
    }
}

/// The resources of an event about a bucket, or an object in it.
pub(crate) fn resources(bucket: &Bucket, key: Option<&str>) -> Vec<Resource> {
    let object = key.map(|key| Resource {
        account: None,
        kind: Some("AWS::S3::Object".into()),
        arn: Some(format!("arn:aws:s3:::{}/{key}", bucket.name)),
        arn_prefix: None,
    });
    let bucket = Resource {
        account: Some(bucket.account.clone()),
        kind: Some("AWS::S3::Bucket".into()),
        arn: Some(format!("arn:aws:s3:::{}", bucket.name)),
        arn_prefix: None,
    };
    object.into_iter().chain([bucket]).collect()
}

/// Sixteen upper-case hex digits, as S3's request ids are.
pub(crate) fn request_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..16].to_ascii_uppercase()
}
