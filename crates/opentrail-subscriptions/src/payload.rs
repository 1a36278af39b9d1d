//! The messages that targets get, in CloudWatch Logs' form.
//!
//! Source: Amazon CloudWatch Logs User Guide, "Log group-level subscription filters".

use crate::SubscriptionFilter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentrail_logs::LogEvent;
use serde_json::{Value, json};
use std::io::Write;

/// Largest record of Kinesis, before base64; Firehose takes 1,000 KiB.
pub(crate) const MAX_RECORD_BYTES: usize = 1_000 * 1024;
/// Largest `awslogs` message to a queue or topic: 256 KiB.
pub(crate) const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// A gzip member that holds a message.
pub(crate) type Payload = Vec<u8>;

/// The data messages of some events of a stream, none larger than `most`. An event that alone is larger is left out; the
/// second value counts those.
pub(crate) fn data(filter: &SubscriptionFilter, stream: &str, events: &[LogEvent], most: usize) -> (Vec<Payload>, u64) {
    if events.is_empty() {
        return (Vec::new(), 0);
    }
    let shown: Vec<Value> = events
        .iter()
        .map(|event| json!({"id": event.id.to_string(), "timestamp": event.timestamp(), "message": event.message}))
        .collect();
    let message = json!({
        "messageType": "DATA_MESSAGE",
        "owner": filter.account,
        "logGroup": filter.group,
        "logStream": stream,
        "subscriptionFilters": [filter.name],
        "logEvents": shown,
    });
    let payload = compressed(&message);
    if payload.len() <= most {
        return (vec![payload], 0);
    }
    if events.len() == 1 {
        return (Vec::new(), 1);
    }
    let (head, tail) = events.split_at(events.len() / 2);
    let ((mut payloads, left_out), (more, more_left_out)) = (data(filter, stream, head, most), data(filter, stream, tail, most));
    payloads.extend(more);
    (payloads, left_out + more_left_out)
}

/// What a target gets when it is subscribed.
pub(crate) fn control(target: &str, now: i64) -> Payload {
    compressed(&json!({
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [
            {"id": "", "timestamp": now, "message": format!("CWL CONTROL MESSAGE: Checking health of destination {target}.")},
        ],
    }))
}

fn compressed(message: &Value) -> Payload {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(message.to_string().as_bytes()).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A payload as text, as functions get it: `{"awslogs":{"data":"<base64>"}}`.
pub(crate) fn as_text(payload: &[u8]) -> String {
    json!({"awslogs": {"data": STANDARD.encode(payload)}}).to_string()
}

/// Most bytes of a payload whose text form fits in `most`.
pub(crate) const fn fitting_text(most: usize) -> usize {
    (most - 64) / 4 * 3
}
