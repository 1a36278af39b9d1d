//! AWS's event stream framing.
//!
//! ```text
//! message = u32 length of all ▪ u32 length of headers ▪ u32 CRC of these eight bytes ▪ headers ▪ payload ▪ u32 CRC of all before
//! header  = u8 length of name ▪ name ▪ 7 ▪ u16 length of value ▪ value
//! ```
//!
//! All numbers big-endian. Source: Smithy specification, "Amazon Event Stream Specification".

use serde_json::{Value, json};

/// A message of type `event`, with JSON.
pub fn event(kind: &str, payload: &Value) -> Vec<u8> {
    message(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// A message that tells of a modelled exception; the last of a stream.
pub fn exception(kind: &str, text: &str) -> Vec<u8> {
    let headers = [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
    message(&headers, &json!({"message": text}))
}

fn message(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).expect("names are short"));
        head.extend(name.as_bytes());
        head.push(7);
        head.extend(u16::try_from(value.len()).expect("values are short").to_be_bytes());
        head.extend(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = |bytes: usize| u32::try_from(bytes).expect("an update is bounded").to_be_bytes();
    let mut bytes = Vec::with_capacity(16 + head.len() + payload.len());
    bytes.extend(length(16 + head.len() + payload.len()));
    bytes.extend(length(head.len()));
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(head);
    bytes.extend(payload.as_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together by hand from the specification.
    #[test]
    fn a_message_is_framed() {
        let bytes = event("x", &json!({}));
        assert_eq!(u32::from_be_bytes(bytes[..4].try_into().expect("four")) as usize, bytes.len());
        let head = u32::from_be_bytes(bytes[4..8].try_into().expect("four")) as usize;
        assert_eq!(bytes[8..12], crc32fast::hash(&bytes[..8]).to_be_bytes());
        assert_eq!(&bytes[12..12 + 16], b"\x0b:event-type\x07\x00\x01x");
        assert_eq!(&bytes[12 + head..bytes.len() - 4], b"{}");
        assert_eq!(bytes[bytes.len() - 4..], crc32fast::hash(&bytes[..bytes.len() - 4]).to_be_bytes());
    }
}
