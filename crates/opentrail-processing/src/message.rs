//! What a message announces.
//!
//! CloudTrail's own notification, S3's, and S3's through EventBridge, each as delivered raw or in an SNS envelope, as many
//! envelopes as there are. Source: AWS CloudTrail User Guide "Configuring Amazon SNS notifications", Amazon S3 User Guide
//! "Event message structure".

use crate::limits;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A file that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub bucket: String,
    pub key: String,
    pub size: Option<u64>,
    /// The bucket's region, where the message says so.
    pub region: Option<String>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// Files to fetch, and what else it named with the reason why it is no file to fetch.
    Files { files: Vec<Announced>, skipped: Vec<String> },
    /// CloudTrail tries the topic out when a trail is created or changed.
    Validation,
    /// S3 tries the destination out when notifications are configured.
    TestEvent,
}

/// Why a message is of no form that is understood. Its text is not repeated: it can be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    #[error("the message is larger than 1 MiB")]
    TooLarge,
    #[error("the message is not a JSON object")]
    NotJson,
    #[error("the message is neither a notification of CloudTrail, nor of S3, nor an envelope around one")]
    UnknownForm,
    #[error("the message announces more files than may be in one")]
    TooManyFiles,
    #[error("the notification lacks a bucket or a key")]
    Incomplete,
}

/// What CloudTrail publishes to a topic to try it out.
const VALIDATION: &str = "CloudTrail validation message.";
/// Envelopes within envelopes: SNS to SNS does not exist, but forwarders do.
const ENVELOPES: usize = 4;

#[derive(Deserialize)]
struct Form<'a> {
    #[serde(rename = "Message", borrow)]
    message: Option<&'a RawValue>,
    #[serde(rename = "s3Bucket", borrow)]
    bucket: Option<Cow<'a, str>>,
    #[serde(rename = "s3ObjectKey", borrow)]
    keys: Option<Keys<'a>>,
    #[serde(rename = "Records", borrow)]
    records: Option<Vec<&'a RawValue>>,
    #[serde(rename = "Event", borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

/// CloudTrail sends a list; a single string is taken as well.
#[derive(Deserialize)]
#[serde(untagged)]
enum Keys<'a> {
    #[serde(borrow)]
    One(Cow<'a, str>),
    #[serde(borrow)]
    Many(Vec<Cow<'a, str>>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record {
    event_source: Option<String>,
    event_name: Option<String>,
    aws_region: Option<String>,
    s3: Option<S3Entity>,
}

/// `s3` of a record, or `detail` of an EventBridge event.
#[derive(Deserialize)]
struct S3Entity {
    bucket: Option<S3Bucket>,
    object: Option<S3Object>,
}

#[derive(Deserialize)]
struct S3Bucket {
    name: Option<String>,
}

#[derive(Deserialize)]
struct S3Object {
    key: Option<String>,
    size: Option<u64>,
}

/// Reads the body of a message.
pub fn read(body: &str) -> Result<Announcement, NotUnderstood> {
    if body.len() > limits::MESSAGE_BYTES {
        return Err(NotUnderstood::TooLarge);
    }
    read_within(body, ENVELOPES)
}

fn read_within(body: &str, envelopes: usize) -> Result<Announcement, NotUnderstood> {
    if body.trim() == VALIDATION {
        return Ok(Announcement::Validation);
    }
    let form: Form<'_> = serde_json::from_str(body)
        .map_err(|error| if error.is_data() { NotUnderstood::UnknownForm } else { NotUnderstood::NotJson })?;
    if let (Some(bucket), Some(keys)) = (&form.bucket, &form.keys) {
        return cloudtrail(bucket, keys);
    }
    if let Some(records) = &form.records {
        return s3(records);
    }
    if form.event.as_deref() == Some("s3:TestEvent") {
        return Ok(Announcement::TestEvent);
    }
    if let (Some("aws.s3"), Some(kind), Some(detail)) = (form.source.as_deref(), &form.detail_type, form.detail) {
        return event_bridge(kind, detail.get(), form.region.as_deref());
    }
    match form.message {
        Some(inner) if envelopes > 0 => match serde_json::from_str::<Cow<'_, str>>(inner.get()) {
            Ok(text) => read_within(&text, envelopes - 1),
            // Some forwarders unpack the inner JSON.
            Err(_) => read_within(inner.get(), envelopes - 1),
        },
        _ => Err(NotUnderstood::UnknownForm),
    }
}

