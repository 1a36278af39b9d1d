//! The sink: takes events from the log into the live part of their day.
//!
//! ```text
//! apply:  event ─▶ live part of its day, searchable at once
//!              └──▶ full, too much memory, too old ─▶ Keeper, in a thread: segment ▸ manifest ▸ merges
//! commit: age ▸ expired days ▸ damaged segments
//! ```
//!
//! A live part is in memory only: after a restart it is made again from the log, from the manifest's position on.

use crate::HistoryConfig;
use crate::error::HistoryError;
use crate::keeper::{Flush, Keeper};
use crate::limits::{FLUSHED_BYTES, LIVE_BYTES, LIVE_MS, LIVE_ROWS};
use crate::live::{Incoming, Live, time_of};
use crate::manifest::{DayFiles, day_name};
use crate::state::{LivePart, State};
use opentrail_eventlog::{Event, LoggedEntry, Position, Sink};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use time::{Date, OffsetDateTime};

/// Events that were not indexed, since the history was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not a JSON object.
    pub broken: u64,
    /// Older than the retention.
    pub expired: u64,
}

/// A live part that takes events.
struct Filling {
    part: Arc<LivePart>,
    /// As of its last event.
    memory: usize,
    /// What was in segments when it was begun.
    stored: DayFiles,
}

type LogStart = Box<dyn Fn() -> Position + Send + Sync>;

/// Writes the history. There is one; what it has not written to disk yet it takes from the log again.
pub struct HistorySink {
    config: HistoryConfig,
    state: Arc<State>,
    keeper: Arc<Keeper>,
    live: BTreeMap<Date, Filling>,
    /// Tells the first position the log still holds.
    log_start: Option<LogStart>,
    job: Option<JoinHandle<Result<(), HistoryError>>>,
    /// Where reading goes on after an error.
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
                if position >= self.applied {
                    self.take(event, position, written, entry.written_ms)?;
                    self.applied = position + 1;
                }
            }
            self.applied = self.applied.max(entry.end());
        }
        self.state.end.store(self.applied, Ordering::Release);
        Ok(())
    }

    fn commit(&mut self, position: Position) -> Result<(), HistoryError> {
        self.applied = self.applied.max(position);
        self.cursor = self.applied;
        self.state.end.store(self.applied, Ordering::Release);
        self.finish_job(false)?;
        let now_ms = u64::try_from(self.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        if self.keeper.has_suspects() {
            // What follows is rollback, and reading the log again.
            return Err(HistoryError::damaged("a segment, which is set aside:"));
        }
        self.expire();
        if self.live.values().any(|live| live.part.read().since_ms + LIVE_MS < now_ms) {
            let all = self.live.keys().copied().collect();
            self.flush(all)?;
        }
        Ok(())
    }

    fn rollback(&mut self) {
        if let Err(error) = self.finish_job(true) {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "writing segments of the history failed");
        }
        if let Err(error) = self.keeper.set_suspects_aside() {
            tracing::error!(%error, "setting damaged segments of the history aside failed");
        }
        self.live.clear();
        self.state.change(|parts| parts.live.clear());
        self.cursor = self.keeper.manifest().position;
        self.applied = self.cursor;
        if let Some(first) = self.log_start.as_ref().map(|first| first()) {
            self.start_from(first);
        }
        self.state.end.store(self.cursor, Ordering::Release);
    }
}

