//! From JSON to a pattern.

use super::matcher::Matcher;
use super::{EventPattern, EventPatternError, Field, MAX_EVENT_PATTERN_CHARS, Node};
use serde_json::{Map, Value};
use std::str::FromStr;

/// Most combinations of alternatives and matchers.
const MAX_COMBINATIONS: usize = 1000;

impl FromStr for EventPattern {
    type Err = EventPatternError;

    fn from_str(text: &str) -> Result<Self, EventPatternError> {
        if text.chars().count() > MAX_EVENT_PATTERN_CHARS {
            return Err(refuse(format!("Pattern is longer than {MAX_EVENT_PATTERN_CHARS} characters")));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| refuse(format!("{error}")))?;
        let Value::Object(members) = &value else { return Err(refuse("Filter is not an object")) };
        let root = node(members)?;
        if combinations(&root) > MAX_COMBINATIONS {
            return Err(refuse("Rule is too complex - try using fewer wildcard characters or fewer alternatives"));
        }
        Ok(Self { root })
    }
}

pub(super) fn refuse(reason: impl Into<String>) -> EventPatternError {
    EventPatternError { reason: reason.into() }
}

fn node(members: &Map<String, Value>) -> Result<Node, EventPatternError> {
    if members.is_empty() {
        return Err(refuse("Empty objects are not allowed"));
    }
    let mut node = Node::default();
    for (name, value) in members {
        if name == "$or"
            && let Some(alternatives) = alternatives(value)?
        {
            node.alternatives.push(alternatives);
        } else {
            let field = place(&mut node, name);
            match value {
                Value::Array(list) => matchers(field, list)?,
                Value::Object(members) => merge(field.below.get_or_insert_default(), self::node(members)?),
                _ => return Err(refuse(format!("\"{name}\" must be an object or an array"))),
            }
        }
    }
    Ok(node)
}

/// The alternatives of `$or`; `None` if the name means a field that is called so.
fn alternatives(value: &Value) -> Result<Option<Vec<Node>>, EventPatternError> {
    let Value::Array(list) = value else { return Ok(None) };
    if list.iter().any(|member| !member.is_object()) {
        return Ok(None);
    }
    if list.len() < 2 {
        return Err(refuse("There must have at least 2 Objects in $or relationship."));
    }
    list.iter().filter_map(Value::as_object).map(node).collect::<Result<_, _>>().map(Some)
}

fn matchers(field: &mut Field, list: &[Value]) -> Result<(), EventPatternError> {
    if list.is_empty() {
        return Err(refuse("Empty arrays are not allowed"));
    }
    for value in list {
        field.matchers.push(Matcher::parse(value)?);
    }
    Ok(())
}

/// The field of a name; `a.b` is `b` below `a`.
fn place<'n>(node: &'n mut Node, name: &str) -> &'n mut Field {
    match name.split_once('.') {
        Some((first, rest)) if !first.is_empty() && !rest.is_empty() => {
            let field = node.fields.entry(first.to_owned()).or_default();
            place(field.below.get_or_insert_default(), rest)
        }
        _ => node.fields.entry(name.to_owned()).or_default(),
    }
}

fn merge(into: &mut Node, other: Node) {
    into.alternatives.extend(other.alternatives);
    for (name, field) in other.fields {
        let known = into.fields.entry(name).or_default();
        known.matchers.extend(field.matchers);
        if let Some(below) = field.below {
            merge(known.below.get_or_insert_default(), *below);
        }
    }
}

/// How many rules without alternatives this one stands for.
fn combinations(node: &Node) -> usize {
    let fields = node.fields.values().filter_map(|field| field.below.as_deref()).map(combinations);
    let alternatives = node.alternatives.iter().map(|list| list.iter().map(combinations).fold(0, usize::saturating_add));
    fields.chain(alternatives).fold(1, usize::saturating_mul)
}
