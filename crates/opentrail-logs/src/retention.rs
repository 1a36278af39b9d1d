//! What a group's retention lets go.

use crate::LogsError;
use crate::batch::{LogBatch, MAX_SPAN_MS};
use crate::group::{LogGroup, LogStream};
use opentrail_catalog::Catalog;

/// Most batches let go at a time.
const MAX_BATCHES: usize = 2000;

/// Batches that are to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Keys of [`LogBatch`]es.
    pub keys: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
    /// When the oldest of those that stay expires, milliseconds since 1970; `None` if none stays.
    pub next: Option<i64>,
}

/// The batches of a stream whose events are all older than the group keeps events. Told from their keys: a batch goes within
/// a minute of its newest event's time.
///
/// # Errors
/// If the catalog fails.
pub fn expired(catalog: &Catalog, group: &LogGroup, stream: &LogStream, now: i64) -> Result<Expired, LogsError> {
    let Some(days) = group.retention_days else { return Ok(Expired::default()) };
    let kept_ms = i64::from(days) * 86_400_000;
    let prefix = LogBatch::prefix(&group.id, &stream.id);
    let mut keys = catalog.keys::<LogBatch>(&prefix, MAX_BATCHES)?;
    let gone_at = |key: &String| LogBatch::first_in(key, &prefix).map(|first| first + MAX_SPAN_MS + kept_ms);
    let expired = keys.iter().take_while(|key| gone_at(key).is_some_and(|at| at < now)).count();
    let next = keys.get(expired).and_then(gone_at);
    keys.truncate(expired);
    let more = keys.len() == MAX_BATCHES;
    Ok(Expired { keys, more, next })
}
