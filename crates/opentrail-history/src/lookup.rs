//! Lookups: the newest events that match, page by page.

use crate::document::{self, Attribute};
use crate::error::HistoryError;
use crate::newest::{Newest, Window};
use crate::slice::Slice;
use crate::slices::Slices;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tantivy::Term;
use time::OffsetDateTime;

/// Finds events. Cheap to clone; any number of threads may look up while the sink writes.
#[derive(Clone)]
pub struct History {
    slices: Arc<Slices>,
}

/// A question to the history.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub account: String,
    pub region: String,
    /// Insights events instead of management events.
    pub insight: bool,
    /// Exact, case-sensitive; all events if absent. A value over 8,000 bytes finds nothing.
    pub attribute: Option<(Attribute, String)>,
    /// The first second wanted; fractions are cut off.
    pub start: Option<OffsetDateTime>,
    /// The last second wanted; fractions are cut off.
    pub end: Option<OffsetDateTime>,
    /// Most events to answer.
    pub limit: usize,
    /// Only events after this one in the order of the answer.
    pub after: Option<Cursor>,
}

/// A place in the order of answers: by time, then by position, both descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Epoch seconds.
    pub time: i64,
    pub position: u64,
}

/// An event found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Epoch seconds: the record's `eventTime`, or when it was logged if that is absent or implausible.
    pub time: i64,
    /// Position in the event log.
    pub position: u64,
    /// The record's JSON, byte for byte as logged.
    pub record: Bytes,
}

impl Found {
    /// Where the next page begins if this is the last event of one.
    pub fn cursor(&self) -> Cursor {
        Cursor { time: self.time, position: self.position }
    }
}

impl History {
    pub(crate) fn new(slices: Arc<Slices>) -> Self {
        Self { slices }
    }

    pub(crate) fn slices(&self) -> &Slices {
        &self.slices
    }

    /// The newest `limit` events that match, newest first.
    ///
    /// # Errors
    /// If an index cannot be opened or read.
    pub fn lookup(&self, q: &Lookup) -> Result<Vec<Found>, HistoryError> {
        let window = Window {
            start: q.start.map_or(i64::MIN, OffsetDateTime::unix_timestamp),
            end: q.end.map_or(i64::MAX, OffsetDateTime::unix_timestamp),
            after: q.after,
        };
        let (_, fields) = document::schema();
        let attribute = q.attribute.as_ref().map(|(attribute, value)| (*attribute, value.as_str()));
        let Some(term) = document::term(fields.key, &q.account, &q.region, q.insight, attribute) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for slice in self.slices.newest_first() {
            if found.len() >= q.limit {
                break;
            }
            let (first, last) = slice.seconds();
            if !window.overlaps(first, last) {
                continue;
            }
            let wanted = q.limit - found.len();
            match lookup_slice(&slice, &term, Newest::new(window, wanted), &mut found) {
                Err(_) if slice.dropped.load(Ordering::Acquire) => {}
                other => other?,
            }
        }
        Ok(found)
    }

    /// The log position up to which everything is indexed.
    pub fn end(&self) -> u64 {
        self.slices.end()
    }

    /// How many events are indexed.
    pub fn count(&self) -> u64 {
        self.slices.newest_first().iter().map(|slice| slice.count()).sum()
    }
}

fn lookup_slice(slice: &Slice, term: &Term, mut newest: Newest, found: &mut Vec<Found>) -> Result<(), HistoryError> {
    let view = slice.view()?;
    for (ordinal, segment) in view.iter().enumerate() {
        segment.search(term, ordinal, &mut newest).map_err(|error| slice.failed(error.into()))?;
    }
    for candidate in newest.into_sorted() {
        let record = view[candidate.segment].record(candidate.doc, &slice.fields).map_err(|source| slice.failed(source))?;
        let record = record.ok_or_else(|| HistoryError::Damaged { slice: slice.day.to_string(), what: "a stored record" })?;
        found.push(Found { time: candidate.time, position: candidate.position, record });
    }
    Ok(())
}
