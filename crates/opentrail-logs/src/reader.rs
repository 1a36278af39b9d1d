//! Reading one stream in order, either way, with only as many batches in memory as overlap in time.

use crate::LogsError;
use crate::batch::{LogBatch, MAX_SPAN_MS};
use crate::event::{EventId, LogEvent};
use opentrail_catalog::{Catalog, Entity};
use std::collections::VecDeque;

/// Batches fetched at a time.
const FETCH: usize = 8;

/// Which way a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// The events of a stream between two ids, both excluded.
pub struct StreamReader<'c> {
    catalog: &'c Catalog,
    prefix: String,
    direction: Direction,
    after: EventId,
    before: EventId,
    /// Key of the last batch fetched.
    at: Option<String>,
    fetched: VecDeque<LogBatch>,
    exhausted: bool,
    /// Events of batches opened, in the order of reading.
    open: VecDeque<LogEvent>,
}

impl<'c> StreamReader<'c> {
    pub fn new(
        catalog: &'c Catalog,
        group_id: &str,
        stream_id: &str,
        direction: Direction,
        after: EventId,
        before: EventId,
    ) -> Self {
        let prefix = LogBatch::prefix(group_id, stream_id);
        let at = match direction {
            // A batch that begins a span earlier can still reach into the range.
            Direction::Forward => format!("{prefix}{:016x}", (after.timestamp - MAX_SPAN_MS).max(0)),
            Direction::Backward => format!("{prefix}{:016x}:g", before.timestamp),
        };
        let (fetched, open) = (VecDeque::new(), VecDeque::new());
        Self { catalog, prefix, direction, after, before, at: Some(at), fetched, exhausted: false, open }
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    /// If the catalog fails or a batch is damaged.
    pub fn next(&mut self) -> Result<Option<LogEvent>, LogsError> {
        loop {
            self.fetch()?;
            let Some(next) = self.open.front() else {
                let Some(batch) = self.fetched.pop_front() else { return Ok(None) };
                self.open(&batch)?;
                continue;
            };
            // Nothing that is still to be opened can come before this one.
            let certain = match (self.direction, self.fetched.front()) {
                (_, None) => true,
                (Direction::Forward, Some(batch)) => next.timestamp() < batch.first,
                (Direction::Backward, Some(batch)) => next.timestamp() > batch.first + MAX_SPAN_MS,
            };
            if certain {
                return Ok(self.open.pop_front());
            }
            if let Some(batch) = self.fetched.pop_front() {
                self.open(&batch)?;
            }
        }
    }

    fn fetch(&mut self) -> Result<(), LogsError> {
        if !self.fetched.is_empty() || self.exhausted {
            return Ok(());
        }
        let found: Vec<LogBatch> = match self.direction {
            Direction::Forward => self.catalog.scan(&self.prefix, self.at.as_deref(), FETCH)?,
            Direction::Backward => self.catalog.scan_back(&self.prefix, self.at.as_deref(), FETCH)?,
        };
        self.at = found.last().map(Entity::key);
        let beyond = |batch: &LogBatch| match self.direction {
            Direction::Forward => batch.first > self.before.timestamp,
            Direction::Backward => batch.first + MAX_SPAN_MS < self.after.timestamp,
        };
        self.exhausted = found.len() < FETCH || found.iter().any(beyond);
        self.fetched.extend(found.into_iter().filter(|batch| !beyond(batch)));
        Ok(())
    }

    /// Takes a batch's events in among the open ones.
    fn open(&mut self, batch: &LogBatch) -> Result<(), LogsError> {
        let wanted = |event: &LogEvent| event.id > self.after && event.id < self.before;
        let was_empty = self.open.is_empty();
        self.open.extend(batch.unpack()?.into_iter().filter(wanted));
        let events = self.open.make_contiguous();
        match self.direction {
            Direction::Forward if was_empty => {}
            Direction::Forward => events.sort_by_key(|event| event.id),
            Direction::Backward => events.sort_by_key(|event| std::cmp::Reverse(event.id)),
        }
        Ok(())
    }
}
