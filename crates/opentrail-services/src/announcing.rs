//! Telling topics and queues of what this server does itself: log files of trails, and what happens to objects in buckets.
//!
//! Everything here makes changes for the entry of what it tells of.

use async_trait::async_trait;
use opentrail_catalog::Changes;
use opentrail_delivery::{AnnounceFault, Announcer};
use opentrail_messaging::topics::Draft;
use opentrail_messaging::{Queues, Sender, Topic, Topics};
use opentrail_model::trail::Trail;
use opentrail_rules::{BusEvent, DEFAULT_BUS, EventBus, EventDraft};
use opentrail_storage::{Bucket, Cause, DestinationFault, Happening, NotificationTarget, Notifications, Notifier, TargetKind};
use serde_json::{Value, json};
use std::sync::Arc;
use time::OffsetDateTime;
use time::macros::format_description;

/// Publishes what CloudTrail tells of log files.
pub struct TopicAnnouncer {
    topics: Topics,
}

impl TopicAnnouncer {
    pub fn new(topics: Topics) -> Self {
        Self { topics }
    }

    /// The trail's topic, if it has one.
    ///
    /// # Errors
    /// If the topic is not there or its policy does not let CloudTrail publish.
    pub fn topic_of(&self, trail: &Trail) -> Result<Option<Arc<Topic>>, AnnounceFault> {
        let Some(arn) = trail.sns_topic_arn() else { return Ok(None) };
        let topic = self.topics.by_arn(&arn).ok_or_else(|| fault("NotFound", "the topic does not exist"))?;
        let trail_arn = trail.arn();
        let sender = Sender { service: "cloudtrail.amazonaws.com", source_arn: &trail_arn, source_account: &trail.account };
        if !sender.may_publish(&topic) {
            return Err(fault("AuthorizationError", "the topic's policy does not let CloudTrail publish"));
        }
        Ok(Some(topic))
    }

    /// Adds to `changes` a message to the trail's topic.
    ///
    /// # Errors
    /// As [`Self::topic_of`].
    pub fn publish(&self, trail: &Trail, message: String, changes: &mut Changes) -> Result<(), AnnounceFault> {
        let Some(topic) = self.topic_of(trail)? else { return Ok(()) };
        let published = self.topics.publish(&topic, Draft::text(message), changes);
        published.map(drop).map_err(|error| fault("InternalError", &error.to_string()))
    }
}

fn fault(code: &str, message: &str) -> AnnounceFault {
    AnnounceFault { code: code.into(), message: message.into() }
}

impl Announcer for TopicAnnouncer {
    fn announce(&self, trail: &Trail, keys: &[String], changes: &mut Changes) -> Result<(), AnnounceFault> {
        self.publish(trail, json!({"s3Bucket": trail.bucket, "s3ObjectKey": keys}).to_string(), changes)
    }
}

/// Delivers S3's event notifications to queues and topics.
pub struct EventNotifier {
    queues: Queues,
    topics: Topics,
}

impl EventNotifier {
    pub fn new(queues: Queues, topics: Topics) -> Self {
        Self { queues, topics }
    }

    /// Adds to `changes` a message for one destination.
    fn tell(&self, bucket: &Bucket, target: &NotificationTarget, body: String, changes: &mut Changes) -> Result<(), String> {
        let arn = format!("arn:aws:s3:::{}", bucket.name);
        let sender = Sender { service: "s3.amazonaws.com", source_arn: &arn, source_account: &bucket.account };
        match target.kind {
            TargetKind::Queue => {
                let queue = self.queues.by_arn(&target.arn).ok_or("the queue does not exist")?;
                if !sender.may_send(&queue) {
                    return Err("the queue's policy does not let S3 send".into());
                }
                changes.put(&self.queues.message(&queue, "s3.amazonaws.com", body));
            }
            TargetKind::Topic => {
                let topic = self.topics.by_arn(&target.arn).ok_or("the topic does not exist")?;
                if !sender.may_publish(&topic) {
                    return Err("the topic's policy does not let S3 publish".into());
                }
                let draft = Draft { subject: Some("Amazon S3 Notification".into()), ..Draft::text(body) };
                self.topics.publish(&topic, draft, changes).map_err(|error| error.to_string())?;
            }
            TargetKind::Function => return Err("functions are not supported by OpenTrail".into()),
        }
        Ok(())
    }
}

#[async_trait]
impl Notifier for EventNotifier {
    async fn check(&self, bucket: &Bucket, wanted: &Notifications, cause: &Cause) -> Result<Changes, DestinationFault> {
        let fault = |arn: &str| DestinationFault {
            arn: arn.to_owned(),
            message: "Unable to validate the following destination configurations".into(),
        };
        let mut changes = Changes::new();
        for target in &wanted.targets {
            let body = json!({
                "Service": "Amazon S3",
                "Event": "s3:TestEvent",
                "Time": moment(cause.at),
                "Bucket": bucket.name,
                "RequestId": cause.request_id,
                "HostId": cause.host_id,
            });
            self.tell(bucket, target, body.to_string(), &mut changes).map_err(|reason| {
                tracing::info!(bucket = bucket.name, arn = target.arn, reason, "a destination of event notifications is refused");
                fault(&target.arn)
            })?;
        }
        Ok(changes)
    }

