//! Publish, PublishBatch.

use super::faults::{invalid, of_publish};
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::Changes;
use opentrail_messaging::topics::{Draft, PublishedAttribute};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Largest message with its attributes, and largest batch, in bytes.
const MAX_MESSAGE_BYTES: usize = 262_144;
const MAX_SUBJECT_CHARS: usize = 100;
const MAX_BATCH: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    target_arn: Option<String>,
    #[serde(default)]
    phone_number: Option<String>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, AttributeValue>,
    #[serde(default)]
    message_group_id: Option<String>,
    #[serde(default)]
    message_deduplication_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeValue {
    #[serde(default)]
    data_type: String,
    #[serde(default)]
    string_value: Option<String>,
    #[serde(default)]
    binary_value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishBatchRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    publish_batch_request_entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(flatten)]
    content: Content,
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn publish(app: &Arc<App>, _: &Call, input: PublishRequest) -> Result<Reply, ApiError> {
    if input.phone_number.is_some() {
        return Err(invalid("PhoneNumber Reason: text messages are not supported by OpenTrail"));
    }
    let arn = input.topic_arn.or(input.target_arn);
    let (draft, _) = input.content.accept()?;
    let topic = subjects::topic(app, &arn)?;
    let mut changes = Changes::new();
    let id = app.topics.publish(&topic, draft, &mut changes).map_err(|error| of_publish(&error))?;
    Ok(Reply { changes, resources: subjects::resources(&topic), ..Reply::output(json!({"MessageId": id})) })
}

/// # Errors
/// `InvalidParameter`, `NotFound`, the errors of batches.
pub async fn publish_batch(app: &Arc<App>, _: &Call, input: PublishBatchRequest) -> Result<Reply, ApiError> {
    let topic = subjects::topic(app, &input.topic_arn)?;
    check_batch(&input.publish_batch_request_entries)?;
    let (mut successful, mut failed, mut size) = (Vec::new(), Vec::new(), 0);
    let mut changes = Changes::new();
    for entry in input.publish_batch_request_entries {
        match entry.content.accept() {
            Ok((draft, bytes)) => {
                size += bytes;
                let id = app.topics.publish(&topic, draft, &mut changes).map_err(|error| of_publish(&error))?;
                successful.push(json!({"Id": entry.id, "MessageId": id}));
            }
            Err(error) => {
                failed.push(json!({"Id": entry.id, "Code": error.code, "Message": error.message, "SenderFault": true}));
            }
        }
    }
    if size > MAX_MESSAGE_BYTES {
        let message = "The length of all the messages put together is more than the limit.";
        return Err(ApiError::new("BatchRequestTooLong", message));
    }
    let output = json!({"Successful": successful, "Failed": failed});
    Ok(Reply { changes, resources: subjects::resources(&topic), ..Reply::output(output) })
}

fn check_batch(entries: &[Entry]) -> Result<(), ApiError> {
    if entries.is_empty() {
        return Err(ApiError::new("EmptyBatchRequest", "The batch request doesn't contain any entries."));
    }
    if entries.len() > MAX_BATCH {
        return Err(ApiError::new("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."));
    }
    let mut seen = HashSet::new();
    for Entry { id, .. } in entries {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if id.is_empty() || id.len() > 80 || !plain {
            let message = "The Id of a batch entry in a batch request doesn't abide by the specification.";
            return Err(ApiError::new("InvalidBatchEntryId", message));
        }
        if !seen.insert(id) {
            let message = "Two or more batch entries in the request have the same Id.";
            return Err(ApiError::new("BatchEntryIdsNotDistinct", message));
        }
    }
    Ok(())
}

impl Content {
    /// Checks a message. Also tells its size.
    fn accept(self) -> Result<(Draft, usize), ApiError> {
        let message = self.message.filter(|message| !message.is_empty()).ok_or_else(|| invalid("Empty message"))?;
        if self.message_group_id.is_some() || self.message_deduplication_id.is_some() {
            return Err(invalid(
                "The request includes MessageGroupId or MessageDeduplicationId, which are not valid for this topic type",
            ));
        }
        let attributes = self.message_attributes.into_iter().map(|(name, value)| read_attribute(name, value));
        let attributes: BTreeMap<String, PublishedAttribute> = attributes.collect::<Result<_, _>>()?;
        let size = message.len()
            + attributes.iter().map(|(name, one)| name.len() + one.data_type.len() + one.value.len()).sum::<usize>();
        if size > MAX_MESSAGE_BYTES {
            return Err(invalid("Message too long"));
        }
        let subject = self.subject.filter(|subject| !subject.is_empty());
        if subject.as_deref().is_some_and(|subject| !is_subject(subject)) {
            return Err(invalid("Subject"));
        }
        let draft = Draft { subject, attributes, ..Draft::default() };
        match self.message_structure.as_deref() {
            None | Some("") => Ok((Draft { message, ..draft }, size)),
            Some("json") => Ok((by_protocol(draft, &message)?, size)),
            Some(_) => Err(invalid("MessageStructure")),
        }
    }
}

/// A JSON object with a `default` and texts for protocols.
fn by_protocol(draft: Draft, message: &str) -> Result<Draft, ApiError> {
    let texts: Map<String, Value> =
        serde_json::from_str(message).map_err(|_| invalid("Message Structure - JSON message body failed to parse"))?;
    let text = |name: &str| texts.get(name).and_then(Value::as_str).map(str::to_owned);
    let default = text("default").ok_or_else(|| invalid("Message Structure - No default entry in JSON message body"))?;
    let by_protocol = ["sqs", "http", "https"].into_iter().filter_map(|name| Some((name.to_owned(), text(name)?))).collect();
    Ok(Draft { message: default, by_protocol, ..draft })
}

fn is_subject(subject: &str) -> bool {
    subject.chars().count() <= MAX_SUBJECT_CHARS
        && subject.chars().all(|c| matches!(c, ' '..='~'))
        && subject.starts_with(|first: char| first.is_ascii_graphic())
}

fn read_attribute(name: String, value: AttributeValue) -> Result<(String, PublishedAttribute), ApiError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > 256 || !name.bytes().all(plain) {
        return Err(ApiError::new("ParameterValueInvalid", "Invalid attribute name."));
    }
    let kind = value.data_type.split('.').next().unwrap_or_default();
    let text = match kind {
        "Binary" => value.binary_value.and_then(|text| Some(STANDARD.encode(STANDARD.decode(text).ok()?))),
        "String" | "Number" => value.string_value,
        _ => {
            let message = format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            );
            return Err(ApiError::new("ParameterValueInvalid", message));
        }
    };
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
        let message = format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'."
        );
        ApiError::new("ParameterValueInvalid", message)
    })?;
    if kind == "Number" && text.parse::<f64>().is_err() {
        let message = format!("Could not cast message attribute '{name}' value to number.");
        return Err(ApiError::new("ParameterValueInvalid", message));
    }
    if value.data_type == "String.Array" && !serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_array()) {
        return Err(ApiError::new("ParameterValueInvalid", format!("The message attribute '{name}' is not a JSON array.")));
    }
    Ok((name, PublishedAttribute { data_type: value.data_type, value: text }))
}
