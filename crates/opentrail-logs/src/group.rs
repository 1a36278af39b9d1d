//! Groups and streams.

use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The retentions that exist, in days.
pub const RETENTION_DAYS: &[u32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Longest name of a group or a stream, in characters.
const MAX_NAME_CHARS: usize = 512;

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroup {
    pub account: String,
    pub region: String,
    pub name: String,
    /// Tells this group from earlier ones of the same name.
    pub id: String,
    /// Milliseconds since 1970.
    pub created: i64,
    /// `None` keeps for ever.
    #[serde(default)]
    pub retention_days: Option<u32>,
    #[serde(default)]
    pub deletion_protection: bool,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl LogGroup {
    /// The ARN without `:*`, as tags and identifiers want it.
    pub fn arn(&self) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{}", self.region, self.account, self.name)
    }

    /// Key of a group by name.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}:{region}:{name}")
    }
}

impl Entity for LogGroup {
    const TABLE: &'static str = "log_group";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    pub group_id: String,
    pub name: String,
    pub id: String,
    /// Milliseconds since 1970, like the other times.
    pub created: i64,
    #[serde(default)]
    pub first_event: Option<i64>,
    #[serde(default)]
    pub last_event: Option<i64>,
    #[serde(default)]
    pub last_ingestion: Option<i64>,
}

impl LogStream {
    /// A stream without events.
    pub fn new(group: &LogGroup, name: &str, id: String, created: i64) -> Self {
        Self {
            group_id: group.id.clone(),
            name: name.to_owned(),
            id,
            created,
            first_event: None,
            last_event: None,
            last_ingestion: None,
        }
    }

    /// Key of a stream by name.
    pub fn key_of(group_id: &str, name: &str) -> String {
        format!("{group_id}:{name}")
    }
}

impl Entity for LogStream {
    const TABLE: &'static str = "log_stream";
    fn key(&self) -> String {
        Self::key_of(&self.group_id, &self.name)
    }
}

/// Whether a text can name a group.
pub fn is_group_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#');
    (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && name.chars().all(known)
}

/// Whether a text can name a stream.
pub fn is_stream_name(name: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.contains([':', '*'])
}
