//! What a selector finds in a JSON message.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// A value found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf<'m> {
    Text(Cow<'m, str>),
    /// As it is spelled in the message.
    Number(&'m str),
    Bool(bool),
    Null,
    Array {
        holds_null: bool,
    },
    Object,
}

impl<'m> Leaf<'m> {
    pub(crate) fn of(raw: &'m RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => Self::Text(unquoted(text)),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            Some(b'[') => {
                let elements = serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default();
                Self::Array { holds_null: elements.iter().any(|element| element.get() == "null") }
            }
            Some(b'{') => Self::Object,
            _ => Self::Number(text),
        }
    }

    /// The value as a number: a number, or text that reads as one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(spelling) => crate::literal::number(spelling),
            Self::Text(text) => crate::literal::number(text.trim()),
            _ => None,
        }
    }

    /// The value as text: strings, numbers in their spelling, booleans.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(spelling) => Some(spelling),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null | Self::Array { .. } | Self::Object => None,
        }
    }
}

/// The text of a JSON string. One with broken escapes stands as it is written.
fn unquoted(raw: &str) -> Cow<'_, str> {
    let inner = &raw[1..raw.len() - 1];
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(inner), Cow::Owned)
}
