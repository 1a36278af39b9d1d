//! Records as JSON on one line, nothing in them changed.

use crate::matching::Value;
use crate::matching::walk::string_end;
use crate::query::Field;
use std::borrow::Cow;

/// A record without white space between its parts. Strings and numbers stay as they are written.
pub fn compact(record: &[u8]) -> Cow<'_, [u8]> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let mut small = Vec::new();
    let mut at = 0;
    let mut changed = false;
    while at < record.len() {
        let stretch = record[at..].iter().position(|byte| *byte == b'"' || blank(byte)).unwrap_or(record.len() - at);
        small.extend_from_slice(&record[at..at + stretch]);
        at += stretch;
        match record.get(at) {
            Some(b'"') => {
                let end = string_end(record, at + 1).map_or(record.len(), |(end, _)| end + 1);
                small.extend_from_slice(&record[at..end]);
                at = end;
            }
            Some(_) => {
                changed = true;
                at += 1;
            }
            None => {}
        }
    }
    if changed { Cow::Owned(small) } else { Cow::Borrowed(record) }
}

/// An object of some fields: a value, an array of several, or null.
pub fn object_of(fields: &[Field], values: &[Vec<Value>]) -> String {
    let mut text = String::from("{");
    for (index, (field, values)) in fields.iter().zip(values).enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(&serde_json::Value::from(field.name()).to_string());
        text.push(':');
        match values.as_slice() {
            [] => text.push_str("null"),
            [only] => push_json(&mut text, &only.json),
            several => {
                text.push('[');
                for (index, value) in several.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    push_json(&mut text, &value.json);
                }
                text.push(']');
            }
        }
    }
    text.push('}');
    text
}

fn push_json(text: &mut String, json: &str) {
    text.push_str(&String::from_utf8_lossy(&compact(json.as_bytes())));
}
