//! Messages as entities, and the MD5s that clients check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message in a queue. Never changes; how often it was received is in [`Delivery`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The queue's id.
    pub queue: String,
    /// Its place: messages are received roughly in this order.
    pub sequence: u64,
    pub sent_ms: u64,
    /// When it can first be received.
    pub visible_ms: u64,
    /// The id that sender and receivers are told.
    pub id: String,
    /// The principal that sent it.
    pub sender: String,
    pub body: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, MessageAttribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
    /// ARN of the queue it was moved here from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_source: Option<String>,
}

impl Message {
    /// Queue and sequence; sorts by sequence within a queue.
    pub fn key_of(queue: &str, sequence: u64) -> String {
        format!("{queue}/{sequence:016x}")
    }
}

impl Entity for Message {
    const TABLE: &'static str = "sqs_message";

    fn key(&self) -> String {
        Self::key_of(&self.queue, self.sequence)
    }
}

/// What an index needs of a [`Message`].
#[derive(Debug, Deserialize)]
pub(crate) struct MessageHead {
    pub queue: String,
    pub sequence: u64,
    pub sent_ms: u64,
    pub visible_ms: u64,
}

/// How often a message was received, and until when nobody else gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub queue: String,
    pub sequence: u64,
    pub receives: u32,
    pub first_ms: u64,
    /// When it was last received.
    pub last_ms: u64,
    pub visible_ms: u64,
    /// Part of the receipt handle that the last receiver got.
    pub nonce: u64,
}

impl Entity for Delivery {
    const TABLE: &'static str = "sqs_delivery";

    fn key(&self) -> String {
        Message::key_of(&self.queue, self.sequence)
    }
}

/// One message attribute: text or bytes with a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, perhaps with a `.suffix`.
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// In base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
}

impl MessageAttribute {
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".into(), text: Some(value.into()), binary: None }
    }

    fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.binary) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(binary)) => STANDARD.decode(binary).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    /// What it adds to a message's size, its name included.
    pub fn size(&self, name: &str) -> usize {
        name.len() + self.data_type.len() + self.bytes().len()
    }
}

/// Lower-case hex MD5 of a body.
pub fn md5_of_body(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// MD5 over attributes in the order of their names: name, type, kind of transport and value, each with its length.
///
/// Source: Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes".
pub fn md5_of_attributes<'a>(attributes: impl IntoIterator<Item = (&'a String, &'a MessageAttribute)>) -> Option<String> {
    let mut sorted: Vec<_> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by_key(|(name, _)| *name);
    let mut digest = Md5::new();
    for (name, attribute) in sorted {
        update(&mut digest, name.as_bytes());
        update(&mut digest, attribute.data_type.as_bytes());
        digest.update([if attribute.data_type.starts_with("Binary") { 2 } else { 1 }]);
        update(&mut digest, &attribute.bytes());
    }
    Some(hex::encode(digest.finalize()))
}

fn update(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5s_are_those_clients_calculate() {
        assert_eq!(md5_of_body("hi"), "49f68a5c8493ec2c0bf489821c21fc3b");
        let of =
            |name: &str, value: &str| md5_of_attributes(&BTreeMap::from([(name.to_owned(), MessageAttribute::string(value))]));
        assert_eq!(of("a", "b").as_deref(), Some("bef8bf215374a0a228d67533b1a488be"));
        assert_eq!(of("Foo", "Bar").as_deref(), Some("ae7155c6026991b6d54b11589678bf9c"));
        assert_eq!(md5_of_attributes(&BTreeMap::new()), None);
    }
}
