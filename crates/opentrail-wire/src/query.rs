//! awsQuery: form-encoded requests to nested JSON, and JSON outputs to XML answers.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::error::WireError;
use crate::flat::{FlatMember, FlatShape};
use crate::xml::Xml;

/// Most `name=value` pairs of one form. The largest honest request is a PutMetricData with 1000 metrics.
pub const MAX_FORM_PAIRS: usize = 16_384;

/// Most dotted parts of one parameter name.
pub const MAX_NAME_PARTS: usize = 16;

/// Most pairs of a URL query that are looked at when a single value is wanted.
const MAX_SCANNED_PAIRS: usize = 1_024;

/// Decoded pairs of a form body or URL query, in the order sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Result<Form, WireError> {
        let mut pairs = Vec::new();
        for (name, value) in raw_pairs(text) {
            if pairs.len() == MAX_FORM_PAIRS {
                return Err(WireError::TooManyPairs { limit: MAX_FORM_PAIRS });
            }
            let name = decode(name)?;
            if name.split('.').count() > MAX_NAME_PARTS {
                return Err(WireError::NameTooDeep { limit: MAX_NAME_PARTS });
            }
            pairs.push((name, decode(value)?));
        }
        Ok(Form(pairs))
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The whole form as nested JSON, without `Action` and `Version`.
    ///
    /// Dots nest. `A.member.1` and `A.1` make arrays in index order (gaps close), `A.entry.1.key` with
    /// `A.entry.1.value` makes an object. Scalars stay strings. Of several values under one name the first counts, and
    /// a name with children loses its own value.
    pub fn to_value(&self) -> Value {
        let mut root = Node::default();
        for (name, value) in &self.0 {
            if name != "Action" && name != "Version" {
                root.insert(name, value);
            }
        }
        match root.into_value() {
            Value::Object(object) => Value::Object(object),
            // Only numbers at the top, or nothing at all: no operation has such an input.
            _ => Value::Object(Map::new()),
        }
    }
}

#[derive(Default)]
struct Node<'a> {
    value: Option<&'a str>,
    children: BTreeMap<&'a str, Node<'a>>,
}

impl<'a> Node<'a> {
    fn insert(&mut self, name: &'a str, value: &'a str) {
        let mut node = self;
        for part in name.split('.') {
            node = node.children.entry(part).or_default();
        }
        node.value.get_or_insert(value);
    }

    /// Recursion is bounded by `MAX_NAME_PARTS`, checked when the form was parsed.
    fn into_value(mut self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.value.unwrap_or("").to_owned());
        }
        if self.children.len() == 1 {
            if let Some(items) = self.take_list("member") {
                return Value::Array(items.into_iter().map(Node::into_value).collect());
            }
            if let Some(items) = self.take_list("entry") {
                return entries_to_object(items);
            }
        }
        if self.is_list() {
            return Value::Array(self.into_list().into_iter().map(Node::into_value).collect());
        }
        let members = self.children.into_iter().map(|(name, node)| (name.to_owned(), node.into_value()));
        Value::Object(members.collect())
    }

    fn take_list(&mut self, wrapper: &str) -> Option<Vec<Node<'a>>> {
        self.children.get(wrapper).filter(|node| node.is_list())?;
        self.children.remove(wrapper).map(Node::into_list)
    }

    fn is_list(&self) -> bool {
        !self.children.is_empty() && self.children.keys().all(|name| list_index(name).is_some())
    }

    fn into_list(self) -> Vec<Node<'a>> {
        let mut items: Vec<_> = self.children.into_iter().collect();
        items.sort_by_key(|(name, _)| list_index(name));
        items.into_iter().map(|(_, node)| node).collect()
    }
}

fn list_index(name: &str) -> Option<u32> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) { name.parse().ok() } else { None }
}

fn entries_to_object(items: Vec<Node<'_>>) -> Value {
    let mut object = Map::new();
    for mut item in items {
        // SNS calls the parts of its message attributes otherwise.
        let mut take = |one: &str, other: &str| item.children.remove(one).or_else(|| item.children.remove(other));
        let key = take("key", "Name").and_then(|node| node.value).unwrap_or("");
        let value = take("value", "Value").map_or(Value::Null, Node::into_value);
        object.entry(key).or_insert(value);
    }
    Value::Object(object)
}

