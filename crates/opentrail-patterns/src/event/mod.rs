//! Event patterns: the rules of EventBridge.
//!
//! ```text
//! {"source": ["aws.iam"], "detail": {"eventName": [{"prefix": "Create"}]}}
//!   │ parse.rs: names with dots become nested, leaves become matchers
//!   ▼
//! Node {fields, alternatives} ──evaluate.rs──▶ an event matches, or does not
//! ```
//!
//! Source: EventBridge user guide, "Comparison operators"; where it is silent, what AWS's service was seen to answer.

mod evaluate;
mod matcher;
mod parse;
#[cfg(test)]
mod tests;

use matcher::{Matcher, TextTest};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest pattern, in characters.
pub const MAX_EVENT_PATTERN_CHARS: usize = 4096;

/// An event pattern, understood.
#[derive(Debug, Clone)]
pub struct EventPattern {
    root: Node,
}

/// Conditions on one object: all fields, and of each `$or` one alternative.
#[derive(Debug, Clone, Default)]
struct Node {
    fields: BTreeMap<String, Field>,
    alternatives: Vec<Vec<Node>>,
}

/// What is said of one name. `{"a": ["x"], "a.b": ["y"]}` says both.
#[derive(Debug, Clone, Default)]
struct Field {
    /// Any of these fits the value; empty if nothing is said of the value itself.
    matchers: Vec<Matcher>,
    below: Option<Box<Node>>,
}

/// Why a text is not an event pattern, in EventBridge's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {reason}")]
pub struct EventPatternError {
    pub reason: String,
}

impl EventPattern {
    /// Whether an event has everything that the pattern asks for.
    pub fn matches(&self, event: &Value) -> bool {
        evaluate::matches(&self.root, event)
    }

    /// The texts of which an event must have one at this path to match at all; `None` if the pattern does not list them.
    /// Lets many patterns be filed by what they are about.
    pub fn exact(&self, path: &[&str]) -> Option<Vec<&str>> {
        let (last, above) = path.split_last()?;
        let node = above.iter().try_fold(&self.root, |node, name| node.fields.get(*name)?.below.as_deref())?;
        let matchers = &node.fields.get(*last)?.matchers;
        let texts = matchers.iter().map(|matcher| match matcher {
            Matcher::Text(TextTest::Equals(text)) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())
    }
}
