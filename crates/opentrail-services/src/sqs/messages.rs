//! What a message may be, and how it is shown.

use super::faults::{bad_value, invalid_parameter, missing_parameter, same, within};
use crate::recording::lower_cased;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_messaging::Queue;
use opentrail_messaging::queues::{Message, MessageAttribute, Queues, md5_of_attributes, md5_of_body};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Most attributes of a message.
const MAX_ATTRIBUTES: usize = 10;
/// Longest name of an attribute and its type.
const MAX_NAME_BYTES: usize = 256;

/// What records show instead of what a message says.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// A message as its sender gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Draft {
    #[serde(default)]
    pub message_body: Option<String>,
    #[serde(default)]
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, AttributeValue>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, AttributeValue>,
    #[serde(default)]
    message_group_id: Option<String>,
    #[serde(default)]
    message_deduplication_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeValue {
    #[serde(default)]
    data_type: Option<String>,
    #[serde(default)]
    string_value: Option<String>,
    #[serde(default)]
    binary_value: Option<String>,
}

/// A message that may be sent, and what its sender is told.
pub(super) struct Accepted {
    pub message: Message,
    pub answer: Map<String, Value>,
    pub size: usize,
}

impl Draft {
    /// Checks the draft and makes a message of it.
    ///
    /// # Errors
    /// `MissingParameter`, `InvalidParameterValue`, `InvalidMessageContents`.
    pub fn accept(self, queues: &Queues, queue: &Queue, sender: &str) -> Result<Accepted, ApiError> {
        let body = self.message_body.filter(|body| !body.is_empty()).ok_or_else(|| missing_parameter("MessageBody"))?;
        if !body.chars().all(is_legal) {
            let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
            return Err(same("InvalidMessageContents", message));
        }
        for (value, parameter) in
            [(&self.message_group_id, "MessageGroupId"), (&self.message_deduplication_id, "MessageDeduplicationId")]
        {
            if let Some(value) = value {
                return Err(bad_value(value, parameter, "The request include parameter that is not valid for this queue type"));
            }
        }
        let delay = within(self.delay_seconds, "DelaySeconds", 0, 900, queue.delay_s)?;
        let attributes = read_attributes(self.message_attributes)?;
        let system = read_attributes(self.message_system_attributes)?;
        if let Some(name) = system.keys().find(|name| *name != "AWSTraceHeader") {
            return Err(bad_value(name, "MessageSystemAttributes", "Message System Attribute name is not supported."));
        }
        let size = body.len() + attributes.iter().map(|(name, attribute)| attribute.size(name)).sum::<usize>();
        if size > queue.max_message_bytes {
            let limit = queue.max_message_bytes;
            let message = format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.");
            return Err(invalid_parameter(message));
        }
        let mut message = queues.message(queue, sender, body);
        message.visible_ms = message.sent_ms + u64::from(delay) * 1000;
        let mut answer = Map::new();
        answer.insert("MessageId".into(), message.id.as_str().into());
        answer.insert("MD5OfMessageBody".into(), md5_of_body(&message.body).into());
        if let Some(md5) = md5_of_attributes(&attributes) {
            answer.insert("MD5OfMessageAttributes".into(), md5.into());
        }
        if let Some(md5) = md5_of_attributes(&system) {
            answer.insert("MD5OfMessageSystemAttributes".into(), md5.into());
        }
        message.trace_header = system.into_values().next().and_then(|attribute| attribute.text);
        message.attributes = attributes;
        Ok(Accepted { message, answer, size })
    }
}

/// What XML 1.0 can hold.
fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn read_attributes(given: BTreeMap<String, AttributeValue>) -> Result<BTreeMap<String, MessageAttribute>, ApiError> {
    if given.len() > MAX_ATTRIBUTES {
        let message = format!("Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].", given.len());
        return Err(invalid_parameter(message));
    }
    given.into_iter().map(|(name, value)| Ok((name.clone(), read_attribute(&name, value)?))).collect()
}

fn read_attribute(name: &str, value: AttributeValue) -> Result<MessageAttribute, ApiError> {
    let the = format!("The message attribute '{name}'");
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let dotted = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > MAX_NAME_BYTES || reserved || dotted || !name.bytes().all(plain) {
        return Err(invalid_parameter(format!(
            "Message (user) attribute name '{name}' is invalid: letters, digits, '_', '-' and single '.' inside, at most 256."
        )));
    }
    let data_type = value.data_type.unwrap_or_default();
    let kind = data_type.split('.').next().unwrap_or_default();
    if data_type.is_empty() {
        return Err(invalid_parameter(format!("{the} must contain non-empty message attribute type.")));
    }
    if !matches!(kind, "String" | "Number" | "Binary") || data_type.len() > MAX_NAME_BYTES {
        return Err(invalid_parameter(format!(
            "{the} has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        )));
    }
    let given = if kind == "Binary" { &value.binary_value } else { &value.string_value };
    let Some(given) = given.as_deref().filter(|given| !given.is_empty()) else {
        return Err(invalid_parameter(format!("{the} must contain a non-empty value of type '{kind}'.")));
    };
    if kind == "Number" && given.parse::<f64>().is_err() {
        return Err(invalid_parameter(format!("Can't cast the value of message (user) attribute '{name}' to a number.")));
    }
    if kind == "Binary" {
        let bytes = STANDARD.decode(given).map_err(|_| invalid_parameter(format!("{the} is not base64.")))?;
        return Ok(MessageAttribute { data_type, text: None, binary: Some(STANDARD.encode(bytes)) });
    }
    if !given.chars().all(is_legal) {
        return Err(invalid_parameter(format!("{the} contains invalid characters.")));
    }
    Ok(MessageAttribute { data_type, text: Some(given.to_owned()), binary: None })
}

/// A message attribute in the form of answers.
pub(super) fn shown(attribute: &MessageAttribute) -> Value {
    let mut shown = Map::new();
    if let Some(text) = &attribute.text {
        shown.insert("StringValue".into(), text.as_str().into());
    }
    if let Some(binary) = &attribute.binary {
        shown.insert("BinaryValue".into(), binary.as_str().into());
    }
    shown.insert("DataType".into(), attribute.data_type.as_str().into());
    Value::Object(shown)
}

/// `requestParameters` of operations that carry messages: all but what they say.
pub(super) fn recorded(input: &Value) -> Value {
    let mut input = input.clone();
    hide(&mut input);
    if let Some(entries) = input.get_mut("Entries").and_then(Value::as_array_mut) {
        entries.iter_mut().for_each(hide);
    }
    lower_cased(&input)
}

fn hide(message: &mut Value) {
    for name in ["MessageBody", "MessageAttributes"] {
        if let Some(value) = message.get_mut(name) {
            *value = json!(HIDDEN);
        }
    }
}
