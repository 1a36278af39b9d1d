//! Fields that are found in JSON messages: `userIdentity.arn`, `resources.0.ARN`.

use crate::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Largest whole number that stays exact as a number; larger ones are texts.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// Most fields that are found in one message, and how deep they are looked for.
const MAX_FIELDS: usize = 1000;
const MAX_DEPTH: usize = 16;

/// What a path leads to. Names that have dots themselves are found too.
pub fn find<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    let child = |name: &str| match json {
        Json::Object(members) => members.get(name),
        Json::Array(elements) => name.parse::<usize>().ok().and_then(|index| elements.get(index)),
        _ => None,
    };
    if let Some(found) = child(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| find(child(&path[..dot])?, &path[dot + 1..]))
}

/// A JSON value as a field's.
pub fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Missing,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_f64() {
            Some(exact) if exact.abs() <= MAX_EXACT => Value::Number(exact),
            _ => Value::Text(number.to_string()),
        },
        Json::String(text) => Value::Text(text.clone()),
        other => Value::Text(other.to_string()),
    }
}

/// Every field of a message, by path: what GetLogRecord shows and GetLogGroupFields counts.
pub fn discovered(message: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    if let Ok(json @ Json::Object(_)) = serde_json::from_str(message) {
        collect(&json, String::new(), 0, &mut fields);
    }
    fields
}

fn collect(json: &Json, path: String, depth: usize, fields: &mut BTreeMap<String, String>) {
    if fields.len() >= MAX_FIELDS {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match json {
        Json::Object(members) if depth < MAX_DEPTH && !members.is_empty() => {
            members.iter().for_each(|(name, inner)| collect(inner, below(name), depth + 1, fields));
        }
        Json::Array(elements) if depth < MAX_DEPTH && !elements.is_empty() => {
            elements.iter().enumerate().for_each(|(n, inner)| collect(inner, below(&n.to_string()), depth + 1, fields));
        }
        Json::Null => {}
        other => drop(fields.insert(path, value(other).shown().into_owned())),
    }
}