/// A map for `encode_query`: it is written as `<entry><key/><value/></entry>`, where a plain object would become a
/// structure.
pub fn query_map(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    let entries = pairs.into_iter().map(|(key, value)| serde_json::json!({ "key": key, "value": value }));
    serde_json::json!({ "entry": entries.collect::<Vec<_>>() })
}

/// XML answer of a query service. Arrays become `<member>` elements, null members are left out, and so is the whole
/// Result element if the output is null. Maps are made with [`query_map`].
pub fn encode_query(action: &str, namespace: &str, output: &Value, request_id: &str) -> Vec<u8> {
    encode_flattened(action, namespace, output, request_id, &[])
}

/// [`encode_query`] for a service that flattens the members of `flat`.
pub fn encode_flattened(action: &str, namespace: &str, output: &Value, request_id: &str, flat: &[FlatMember]) -> Vec<u8> {
    let response = format!("{action}Response");
    let mut writer = Writer { xml: Xml::new(), action, flat };
    writer.xml.open_with_namespace(&response, namespace);
    if !output.is_null() {
        writer.value(&format!("{action}Result"), output);
    }
    let mut xml = writer.xml;
    xml.open("ResponseMetadata");
    xml.text("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&response);
    xml.finish()
}

struct Writer<'a> {
    xml: Xml,
    action: &'a str,
    flat: &'a [FlatMember],
}

impl Writer<'_> {
    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.xml.text(name, if *flag { "true" } else { "false" }),
            Value::Number(number) => self.xml.text(name, &number.to_string()),
            Value::String(text) => self.xml.text(name, text),
            Value::Array(items) => {
                self.xml.open(name);
                items.iter().for_each(|item| self.value("member", item));
                self.xml.close(name);
            }
            Value::Object(members) => {
                self.xml.open(name);
                match map_entries(members) {
                    Some(entries) => entries.iter().for_each(|entry| self.value("entry", entry)),
                    None => members.iter().for_each(|(name, member)| self.member(name, member)),
                }
                self.xml.close(name);
            }
        }
    }

    fn member(&mut self, name: &str, value: &Value) {
        let flat = self.flat.iter().find(|member| member.json == name && member.shape != FlatShape::Number);
        let Some(flat) = flat else { return self.value(name, value) };
        let element = flat.query.replace("{action}", self.action);
        match (flat.shape, value) {
            (FlatShape::Map { key, value: of }, Value::Object(entries)) => {
                for (name, value) in entries {
                    self.xml.open(&element);
                    self.xml.text(key, name);
                    self.value(of, value);
                    self.xml.close(&element);
                }
            }
            (FlatShape::Timestamp, _) => self.value(name, &dated(value)),
            (FlatShape::Entries, Value::Object(entries)) => {
                self.value(name, &query_map(entries.iter().map(|(key, value)| (key.clone(), value.clone()))));
            }
            (_, Value::Array(items)) => items.iter().for_each(|item| self.value(&element, item)),
            _ => self.value(name, value),
        }
    }
}

/// Epoch seconds as ISO 8601, with milliseconds if there are any.
fn dated(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(dated).collect(),
        Value::Number(number) => {
            let milliseconds = (number.as_f64().unwrap_or_default() * 1000.0).round() as i128;
            let at = OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000);
            let fraction = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
            let whole = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
            let text = at.ok().and_then(|at| if milliseconds % 1000 == 0 { at.format(whole) } else { at.format(fraction) }.ok());
            text.map_or_else(|| value.clone(), Value::String)
        }
        other => other.clone(),
    }
}

fn map_entries(members: &Map<String, Value>) -> Option<&Vec<Value>> {
    if members.len() == 1 { members.get("entry")?.as_array() } else { None }
}

/// First value of a name in a raw query, decoded. Looks at a bounded number of pairs.
pub(crate) fn raw_value(text: &str, wanted: &str) -> Option<String> {
    raw_pairs(text)
        .take(MAX_SCANNED_PAIRS)
        .find(|(name, _)| decode(name).is_ok_and(|name| name == wanted))
        .and_then(|(_, value)| decode(value).ok())
}

pub(crate) fn raw_pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

pub(crate) fn decode(text: &str) -> Result<String, WireError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8().map_err(WireError::NotUtf8)?;
    Ok(decoded.into_owned())
}