fn cloudtrail(bucket: &str, keys: &Keys<'_>) -> Result<Announcement, NotUnderstood> {
    let keys: Vec<&str> = match keys {
        Keys::One(key) => vec![key.as_ref()],
        Keys::Many(keys) => keys.iter().map(AsRef::as_ref).collect(),
    };
    if keys.len() > limits::FILES_OF_MESSAGE {
        return Err(NotUnderstood::TooManyFiles);
    }
    if bucket.is_empty() || keys.is_empty() || keys.contains(&"") {
        return Err(NotUnderstood::Incomplete);
    }
    let file = |key: &str| Announced { bucket: bucket.to_owned(), key: key.to_owned(), size: None, region: None };
    Ok(Announcement::Files { files: keys.into_iter().map(file).collect(), skipped: Vec::new() })
}

fn s3(records: &[&RawValue]) -> Result<Announcement, NotUnderstood> {
    if records.len() > limits::FILES_OF_MESSAGE {
        return Err(NotUnderstood::TooManyFiles);
    }
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for record in records {
        let record: S3Record = serde_json::from_str(record.get()).map_err(|_| NotUnderstood::UnknownForm)?;
        let (source, name) = (record.event_source.unwrap_or_default(), record.event_name.unwrap_or_default());
        // A log file's own records have an eventSource too, but never this one.
        if source != "aws:s3" {
            return Err(NotUnderstood::UnknownForm);
        }
        if !name.strip_prefix("s3:").unwrap_or(&name).starts_with("ObjectCreated:") {
            skipped.push(format!("an S3 event {} creates no file", shown(&name)));
            continue;
        }
        let (bucket, key, size) = entity(record.s3)?;
        files.push(Announced { bucket, key: form_decoded(&key), size, region: record.aws_region });
    }
    Ok(Announcement::Files { files, skipped })
}

fn event_bridge(kind: &str, detail: &str, region: Option<&str>) -> Result<Announcement, NotUnderstood> {
    if kind != "Object Created" {
        let skipped = vec![format!("an S3 event {} creates no file", shown(kind))];
        return Ok(Announcement::Files { files: Vec::new(), skipped });
    }
    let detail = serde_json::from_str(detail).map_err(|_| NotUnderstood::UnknownForm)?;
    // EventBridge does not encode keys.
    let (bucket, key, size) = entity(Some(detail))?;
    let files = vec![Announced { bucket, key, size, region: region.map(str::to_owned) }];
    Ok(Announcement::Files { files, skipped: Vec::new() })
}

fn entity(entity: Option<S3Entity>) -> Result<(String, String, Option<u64>), NotUnderstood> {
    let parts = entity.and_then(|entity| Some((entity.bucket?.name?, entity.object?)));
    let (bucket, object) = parts.ok_or(NotUnderstood::Incomplete)?;
    let key = object.key.filter(|key| !key.is_empty() && !bucket.is_empty()).ok_or(NotUnderstood::Incomplete)?;
    Ok((bucket, key, object.size))
}

