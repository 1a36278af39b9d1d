//! The event history: the last 90 days of management and Insights events, searchable by one attribute, newest first.
//!
//! ```text
//! event log ─Pump─▶ HistorySink ─document.rs─▶ slice of the event's UTC day (one tantivy index) ──commit──▶ cursor.json
//!                                                   │ published at commit
//! LookupEvents ──▶ History::lookup ──▶ slices, newest day first ──▶ segments ──▶ blocks, newest first ──▶ records
//! ```
//!
//! Exactly once: the commit of a slice carries the log position up to which the slice is complete, in the same atomic
//! write as its documents. Events that come again after a crash are skipped below that position. `cursor.json` is
//! written after all slices are committed and is only ever behind them; it names the slices, and if one is missing the
//! sink asks for everything again, which costs time and duplicates nothing.
//!
//! Every searchable fact is one term that also holds account, region and category, so a lookup walks exactly one
//! posting list per segment (`document.rs`). Per 1,024 documents the segment's view knows the oldest and newest time,
//! so that even a term that matches everything is read only where the newest answers can be (`segment.rs`).
//!
//! Does not know: the log's files, HTTP, tokens, which attributes an operation allows, the clock (it goes by the times
//! at which entries were written, and by what [`HistorySink::drop_expired`] is told).
//!
//! Does not promise: that lookups in different slices see the same commit; that expired events vanish to the second (a
//! slice goes when its last second has expired); that entries the log trimmed before they were committed are found
//! (see [`HistorySink::start_from`]).

mod cursor_file;
mod document;
mod error;
mod lookup;
mod merging;
mod newest;
mod resources;
mod scan;
mod search;
mod segment;
mod sink;
mod slice;
mod slices;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests;

pub use document::Attribute;
pub use error::{HistoryError, HistoryErrorKind};
pub use lookup::{Cursor, Found, History, Lookup};
pub use resources::lookup_resources;
pub use search::{CountRow, Counts, FieldName, Histogram, Order, Page, Scope, Search};
pub use sink::{HistorySink, Skipped};

use std::path::PathBuf;

/// Settings of the event history.
#[derive(Debug, Clone)]
pub struct HistoryConfig {
    /// Directory of the slices; created if absent. Deleting it makes the history start again from the log.
    pub dir: PathBuf,
    /// How long events are kept after their time.
    pub retention: time::Duration,
    /// Memory for events not yet committed, per open slice. At least [`MIN_WRITER_MEMORY_BYTES`] is used.
    pub writer_memory_bytes: usize,
}

/// The least memory a writer works with.
pub const MIN_WRITER_MEMORY_BYTES: usize = 15_000_000;

impl HistoryConfig {
    /// 90 days and the least writer memory.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, retention: time::Duration::days(90), writer_memory_bytes: MIN_WRITER_MEMORY_BYTES }
    }
}

/// Opens or creates the history in `config.dir`: the one writer, and a handle for any number of readers.
///
/// Damaged slices are renamed to `*.damaged`, and the sink's cursor goes back to 0 to fill them from the log.
///
/// # Errors
/// If the directory cannot be read or written.
pub fn open(config: HistoryConfig) -> Result<(HistorySink, History), HistoryError> {
    let (slices, cursor) = slices::Slices::open(&config.dir)?;
    let slices = std::sync::Arc::new(slices);
    let history = History::new(std::sync::Arc::clone(&slices));
    Ok((HistorySink::new(config, slices, cursor), history))
}
