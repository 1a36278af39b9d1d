//! Matched events as log events.
//!
//! A stream's name is a UUID, as EventBridge names them: here one for each rule, target and UTC day.

use crate::event::new_id;
use opentrail_catalog::{Catalog, CatalogError, Changes};
use opentrail_logs::{InputEvent, LogBatch, LogGroup, LogStream};
use rand::Rng;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Lines to be written, by stream.
#[derive(Default)]
pub struct LogLines(BTreeMap<(String, String), (Arc<LogGroup>, Vec<InputEvent>)>);

impl LogLines {
    pub fn add(&mut self, group: Arc<LogGroup>, stream: String, line: InputEvent) {
        let place = (group.id.clone(), stream);
        self.0.entry(place).or_insert_with(|| (group, Vec::new())).1.push(line);
    }

    /// Names of the locks that writers of these streams hold.
    pub fn locks(&self) -> Vec<String> {
        self.0.keys().map(|(group, stream)| format!("log stream {group} {stream}")).collect()
    }

    /// Adds to `changes` what writes the lines at `now`, milliseconds since 1970. Under [`Self::locks`].
    pub fn write(self, catalog: &Catalog, now: i64, changes: &mut Changes) -> Result<(), CatalogError> {
        for ((group_id, name), (_, mut lines)) in self.0 {
            lines.sort_by_key(|line| line.timestamp);
            let known = catalog.get::<LogStream>(&LogStream::key_of(&group_id, &name))?;
            let stream = known.map_or_else(|| new_stream(&group_id, &name, now), |known| LogStream::clone(&known));
            for batch in LogBatch::pack(&group_id, &stream.id, &lines, now, rand::rng().random()) {
                changes.put(&batch);
            }
            let (first, last) = (lines.first().map(|line| line.timestamp), lines.last().map(|line| line.timestamp));
            changes.put(&LogStream {
                first_event: stream.first_event.into_iter().chain(first).min(),
                last_event: stream.last_event.max(last),
                last_ingestion: Some(now),
                ..stream
            });
        }
        Ok(())
    }
}

fn new_stream(group_id: &str, name: &str, now: i64) -> LogStream {
    LogStream {
        group_id: group_id.into(),
        name: name.into(),
        id: new_id(),
        created: now,
        first_event: None,
        last_event: None,
        last_ingestion: None,
    }
}

/// The stream that a target's lines of a day go to.
pub fn stream_name(rule_arn: &str, target_id: &str, now: i64) -> String {
    let half = |which: u8| {
        let mut hasher = DefaultHasher::new();
        (which, rule_arn, target_id, now / 86_400_000).hash(&mut hasher);
        hasher.finish()
    };
    let bits = u128::from(half(0)) << 64 | u128::from(half(1));
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid().to_string()
}
