//! JSON as a policy reader wants it: fields keep their order and a repeated field is an error.
//!
//! A reader that keeps the last of two `Condition` fields would silently drop the first, so the usual JSON map is not
//! used here. The depth of nesting is limited by `serde_json`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::PolicyError;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number as text; conditions compare it by its operator.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Fields),
}

/// The fields of a JSON object that were not taken yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fields(Vec<(String, Json)>);

impl Json {
    /// One text or a list of texts; policies allow both wherever they allow several.
    pub(crate) fn into_texts(self, element: &str) -> Result<Vec<String>, PolicyError> {
        match self {
            Self::Text(text) => Ok(vec![text]),
            Self::List(items) => items.into_iter().map(|item| item.into_text(element)).collect(),
            _ => Err(PolicyError::syntax(element)),
        }
    }

    /// A text and nothing else.
    pub(crate) fn into_text(self, element: &str) -> Result<String, PolicyError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(PolicyError::syntax(element)),
        }
    }

    /// One scalar or a list of scalars, as text; condition values may be numbers and booleans.
    pub(crate) fn into_scalars(self, element: &str) -> Result<Vec<String>, PolicyError> {
        match self {
            Self::List(items) => items.into_iter().map(|item| item.into_scalar(element)).collect(),
            scalar => Ok(vec![scalar.into_scalar(element)?]),
        }
    }

    fn into_scalar(self, element: &str) -> Result<String, PolicyError> {
        match self {
            Self::Text(text) | Self::Number(text) => Ok(text),
            Self::Bool(value) => Ok(value.to_string()),
            _ => Err(PolicyError::syntax(element)),
        }
    }

    /// An object and nothing else.
    pub(crate) fn into_fields(self, element: &str) -> Result<Fields, PolicyError> {
        match self {
            Self::Object(fields) => Ok(fields),
            _ => Err(PolicyError::syntax(element)),
        }
    }
}

impl Fields {
    /// Removes and returns the field `name`.
    pub(crate) fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(field, _)| field == name)?;
        Some(self.0.remove(at).1)
    }

    /// Removes and returns the text field `name`.
    pub(crate) fn take_text(&mut self, name: &str) -> Result<Option<String>, PolicyError> {
        self.take(name).map(|value| value.into_text(name)).transpose()
    }

    /// Ends the reading of an object: a field that nobody took is one the grammar does not have.
    pub(crate) fn finish(self) -> Result<(), PolicyError> {
        match self.0.into_iter().next() {
            Some((field, _)) => Err(PolicyError::UnknownField { field }),
            None => Ok(()),
        }
    }
}

impl IntoIterator for Fields {
    type Item = (String, Json);
    type IntoIter = std::vec::IntoIter<(String, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some((name, value)) = entries.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("field {name} occurs twice")));
            }
            fields.push((name, value));
        }
        Ok(Json::Object(Fields(fields)))
    }
}
