//! Importing one file.

use crate::batch::{Batch, Candidate};
use crate::error::ImportError;
use crate::in_flight::InFlight;
use crate::known;
use crate::limits;
use opentrail_eventlog::Intake;
use opentrail_history::{History, HistoryError};
use opentrail_query::Query;
use opentrail_query::matching::Prefilter;
use opentrail_search::files::Reader;
use std::io::Read;
use std::sync::Mutex;
use std::time::Instant;
use time::{Duration, OffsetDateTime};

/// Takes files into the history. One per process, shared by all who import.
pub struct Importer {
    pub(crate) intake: Intake,
    history: History,
    retention: Duration,
    pub(crate) in_flight: InFlight,
    /// Readers with the memory they have, for the next files.
    readers: Mutex<Vec<Reader>>,
}

/// What became of the records of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Durable now, and searchable in a moment.
    pub accepted: u64,
    /// Known already, or twice in the file.
    pub duplicates: u64,
    /// Older than the history keeps events.
    pub expired: u64,
    /// The oldest of these.
    pub oldest_expired: Option<OffsetDateTime>,
    /// Records and parts of the file that could not be read.
    pub unparsed_count: u64,
    /// The first [`limits::UNPARSED_REPORTED`] of them.
    pub unparsed: Vec<Unparsed>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unparsed {
    /// How many records of the file came before it.
    pub record: u64,
    /// Bytes before it: of what the file decompresses to, or of the file itself if its compression is damaged.
    pub offset: u64,
    pub reason: String,
}

impl Importer {
    /// `retention` is the history's.
    pub fn new(intake: Intake, history: History, retention: Duration) -> Self {
        let in_flight = InFlight::new(intake.log().clone());
        Self { intake, history, retention, in_flight, readers: Mutex::default() }
    }

    /// How long the history keeps events.
    pub fn retention(&self) -> Duration {
        self.retention
    }

    /// Imports a file for an account. The name only hints at its form. Blocks; not to be called where futures run.
    ///
    /// # Errors
    /// If the log or the history fail. What was taken until then stays; importing the file again takes the rest.
    pub fn import(&self, account: &str, name: &str, file: &mut dyn Read) -> Result<Outcome, ImportError> {
        let now = self.intake.now();
        // The history keeps whole days.
        let oldest = now.checked_sub(self.retention).map_or(OffsetDateTime::UNIX_EPOCH, |at| at.date().midnight().assume_utc());
        let history = self.history.end();
        self.in_flight.forget(history);
        self.in_flight.catch_up(history)?;
        let mut batch = Batch::new(self, account, now, oldest);
        let mut reader = self.readers.lock().expect("no holder panics").pop().unwrap_or_default();
        reader.read(file, name, &Prefilter::new(&Query::all()), &mut batch);
        let outcome = batch.finish();
        reader.shrink();
        let mut readers = self.readers.lock().expect("no holder panics");
        if readers.len() < limits::READERS_KEPT {
            readers.push(reader);
        }
        outcome
    }

    /// Waits until the history is near enough to the log.
    pub(crate) fn wait_for_room(&self) -> Result<(), ImportError> {
        let (mut moved, mut last) = (Instant::now(), 0);
        loop {
            let history = self.history.end();
            if self.in_flight.has_room(history) {
                return Ok(());
            }
            if history > last {
                (moved, last) = (Instant::now(), history);
            } else if moved.elapsed() > limits::HISTORY_PATIENCE {
                return Err(ImportError::HistoryBehind { history, log: self.intake.log().end() });
            }
            std::thread::sleep(limits::PAUSE);
        }
    }

    /// Which events the history holds.
    pub(crate) fn known<'c>(
        &self,
        account: &str,
        candidates: impl Iterator<Item = &'c Candidate>,
    ) -> Result<Vec<bool>, HistoryError> {
        known::known(&self.history, account, candidates)
    }
}
