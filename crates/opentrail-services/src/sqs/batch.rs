//! Batches: up to ten entries with ids, some of which may fail.

use super::faults::{MAX_BATCH, prefixed};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchRequest<T> {
    #[serde(default)]
    pub(super) queue_url: Option<String>,
    #[serde(default = "Vec::new")]
    pub(super) entries: Vec<Entry<T>>,
}

#[derive(Debug, Deserialize)]
pub struct Entry<T> {
    #[serde(rename = "Id", default)]
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) content: T,
}

/// # Errors
/// `EmptyBatchRequest`, `TooManyEntriesInBatchRequest`, `InvalidBatchEntryId`, `BatchEntryIdsNotDistinct`.
pub(super) fn check<T>(operation: &str, entries: &[Entry<T>]) -> Result<(), ApiError> {
    if entries.is_empty() {
        let message = format!("There should be at least one {operation}RequestEntry in the request.");
        return Err(prefixed("EmptyBatchRequest", message));
    }
    if entries.len() > MAX_BATCH {
        let message = format!("Maximum number of entries per request are {MAX_BATCH}. You have sent {}.", entries.len());
        return Err(prefixed("TooManyEntriesInBatchRequest", message));
    }
    let mut seen = HashSet::new();
    for Entry { id, .. } in entries {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if id.is_empty() || id.len() > 80 || !plain {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
            return Err(prefixed("InvalidBatchEntryId", message));
        }
        if !seen.insert(id.as_str()) {
            return Err(prefixed("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    Ok(())
}

/// What became of the entries.
#[derive(Default)]
pub(super) struct Results {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Results {
    pub fn succeed(&mut self, id: &str, more: Map<String, Value>) {
        let mut entry = Map::from_iter([("Id".to_owned(), Value::from(id))]);
        entry.extend(more);
        self.successful.push(Value::Object(entry));
    }

    /// # Errors
    /// The error itself if it is ours: then the whole call failed.
    pub fn fail(&mut self, id: &str, error: ApiError) -> Result<(), ApiError> {
        if error.is_server() {
            return Err(error);
        }
        self.failed.push(json!({"Id": id, "SenderFault": true, "Code": error.query_code(), "Message": error.message}));
        Ok(())
    }

    pub fn finish(self) -> Value {
        let mut output = Map::new();
        for (name, entries) in [("Successful", self.successful), ("Failed", self.failed)] {
            if !entries.is_empty() {
                output.insert(name.into(), entries.into());
            }
        }
        Value::Object(output)
    }
}
