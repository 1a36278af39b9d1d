//! The sink: takes events from the log into their slices.
//!
//! ```text
//! apply:  event ─▶ document ─▶ writer of its slice, if the slice is among the newest two written to
//!                         └──▶ waiting, by slice, otherwise
//! commit: waiting ─▶ each slice written and closed ▸ open writers committed ▸ cursor.json ▸ idle writers closed ▸ expired slices dropped
//! ```

use crate::HistoryConfig;
use crate::document::{self, Fields, Reading};
use crate::error::HistoryError;
use crate::slice::SliceWriter;
use crate::slices::Slices;
use opentrail_eventlog::{LoggedEntry, Position, Sink};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use tantivy::TantivyDocument;
use time::{Date, OffsetDateTime};

/// Most slices with an open writer; the day that ends and the day that begins.
const MAX_OPEN_WRITERS: usize = 2;
/// A writer is closed when the log has moved on by this much without an event for it.
const IDLE_MS: u64 = 60_000;
/// Most bytes of records that wait for a slice without a writer; then those slices are written early.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Events that were not indexed, since the history was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not a JSON object.
    pub broken: u64,
    /// Older than the retention.
    pub expired: u64,
}

/// Writes the history. There is one; dropping it forgets what was not committed.
pub struct HistorySink {
    config: HistoryConfig,
    slices: Arc<Slices>,
    fields: Fields,
    writers: BTreeMap<Date, SliceWriter>,
    waiting: BTreeMap<Date, Vec<TantivyDocument>>,
    waiting_bytes: usize,
    compactions: BTreeMap<Date, JoinHandle<()>>,
    /// Everything below is committed.
    cursor: Position,
    /// Everything below was taken.
    applied: Position,
    /// The latest time heard of.
    now: OffsetDateTime,
    skipped: Skipped,
}

impl Sink for HistorySink {
    type Error = HistoryError;

    fn name(&self) -> &'static str {
        "history"
    }

    fn cursor(&self) -> Position {
        self.cursor
    }

    fn apply(&mut self, entries: &[LoggedEntry]) -> Result<(), HistoryError> {
        for entry in entries {
            let written = at_ms(entry.written_ms);
            self.now = self.now.max(written);
            for (event, position) in entry.entry.events.iter().zip(entry.position..) {
                if position < self.applied {
                    continue;
                }
                match document::read(&self.fields, event, position, written) {
                    Reading::Document { at, document } => {
                        self.take(at.date(), position, entry.written_ms, document, event.record.len())?;
                    }
                    Reading::Broken => self.skipped.broken += 1,
                }
                self.applied = position + 1;
            }
            self.applied = self.applied.max(entry.end());
        }
        Ok(())
    }

    fn commit(&mut self, position: Position) -> Result<(), HistoryError> {
        self.applied = self.applied.max(position);
        self.write_waiting()?;
        let through = self.applied;
        for writer in self.writers.values_mut() {
            writer.commit(through)?;
        }
        // A crash before this line repeats events that the slices then skip; after it, nothing comes again.
        self.slices.save(position)?;
        self.cursor = position;
        self.close_idle_writers();
        if self.slices.any_before(self.first_day()) {
            self.drop_expired(self.now);
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.writers.clear();
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.applied = self.cursor;
    }
}

impl HistorySink {
    pub(crate) fn new(config: HistoryConfig, slices: Arc<Slices>, cursor: Position) -> Self {
        let (_, fields) = document::schema();
        Self {
            config,
            slices,
            fields,
            writers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            compactions: BTreeMap::new(),
            cursor,
            applied: cursor,
            now: OffsetDateTime::UNIX_EPOCH,
            skipped: Skipped::default(),
        }
    }

    /// Moves the cursor forward to `first`, the first position the log still holds. Returns how many positions the
    /// history will lack because of it. Call it before running the pump.
    pub fn start_from(&mut self, first: Position) -> u64 {
        // Positions begin at 1.
        let gap = first.saturating_sub(self.cursor.max(1));
        if gap > 0 {
            tracing::warn!(cursor = self.cursor, first, "the log was trimmed beyond the history's cursor, events are missing");
        }
        self.cursor = self.cursor.max(first);
        self.applied = self.applied.max(self.cursor);
        gap
    }

