//! Paths into an event: `$.detail.items[0].name`.

use serde_json::Value;
use std::str::FromStr;

/// Longest path, in characters.
const MAX_CHARS: usize = 256;

/// A path that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a path of the form $.member.list[0]")]
pub struct PathFault;

impl FromStr for JsonPath {
    type Err = PathFault;

    fn from_str(text: &str) -> Result<Self, PathFault> {
        if text.len() > MAX_CHARS {
            return Err(PathFault);
        }
        let mut rest = text.strip_prefix('$').ok_or(PathFault)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, left) = step(rest).ok_or(PathFault)?;
            steps.push(step);
            rest = left;
        }
        Ok(Self(steps))
    }
}

/// The first step of `.name…`, `[0]…` or `['name']…`, and what follows it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(name) = text.strip_prefix('.') {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        let plain = !name.is_empty() && !name.contains(['*', ']', '?', '@', '(', ')']);
        return plain.then(|| (Step::Member(name.to_owned()), rest));
    }
    let inside = text.strip_prefix('[')?;
    if let Some(quoted) = inside.strip_prefix('\'') {
        let (name, rest) = quoted.split_once("']")?;
        return (!name.is_empty()).then(|| (Step::Member(name.to_owned()), rest));
    }
    let (number, rest) = inside.split_once(']')?;
    number.parse().ok().map(|number| (Step::Element(number), rest))
}

impl JsonPath {
    /// What the path leads to.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Element(index) => value.get(index),
        })
    }
}
