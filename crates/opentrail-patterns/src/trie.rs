//! All selectors of a set as one tree, walked once along a message.

use crate::leaf::Leaf;
use crate::selector::{Selector, Step};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// The tree. A node is a place; its children are what can stand below it.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    selectors: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// The selector that ends here.
    selector: Option<usize>,
    /// Named members, sorted.
    members: Vec<(String, usize)>,
    elements: Vec<(u32, usize)>,
    any: Option<usize>,
}

/// What each selector found in one message, by the selector's number.
pub type Values<'m> = Vec<Vec<Leaf<'m>>>;

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], selectors: 0 }
    }
}

impl Trie {
    /// The number of a selector, which is added if it is new.
    pub fn number(&mut self, selector: &Selector) -> usize {
        let mut at = 0;
        for step in &selector.steps {
            at = self.child(at, step);
        }
        let next = self.selectors;
        let number = *self.nodes[at].selector.get_or_insert(next);
        self.selectors = self.selectors.max(number + 1);
        number
    }

    fn child(&mut self, parent: usize, step: &Step) -> usize {
        let new = self.nodes.len();
        let node = &mut self.nodes[parent];
        let found = match step {
            Step::Any => *node.any.get_or_insert(new),
            Step::Index(index) => match node.elements.iter().find(|(known, _)| known == index) {
                Some((_, child)) => *child,
                None => {
                    node.elements.push((*index, new));
                    new
                }
            },
            Step::Key(key) => match node.members.binary_search_by(|(known, _)| known.cmp(key)) {
                Ok(place) => node.members[place].1,
                Err(place) => {
                    node.members.insert(place, (key.clone(), new));
                    new
                }
            },
        };
        if found == new {
            self.nodes.push(Node::default());
        }
        found
    }

    /// What the selectors find in a message; `None` if it is not exactly one JSON object.
    pub fn walk<'m>(&self, message: &'m str) -> Option<Values<'m>> {
        let mut values = vec![Vec::new(); self.selectors];
        if !message.trim_start().starts_with('{') {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_str(message);
        let found = Below { node: &self.nodes[0] }.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        self.descend(found, &mut values);
        Some(values)
    }

    fn descend<'m>(&self, found: Vec<(usize, &'m RawValue)>, values: &mut Values<'m>) {
        for (child, raw) in found {
            let node = &self.nodes[child];
            if let Some(selector) = node.selector {
                values[selector].push(Leaf::of(raw));
            }
            if node.is_inner() && raw.get().starts_with(['{', '[']) {
                let mut deserializer = serde_json::Deserializer::from_str(raw.get());
                let below = Below { node }.deserialize(&mut deserializer).unwrap_or_default();
                self.descend(below, values);
            }
        }
    }
}

impl Node {
    fn is_inner(&self) -> bool {
        self.any.is_some() || !self.members.is_empty() || !self.elements.is_empty()
    }

    fn member(&self, key: &str) -> Option<usize> {
        let place = self.members.binary_search_by(|(known, _)| known.as_str().cmp(key)).ok()?;
        Some(self.members[place].1)
    }
}

/// Reads an object or an array and keeps what children of the node stand for.
struct Below<'n> {
    node: &'n Node,
}

impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = Vec<(usize, &'de RawValue)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

#[derive(Deserialize)]
struct Key<'m>(#[serde(borrow)] Cow<'m, str>);

impl<'de> Visitor<'de> for Below<'_> {
    type Value = Vec<(usize, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    /// Of members with the same key, the last counts.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: Vec<(usize, &'de RawValue)> = Vec::new();
        let mut any: HashMap<Cow<'de, str>, &'de RawValue> = HashMap::new();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let member = self.node.member(&key);
            if member.is_none() && self.node.any.is_none() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw = map.next_value::<&'de RawValue>()?;
            if let Some(member) = member {
                match found.iter_mut().find(|(known, _)| *known == member) {
                    Some(earlier) => earlier.1 = raw,
                    None => found.push((member, raw)),
                }
            }
            if self.node.any.is_some() {
                any.insert(key, raw);
            }
        }
        if let Some(child) = self.node.any {
            found.extend(any.into_values().map(|raw| (child, raw)));
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        let mut index = 0;
        while let Some(raw) = sequence.next_element::<&'de RawValue>()? {
            found.extend(self.node.elements.iter().filter(|(wanted, _)| *wanted == index).map(|(_, child)| (*child, raw)));
            found.extend(self.node.any.map(|child| (child, raw)));
            index = index.saturating_add(1);
        }
        Ok(found)
    }
}