    /// Drops the slices of which every event is older than the retention at `now`. Returns how many.
    ///
    /// Commits do the same by the time their entries were written, so this is only needed where nothing is written.
    pub fn drop_expired(&mut self, now: OffsetDateTime) -> usize {
        self.now = self.now.max(now);
        let first = self.first_day();
        let kept = self.writers.split_off(&first);
        drop(std::mem::replace(&mut self.writers, kept));
        let kept = self.compactions.split_off(&first);
        for (_, compaction) in std::mem::replace(&mut self.compactions, kept) {
            join(compaction);
        }
        self.waiting = self.waiting.split_off(&first);
        match self.slices.drop_before(first) {
            Ok(dropped) => dropped,
            Err(error) => {
                tracing::error!(%error, "dropping expired history slices failed");
                0
            }
        }
    }

    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The oldest day not wholly expired.
    fn first_day(&self) -> Date {
        self.now.checked_sub(self.config.retention).map_or(Date::MIN, OffsetDateTime::date)
    }

    fn take(
        &mut self,
        day: Date,
        position: Position,
        written_ms: u64,
        document: TantivyDocument,
        bytes: usize,
    ) -> Result<(), HistoryError> {
        if day < self.first_day() {
            self.skipped.expired += 1;
            return Ok(());
        }
        if self.slices.get(day).is_some_and(|slice| position < slice.through()) {
            return Ok(());
        }
        if !self.writers.contains_key(&day) && !self.waiting.contains_key(&day) {
            self.make_room(day)?;
            if self.writers.len() < MAX_OPEN_WRITERS {
                let writer = self.open_writer(day)?;
                self.writers.insert(day, writer);
            }
        }
        if let Some(writer) = self.writers.get_mut(&day) {
            writer.last_used_ms = written_ms;
            return writer.add(document);
        }
        self.waiting.entry(day).or_default().push(document);
        self.waiting_bytes += bytes;
        if self.waiting_bytes > MAX_WAITING_BYTES {
            self.applied = position + 1;
            self.write_waiting()?;
        }
        Ok(())
    }

    /// Closes the oldest open writer if `day` is newer and needs its place.
    fn make_room(&mut self, day: Date) -> Result<(), HistoryError> {
        if self.writers.len() < MAX_OPEN_WRITERS || self.writers.keys().next().is_none_or(|oldest| *oldest > day) {
            return Ok(());
        }
        if let Some((_, mut writer)) = self.writers.pop_first() {
            writer.commit(self.applied)?;
            self.compact(writer);
        }
        Ok(())
    }

    fn open_writer(&mut self, day: Date) -> Result<SliceWriter, HistoryError> {
        if let Some(compaction) = self.compactions.remove(&day) {
            join(compaction);
        }
        self.slices.get_or_create(day)?.writer(self.config.writer_memory_bytes.max(crate::MIN_WRITER_MEMORY_BYTES))
    }

    /// Writes and commits everything that waits, up to the position applied so far.
    fn write_waiting(&mut self) -> Result<(), HistoryError> {
        while let Some((day, documents)) = self.waiting.pop_first() {
            let mut writer = self.open_writer(day)?;
            for document in documents {
                writer.add(document)?;
            }
            writer.commit(self.applied)?;
            writer.close()?;
        }
        self.waiting_bytes = 0;
        Ok(())
    }

    fn close_idle_writers(&mut self) {
        let now_ms = u64::try_from(self.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        for (_, writer) in self.writers.extract_if(.., |_, writer| writer.last_used_ms + IDLE_MS < now_ms).collect::<Vec<_>>() {
            self.compact(writer);
        }
        for (_, compaction) in self.compactions.extract_if(.., |_, compaction| compaction.is_finished()) {
            join(compaction);
        }
    }

    /// Closes a committed writer in the background. A failure leaves more segments than need be, and nothing else.
    fn compact(&mut self, writer: SliceWriter) {
        let day = writer.slice.day;
        let run = move || {
            if let Err(error) = writer.close_and_compact() {
                tracing::warn!(slice = %day, %error, "merging a closed history slice failed");
            }
        };
        match std::thread::Builder::new().name("history-compact".into()).spawn(run) {
            Ok(compaction) => {
                self.compactions.insert(day, compaction);
            }
            Err(error) => tracing::warn!(slice = %day, %error, "closing a history slice without merging it"),
        }
    }
}

impl Drop for HistorySink {
    /// Waits for compactions, so that the slices can be opened again.
    fn drop(&mut self) {
        for (_, compaction) in std::mem::take(&mut self.compactions) {
            join(compaction);
        }
    }
}

fn join(compaction: JoinHandle<()>) {
    if compaction.join().is_err() {
        tracing::error!("the thread that merges a history slice panicked");
    }
}

fn at_ms(ms: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