impl HistorySink {
    pub(crate) fn new(config: HistoryConfig, state: Arc<State>, keeper: Keeper) -> Self {
        let cursor = keeper.manifest().position;
        Self {
            config,
            state,
            keeper: Arc::new(keeper),
            live: BTreeMap::new(),
            log_start: None,
            job: None,
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

    /// The same for the start and for whenever the log is read again: `first` tells the first position it holds.
    pub fn start_from_log(&mut self, first: impl Fn() -> Position + Send + Sync + 'static) -> u64 {
        let gap = self.start_from(first());
        self.log_start = Some(Box::new(first));
        gap
    }

    /// Drops the days of which every event is older than the retention at `now`. Returns how many.
    ///
    /// Commits do the same by the time their entries were written, so this is only needed where nothing is written.
    pub fn drop_expired(&mut self, now: OffsetDateTime) -> usize {
        self.now = self.now.max(now);
        self.expire()
    }

    /// Writes everything to disk and waits for it.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn flush_all(&mut self) -> Result<(), HistoryError> {
        let all = self.live.keys().copied().collect();
        self.flush(all)?;
        self.finish_job(true)
    }

    /// Writes one day to disk and waits for it.
    #[cfg(test)]
    pub(crate) fn flush_day(&mut self, day: Date) -> Result<(), HistoryError> {
        self.flush(vec![day])?;
        self.finish_job(true)
    }

    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The oldest day not wholly expired.
    fn first_day(&self) -> Date {
        self.now.checked_sub(self.config.retention).map_or(Date::MIN, OffsetDateTime::date)
    }

    fn expire(&mut self) -> usize {
        let oldest = self.now.checked_sub(self.config.retention).map_or(i64::MIN, OffsetDateTime::unix_timestamp);
        self.state.oldest_shown.fetch_max(oldest, Ordering::Relaxed);
        let first = self.first_day();
        let kept = self.live.split_off(&first);
        let expired = std::mem::replace(&mut self.live, kept);
        if !expired.is_empty() {
            self.state.change(|parts| parts.live.retain(|part| part.day >= first));
        }
        let in_memory = expired.keys().filter(|day| !self.keeper.manifest().days.contains_key(&day_name(**day))).count();
        if !self.keeper.any_before(first) {
            return in_memory;
        }
        match self.keeper.drop_before(first) {
            Ok(dropped) => in_memory + dropped,
            Err(error) => {
                tracing::error!(%error, "dropping expired days of the history failed");
                in_memory
            }
        }
    }

    fn take(&mut self, event: &Event, position: Position, written: OffsetDateTime, written_ms: u64) -> Result<(), HistoryError> {
        let at = time_of(&event.record, written);
        let day = at.date();
        if day < self.first_day() {
            self.skipped.expired += 1;
            return Ok(());
        }
        if !self.live.contains_key(&day) && !self.begin(day, position, written_ms) {
            return Ok(());
        }
        let Some(filling) = self.live.get_mut(&day).filter(|filling| !filling.stored.has(position)) else { return Ok(()) };
        let incoming = Incoming {
            account: &event.account,
            region: &event.region,
            record: &event.record,
            position,
            time: at.unix_timestamp(),
        };
        let mut live = filling.part.write();
        if !live.add(&incoming)? {
            self.skipped.broken += 1;
        }
        let rows = live.len();
        filling.memory = live.memory();
        drop(live);
        let memory = || self.live.values().map(|filling| filling.memory).sum::<usize>();
        if rows >= LIVE_ROWS || rows.is_multiple_of(64) && memory() > LIVE_BYTES {
            self.applied = position + 1;
            self.make_room(day, rows)?;
        }
        Ok(())
    }

    /// Begins the live part of a day, unless the event is in a segment already.
    fn begin(&mut self, day: Date, position: Position, written_ms: u64) -> bool {
        let stored = self.keeper.manifest().days.get(&day_name(day)).cloned().unwrap_or_default();
        if stored.has(position) {
            return false;
        }
        let seed = RandomState::new().build_hasher().finish();
        let part = Arc::new(LivePart::new(day, Live::new(seed, written_ms)));
        self.live.insert(day, Filling { part: Arc::clone(&part), memory: 0, stored });
        self.state.change(|parts| parts.live.push(part));
        true
    }

    /// Has the day's part written if it is full, or else the largest until much memory is free again.
    fn make_room(&mut self, day: Date, rows: u32) -> Result<(), HistoryError> {
        if rows >= LIVE_ROWS {
            return self.flush(vec![day]);
        }
        let mut largest: Vec<(usize, Date)> = self.live.iter().map(|(day, filling)| (filling.memory, *day)).collect();
        largest.sort_unstable();
        let mut chosen = Vec::new();
        let mut freed = 0;
        while freed < FLUSHED_BYTES
            && let Some((memory, day)) = largest.pop()
        {
            freed += memory;
            chosen.push(day);
        }
        self.flush(chosen)
    }

    /// Hands live parts to the keeper, once it is done with what it has.
    fn flush(&mut self, days: Vec<Date>) -> Result<(), HistoryError> {
        self.finish_job(true)?;
        let mut parts = Vec::new();
        for day in days {
            let Some(Filling { part, .. }) = self.live.remove(&day) else { continue };
            part.write().blocks.finish_block().map_err(HistoryError::Compressing)?;
            parts.push((part, self.applied));
        }
        if parts.is_empty() {
            return Ok(());
        }
        let left = self.live.values().filter_map(|filling| filling.part.read().positions.first().copied()).min();
        let flush = Flush { parts, position: left.unwrap_or(self.applied).min(self.applied) };
        let keeper = Arc::clone(&self.keeper);
        let thread = std::thread::Builder::new().name("history-segments".into());
        match thread.spawn(move || keeper.flush(&flush)) {
            Ok(job) => self.job = Some(job),
            Err(source) => return Err(HistoryError::Writing(source)),
        }
        Ok(())
    }

    /// Takes the result of the keeper's job, if there is one; waits for it if asked to.
    fn finish_job(&mut self, wait: bool) -> Result<(), HistoryError> {
        match self.job.take_if(|job| wait || job.is_finished()) {
            None => Ok(()),
            Some(job) => job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        }
    }
}

impl Drop for HistorySink {
    /// Waits for the keeper, so that the directory can be opened again.
    fn drop(&mut self) {
        if let Err(error) = self.finish_job(true) {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "writing segments of the history failed");
        }
    }
}

fn at_ms(ms: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