    fn changes(&self, bucket: &Bucket, happenings: &[Happening], cause: &Cause) -> Changes {
        let mut changes = Changes::new();
        for happening in happenings {
            if bucket.settings.notifications.event_bridge
                && let Some(event) = bus_event(bucket, happening, cause)
            {
                changes.put(&event);
            }
            for target in bucket.settings.notifications.targets_of(happening.event, &happening.key) {
                let body = json!({"Records": [record(bucket, target, happening, cause)]}).to_string();
                if let Err(reason) = self.tell(bucket, target, body, &mut changes) {
                    tracing::warn!(
                        bucket = bucket.name,
                        arn = target.arn,
                        event = happening.event,
                        reason,
                        "an event notification could not be delivered"
                    );
                }
            }
        }
        changes
    }
}

/// What the default event bus is told of an object. `None` for what EventBridge is not told of.
///
/// Source: Amazon S3 User Guide, "EventBridge event message structure".
fn bus_event(bucket: &Bucket, happening: &Happening, cause: &Cause) -> Option<BusEvent> {
    let (kind, reason) = happening.event.split_once(':')?;
    let detail_type = match kind {
        "ObjectCreated" => "Object Created",
        "ObjectRemoved" | "LifecycleExpiration" => "Object Deleted",
        "ObjectTagging" if reason == "Put" => "Object Tags Added",
        "ObjectTagging" => "Object Tags Deleted",
        "ObjectAcl" => "Object ACL Updated",
        _ => return None,
    };
    let mut object = json!({"key": happening.key});
    if kind == "ObjectCreated" {
        object["size"] = happening.size.into();
    }
    if !happening.etag.is_empty() {
        object["etag"] = happening.etag.as_str().into();
    }
    if let Some(version) = &happening.version_id {
        object["version-id"] = version.as_str().into();
    }
    object["sequencer"] = happening.sequencer.as_str().into();
    let mut detail = json!({
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": object,
        "request-id": cause.request_id,
        "requester": cause.principal_id.trim_start_matches("AWS:"),
        "source-ip-address": cause.source_ip,
    });
    match kind {
        "ObjectCreated" => {
            detail["reason"] = match reason {
                "Put" => "PutObject".into(),
                "Copy" => "CopyObject".into(),
                "Post" => "POST Object".into(),
                other => other.into(),
            };
        }
        "ObjectRemoved" | "LifecycleExpiration" => {
            detail["reason"] = if kind == "ObjectRemoved" { "DeleteObject" } else { "Lifecycle Expiration" }.into();
            detail["deletion-type"] =
                if reason == "DeleteMarkerCreated" { "Delete Marker Created" } else { "Permanently Deleted" }.into();
        }
        _ => {}
    }
    let draft = EventDraft {
        detail_type,
        source: "aws.s3",
        account: &bucket.account,
        region: &bucket.region,
        time: cause.at,
        resources: vec![format!("arn:aws:s3:::{}", bucket.name)],
        detail,
    };
    Some(BusEvent::new(EventBus::key_of(&bucket.account, &bucket.region, DEFAULT_BUS), draft.event()))
}

/// One record in S3's form, version 2.1.
fn record(bucket: &Bucket, target: &NotificationTarget, happening: &Happening, cause: &Cause) -> Value {
    let mut object = json!({"key": encoded(&happening.key)});
    if happening.event.starts_with("ObjectCreated") {
        object["size"] = happening.size.into();
        object["eTag"] = happening.etag.as_str().into();
    }
    if let Some(version) = &happening.version_id {
        object["versionId"] = version.as_str().into();
    }
    object["sequencer"] = happening.sequencer.as_str().into();
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": moment(cause.at),
        "eventName": happening.event,
        "userIdentity": {"principalId": cause.principal_id},
        "requestParameters": {"sourceIPAddress": cause.source_ip},
        "responseElements": {"x-amz-request-id": cause.request_id, "x-amz-id-2": cause.host_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": target.id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": bucket.account},
                "arn": format!("arn:aws:s3:::{}", bucket.name),
            },
            "object": object,
        },
    })
}

/// Keys are form-encoded: blanks become `+`, slashes stay.
fn encoded(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn moment(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(time::UtcOffset::UTC).format(form).expect("every moment can be written like this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_form_encoded() {
        for (key, expect) in [("a/b.gz", "a/b.gz"), ("a b@c+d", "a+b%40c%2Bd"), ("gr\u{fc}n", "gr%C3%BCn")] {
            assert_eq!(encoded(key), expect);
        }
    }
}
