//! A policy as it is kept: the text as written, read once.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::{PolicyDocument, PolicyKind};

/// The text of a stored policy with what it says, which is read when it is first asked for and kept beside the text.
///
/// Stored and compared as its text alone.
#[derive(Clone, Default)]
pub struct PolicyText {
    text: String,
    read: [OnceLock<Arc<PolicyDocument>>; 3],
}

impl PolicyText {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the text says as a policy of this kind. A text that cannot be read any more denies everything
    /// ([`PolicyDocument::unreadable`]).
    pub fn document(&self, kind: PolicyKind) -> &Arc<PolicyDocument> {
        let cell = match kind {
            PolicyKind::Identity => &self.read[0],
            PolicyKind::Resource => &self.read[1],
            PolicyKind::Trust => &self.read[2],
        };
        cell.get_or_init(|| {
            Arc::new(PolicyDocument::parse(&self.text, kind).unwrap_or_else(|_| PolicyDocument::unreadable(kind)))
        })
    }

    /// How many characters count against a quota: all but white space.
    pub fn counted_chars(&self) -> usize {
        self.text.chars().filter(|character| !character.is_whitespace()).count()
    }
}

impl From<String> for PolicyText {
    fn from(text: String) -> Self {
        Self { text, read: Default::default() }
    }
}

impl From<&str> for PolicyText {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl std::fmt::Debug for PolicyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq for PolicyText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PolicyText {}

impl Serialize for PolicyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PolicyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
