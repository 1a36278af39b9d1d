//! What a group's retention lets go.

use crate::LogsError;
use crate::batch::LogBatch;
use crate::group::{LogGroup, LogStream};
use opentrail_catalog::{Catalog, Entity};

/// Most batches let go at a time.
const MAX_BATCHES: usize = 2000;

/// Batches that are to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Keys of [`LogBatch`]es.
    pub keys: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

/// The batches of a stream whose newest event is older than the group keeps events.
///
/// # Errors
/// If the catalog fails.
pub fn expired(catalog: &Catalog, group: &LogGroup, stream: &LogStream, now: i64) -> Result<Expired, LogsError> {
    let Some(days) = group.retention_days else { return Ok(Expired::default()) };
    let oldest_kept = now - i64::from(days) * 86_400_000;
    let prefix = LogBatch::prefix(&group.id, &stream.id);
    let batches: Vec<LogBatch> = catalog.scan(&prefix, None, MAX_BATCHES)?;
    // Batches are in the order of their first event, and none reaches further than a span beyond it.
    let candidates = batches.iter().take_while(|batch| batch.first < oldest_kept);
    let keys: Vec<String> = candidates.filter(|batch| batch.last < oldest_kept).map(Entity::key).collect();
    let more = keys.len() == MAX_BATCHES;
    Ok(Expired { keys, more })
}