/// A piece of a message that may be shown: short, and nothing a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// S3 writes keys into its notifications as a form does: `+` for a blank.
fn form_decoded(key: &str) -> String {
    let blanks = key.replace('+', " ");
    percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn files(announced: &[(&str, &str)]) -> Result<Announcement, NotUnderstood> {
        let file =
            |(bucket, key): &(&str, &str)| Announced { bucket: (*bucket).into(), key: (*key).into(), size: None, region: None };
        Ok(Announcement::Files { files: announced.iter().map(file).collect(), skipped: vec![] })
    }

    /// Raw, in an envelope, and in two.
    fn check(body: &str, expect: &Result<Announcement, NotUnderstood>) {
        let envelope = |message: &str| {
            json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:r:1:t", "Message": message, "Timestamp": "t", "SignatureVersion": "1", "Signature": "s", "SigningCertURL": "u", "UnsubscribeURL": "u"}).to_string()
        };
        assert_eq!(&read(body), expect, "{body}");
        assert_eq!(&read(&envelope(body)), expect, "in an envelope: {body}");
        assert_eq!(&read(&envelope(&envelope(body))), expect, "in two envelopes: {body}");
    }

    fn s3_record(event: &str, key: &str) -> serde_json::Value {
        json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventTime": "1970-01-01T00:00:00.000Z", "eventName": event,
            "userIdentity": {"principalId": "p"}, "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
            "bucket": {"name": "b", "ownerIdentity": {"principalId": "p"}, "arn": "arn:aws:s3:::b"}, "object": {"key": key, "size": 7, "eTag": "e", "sequencer": "0"}}})
    }

    #[test]
    fn every_form_is_understood() {
        check(r#"{"s3Bucket":"b","s3ObjectKey":["a/1.json.gz","a+b%20c"]}"#, &files(&[("b", "a/1.json.gz"), ("b", "a+b%20c")]));
        check(r#"{"s3Bucket":"b","s3ObjectKey":"a"}"#, &files(&[("b", "a")]));
        check("CloudTrail validation message.", &Ok(Announcement::Validation));
        check(
            &json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "t", "Bucket": "b"}).to_string(),
            &Ok(Announcement::TestEvent),
        );
        let file = |key: &str| Announced { bucket: "b".into(), key: key.into(), size: Some(7), region: Some("eu-west-1".into()) };
        let records = [
            s3_record("ObjectCreated:Put", "a+b%40%C3%A4/c"),
            s3_record("ObjectRemoved:Delete", "x"),
            s3_record("ObjectCreated:CompleteMultipartUpload", "y"),
        ];
        let skipped = vec!["an S3 event ObjectRemoved:Delete creates no file".to_owned()];
        check(
            &json!({"Records": records}).to_string(),
            &Ok(Announcement::Files { files: vec![file("a b@ä/c"), file("y")], skipped }),
        );
        let bridge = |kind: &str| {
            json!({"version": "0", "source": "aws.s3", "detail-type": kind, "region": "eu-west-1", "resources": ["arn:aws:s3:::b"], "detail": {"version": "0", "bucket": {"name": "b"}, "object": {"key": "a+b", "size": 7, "etag": "e"}, "reason": "PutObject"}}).to_string()
        };
        check(&bridge("Object Created"), &Ok(Announcement::Files { files: vec![file("a+b")], skipped: vec![] }));
        check(
            &bridge("Object Deleted"),
            &Ok(Announcement::Files { files: vec![], skipped: vec!["an S3 event Object Deleted creates no file".into()] }),
        );
        // An envelope whose inner JSON was unpacked on the way.
        assert_eq!(read(r#"{"Message":{"s3Bucket":"b","s3ObjectKey":["k"]}}"#), files(&[("b", "k")]));
    }

    #[test]
    fn other_messages_are_refused() {
        for (body, expect) in [
            ("", NotUnderstood::NotJson),
            ("hello", NotUnderstood::NotJson),
            ("[1]", NotUnderstood::UnknownForm),
            ("{}", NotUnderstood::UnknownForm),
            (r#"{"Message":"hello"}"#, NotUnderstood::NotJson),
            (r#"{"s3Bucket":"b"}"#, NotUnderstood::UnknownForm),
            (r#"{"s3Bucket":"","s3ObjectKey":["k"]}"#, NotUnderstood::Incomplete),
            (r#"{"s3Bucket":"b","s3ObjectKey":[]}"#, NotUnderstood::Incomplete),
            (r#"{"s3Bucket":7,"s3ObjectKey":[]}"#, NotUnderstood::UnknownForm),
            (r#"{"Records":[{"eventSource":"iam.amazonaws.com","eventName":"CreateUser"}]}"#, NotUnderstood::UnknownForm),
            (r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{}}]}"#, NotUnderstood::Incomplete),
        ] {
            assert_eq!(read(body), Err(expect), "{body}");
        }
        let many: Vec<String> = (0..=limits::FILES_OF_MESSAGE).map(|n| n.to_string()).collect();
        assert_eq!(read(&json!({"s3Bucket": "b", "s3ObjectKey": many}).to_string()), Err(NotUnderstood::TooManyFiles));
        assert_eq!(read(&" ".repeat(limits::MESSAGE_BYTES + 1)), Err(NotUnderstood::TooLarge));
        let mut deep = "CloudTrail validation message.".to_owned();
        for _ in 0..6 {
            deep = json!({"Message": deep}).to_string();
        }
        assert_eq!(read(&deep), Err(NotUnderstood::UnknownForm));
    }
}
