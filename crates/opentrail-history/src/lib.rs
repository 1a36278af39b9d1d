//! The event history: every field of every event, searchable; newest first, by day of the event.
//!
//! ```text
//! event log ─Pump─▶ HistorySink ──▶ live part of the event's day ──full, or old──▶ segment files ──▶ merged
//!                                        │ in memory, searchable at once             │ committed by manifest.json
//! LookupEvents, searches ──▶ Plan ──▶ rows of each part, newest part first ◀─────────┘ ──▶ records
//! ```
//!
//! A record is taken apart once, into values with their paths. Each different value of a path is kept once, with the
//! rows that have it, and is cut into words once: so all fields cost little more than a few. A live part and a segment
//! answer the same questions (`part.rs`): which values of a path pass a test, and which rows have them. A query becomes
//! a `Plan`; what the index cannot decide (of very long values only the beginning is in it) the record does, with the
//! same `Matcher` that searches files.
//!
//! Exactly once: the manifest commits segments together with the log position below which everything is in them, and for
//! each day its own. Live parts are not kept; after a restart they are made again from the log from that position on.
//! So the log must not be trimmed beyond [`History::flushed`].
//!
//! Does not know: the log's files, HTTP, tokens, which attributes an operation allows, the clock (it goes by the times
//! at which entries were written, and by what [`HistorySink::drop_expired`] is told).
//!
//! Does not promise: that pages see the same moment; that files of expired events vanish to the second (a day goes when
//! its last second has expired, though what has expired is not shown before); that entries the log trimmed before they
//! were in segments are found (see [`HistorySink::start_from`]).

pub mod search;

mod counting;
mod error;
mod history;
mod lookup;
mod resources;
mod sink;

mod columns;
mod disk;
mod evaluate;
mod keeper;
mod limits;
mod live;
mod manifest;
mod part;
mod plan;
mod records;
mod rows;
mod state;
mod visit;
mod work;

mod folding;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests;

pub use error::{HistoryError, HistoryErrorKind};
pub use history::History;
pub use lookup::{Attribute, Cursor, Found, Lookup};
pub use resources::lookup_resources;
pub use search::{CountRow, Counts, FieldName, Histogram, Order, Page, Scope, Search};
pub use sink::{HistorySink, Skipped};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Settings of the event history.
#[derive(Debug, Clone)]
pub struct HistoryConfig {
    /// Directory of the segments; created if absent. Deleting it makes the history start again from the log.
    pub dir: PathBuf,
    /// How long events are kept after their time.
    pub retention: time::Duration,
}

impl HistoryConfig {
    /// 90 days.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, retention: time::Duration::days(90) }
    }
}

/// Opens or creates the history in `config.dir`: the one writer, and a handle for any number of readers.
///
/// Damaged segments are renamed to `*.damaged`, and the sink's cursor goes back to fill them from the log.
///
/// # Errors
/// If the directory cannot be read or written.
pub fn open(config: HistoryConfig) -> Result<(HistorySink, History), HistoryError> {
    let (manifest, segments) = manifest::open(&config.dir)?;
    let state = Arc::new(state::State::default());
    state.flushed.store(manifest.position, Ordering::Release);
    state.end.store(manifest.position, Ordering::Release);
    state.oldest_shown.store(i64::MIN, Ordering::Relaxed);
    state.change(|parts| parts.segments = segments);
    let keeper = keeper::Keeper::new(config.dir.clone(), Arc::clone(&state), manifest);
    Ok((HistorySink::new(config, Arc::clone(&state), keeper), History::new(state)))
}
