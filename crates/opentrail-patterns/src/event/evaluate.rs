//! Holding a pattern against an event.

use super::matcher::Matcher;
use super::{Field, Node};
use serde_json::{Map, Value};

pub fn matches(node: &Node, event: &Value) -> bool {
    event.as_object().is_some_and(|members| View { members, prefix: "" }.satisfies(node))
}

/// An object, or those of its members whose names begin with a path: `{"a.b": 1}` has `b` below `a`.
struct View<'e> {
    members: &'e Map<String, Value>,
    prefix: &'e str,
}

impl<'e> View<'e> {
    fn satisfies(&self, node: &Node) -> bool {
        node.fields.iter().all(|(name, field)| self.has(name, field))
            && node.alternatives.iter().all(|list| list.iter().any(|alternative| self.satisfies(alternative)))
    }

    fn has(&self, name: &str, field: &Field) -> bool {
        let full = format!("{}{name}", self.prefix);
        let value = self.members.get(&full);
        let value_fits = field.matchers.is_empty() || field.matchers.iter().any(|matcher| fits(matcher, value));
        value_fits && field.below.as_deref().is_none_or(|below| self.below(&full, value, below))
    }

    fn below(&self, full: &str, value: Option<&Value>, node: &Node) -> bool {
        if let Some(value) = value
            && satisfied_by(node, value)
        {
            return true;
        }
        let dotted = self.members.keys().filter(|key| key.strip_prefix(full).is_some_and(|rest| rest.starts_with('.')));
        let mut dotted = dotted.map(|key| &key[..=full.len()]);
        match dotted.next() {
            Some(prefix) => View { members: self.members, prefix }.satisfies(node),
            // Nothing is there: only what must be absent is satisfied.
            None => {
                !value.is_some_and(Value::is_object)
                    && !has_object(value)
                    && View { members: &Map::new(), prefix: "" }.satisfies(node)
            }
        }
    }
}

/// Of an array, one element must satisfy the whole node.
fn satisfied_by(node: &Node, value: &Value) -> bool {
    match value {
        Value::Object(members) => View { members, prefix: "" }.satisfies(node),
        Value::Array(elements) => elements.iter().any(|element| satisfied_by(node, element)),
        _ => false,
    }
}

fn has_object(value: Option<&Value>) -> bool {
    value.and_then(Value::as_array).is_some_and(|elements| elements.iter().any(Value::is_object))
}

fn fits(matcher: &Matcher, value: Option<&Value>) -> bool {
    match matcher {
        Matcher::Exists(wanted) => value.is_some_and(has_leaf) == *wanted,
        _ => value.is_some_and(|value| any_leaf(value, &|leaf| matcher.fits(leaf))),
    }
}

/// Whether the value is a scalar, or an array with one in it.
fn has_leaf(value: &Value) -> bool {
    any_leaf(value, &|_| true)
}

fn any_leaf(value: &Value, test: &impl Fn(&Value) -> bool) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(elements) => elements.iter().any(|element| any_leaf(element, test)),
        scalar => test(scalar),
    }
}
