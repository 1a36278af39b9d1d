//! ReceiveMessage.

use super::faults::{of_queue, within};
use super::messages::shown;
use super::{attributes, queues};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_messaging::queues::{ReceivedMessage, Wanted, md5_of_attributes, md5_of_body};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Longest name of an attribute that is asked for, and most of them.
const MAX_NAMES: usize = 64;

/// The system attributes that can be asked for.
const SYSTEM_ATTRIBUTES: &[&str] = &[
    "AWSTraceHeader",
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReceiveMessageRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    #[serde(default)]
    max_number_of_messages: Option<i64>,
    #[serde(default)]
    visibility_timeout: Option<i64>,
    #[serde(default)]
    wait_time_seconds: Option<i64>,
}

/// # Errors
/// `QueueDoesNotExist`, `InvalidParameterValue`, `InvalidAttributeName`, `OverLimit`.
pub async fn receive_message(app: &Arc<App>, call: &Call, input: ReceiveMessageRequest) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    let max = within(input.max_number_of_messages, "MaxNumberOfMessages", 1, 10, 1)?;
    let visibility = within(input.visibility_timeout, "VisibilityTimeout", 0, 43_200, queue.visibility_timeout_s)?;
    let wait = within(input.wait_time_seconds, "WaitTimeSeconds", 0, 20, queue.wait_s)?;
    let system: Vec<&String> = input.attribute_names.iter().chain(&input.message_system_attribute_names).collect();
    // `AttributeNames` was once shared with GetQueueAttributes; callers still send names of queue attributes.
    let known = |name: &str| SYSTEM_ATTRIBUTES.contains(&name) || attributes::READABLE.contains(&name);
    if let Some(unknown) = system.iter().find(|name| !known(name)) {
        return Err(attributes::unknown(unknown));
    }
    if system.len() > MAX_NAMES || input.message_attribute_names.len() > MAX_NAMES {
        return Err(attributes::unknown("names: too many"));
    }
    let wanted =
        Wanted { max: max as usize, visibility: Duration::from_secs(visibility.into()), wait: Duration::from_secs(wait.into()) };
    let received = app.queues.receive(&queue, wanted, call.client_gone()).await.map_err(of_queue)?;
    let wants = |name: &str| system.iter().any(|wanted| *wanted == "All" || *wanted == name);
    let messages: Vec<Value> =
        received.messages.iter().map(|message| show(message, wants, &input.message_attribute_names)).collect();
    let output = if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) };
    Ok(Reply { changes: received.changes, resources: queues::resources(&queue), ..Reply::output(output) })
}

fn show(received: &ReceivedMessage, wants: impl Fn(&str) -> bool, names: &[String]) -> Value {
    let message = &received.message;
    let mut out = Map::new();
    let mut set = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    set("MessageId", message.id.as_str().into());
    set("ReceiptHandle", received.receipt_handle.as_str().into());
    set("MD5OfBody", md5_of_body(&message.body).into());
    set("Body", message.body.as_str().into());
    let system: Map<String, Value> = [
        ("SenderId", Some(message.sender.clone())),
        ("SentTimestamp", Some(message.sent_ms.to_string())),
        ("ApproximateReceiveCount", Some(received.receives.to_string())),
        ("ApproximateFirstReceiveTimestamp", Some(received.first_received_ms.to_string())),
        ("DeadLetterQueueSourceArn", message.dead_letter_source.clone()),
        ("AWSTraceHeader", message.trace_header.clone()),
    ]
    .into_iter()
    .filter(|(name, _)| wants(name))
    .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
    .collect();
    if !system.is_empty() {
        set("Attributes", system.into());
    }
    let chosen: Vec<_> = message.attributes.iter().filter(|(name, _)| names.iter().any(|wanted| selects(wanted, name))).collect();
    if let Some(md5) = md5_of_attributes(chosen.iter().copied()) {
        let shown: Map<String, Value> = chosen.iter().map(|(name, attribute)| ((*name).clone(), shown(attribute))).collect();
        set("MessageAttributes", shown.into());
        set("MD5OfMessageAttributes", md5.into());
    }
    Value::Object(out)
}

/// Whether a name that is asked for means this attribute: `All`, `.*`, `prefix.*` or the name itself.
fn selects(wanted: &str, name: &str) -> bool {
    wanted == "All" || wanted == name || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_selected_by_name_and_prefix() {
        for (wanted, name, expect) in [
            ("All", "a", true),
            (".*", "a", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a.*", "ab", true),
            ("a.*", "a.b", true),
            ("b.*", "ab", false),
            ("*", "a", false),
        ] {
            assert_eq!(selects(wanted, name), expect, "{wanted} {name}");
        }
    }
}
