//! Which rules of a bus an event can match at all.
//!
//! A pattern that lists names of calls, sources or detail types as plain texts cannot match an event with another one. So
//! each rule is filed under the first of these that its pattern says, and only what fits, and the rest, is tried.

use crate::compiled::CompiledRule;
use crate::trail_event::TrailEvent;
use opentrail_eventlog::Event;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Where rules are filed, the most telling first.
const PATHS: [&[&str]; 3] = [&["detail", "eventName"], &["source"], &["detail-type"]];

/// The enabled rules of a bus.
#[derive(Debug, Default)]
pub struct RuleIndex {
    /// By name, ascending.
    rules: Vec<Arc<CompiledRule>>,
    filed: [HashMap<String, Vec<usize>>; 3],
    others: Vec<usize>,
}

impl RuleIndex {
    /// Files rules, which come by name, ascending.
    pub fn of(rules: impl Iterator<Item = Arc<CompiledRule>>) -> Self {
        let mut index = Self::default();
        for (place, rule) in rules.enumerate() {
            let exact = PATHS.iter().enumerate().find_map(|(by, path)| Some((by, rule.pattern.exact(path)?)));
            match exact {
                None => index.others.push(place),
                Some((by, texts)) => {
                    for text in texts {
                        let list = index.filed[by].entry(text.to_owned()).or_default();
                        // A pattern may name a text twice.
                        if list.last() != Some(&place) {
                            list.push(place);
                        }
                    }
                }
            }
            index.rules.push(rule);
        }
        index
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that may match an event with these texts at [`PATHS`], by name.
    fn candidates<'i>(&'i self, texts: [&[&str]; 3]) -> Vec<&'i Arc<CompiledRule>> {
        let filed = self.filed.iter().zip(texts).flat_map(|(filed, texts)| texts.iter().filter_map(|text| filed.get(*text)));
        let mut places: Vec<usize> = filed.flatten().chain(&self.others).copied().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| &self.rules[place]).collect()
    }

    /// The rules that may match a record, by name.
    pub fn for_record(&self, event_name: Option<&str>, source: &str, detail_type: &str) -> Vec<&Arc<CompiledRule>> {
        self.candidates([event_name.as_slice(), &[source], &[detail_type]])
    }

    /// How many rules match a record.
    pub fn matches(&self, event: &Event) -> usize {
        let Some(told) = TrailEvent::read(event) else { return 0 };
        let candidates = self.for_record(told.facts.event_name.as_deref(), &told.source, told.detail_type);
        let envelope = if candidates.is_empty() { None } else { told.envelope() };
        envelope.map_or(0, |event| candidates.iter().filter(|rule| rule.pattern.matches(&event)).count())
    }

    /// The rules that may match an event, by name.
    pub fn for_event(&self, event: &Value) -> Vec<&Arc<CompiledRule>> {
        let mut texts: [Vec<&str>; 3] = Default::default();
        for (texts, path) in texts.iter_mut().zip(PATHS) {
            if let Some(value) = path.iter().try_fold(event, |value, name| value.get(name)) {
                leaves(value, texts);
            }
        }
        self.candidates([&texts[0], &texts[1], &texts[2]])
    }
}

fn leaves<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(elements) => elements.iter().for_each(|element| leaves(element, texts)),
        _ => {}
    }
}
