//! Records of one file on their way into the log, an entry at a time.

use crate::error::ImportError;
use crate::importer::{Importer, Outcome, Unparsed};
use crate::in_flight::{Claim, Key};
use crate::limits;
use crate::record::{self, Head, Identity};
use bytes::BytesMut;
use opentrail_eventlog::{Event, LogError, LogErrorKind, Queued};
use opentrail_search::files::Receive;
use opentrail_search::output::json::compact;
use std::collections::VecDeque;
use std::time::Instant;
use time::{Duration, OffsetDateTime};

/// Events further ahead than this stand in the history under the time they were written.
const AHEAD: Duration = Duration::DAY;

/// What is known of a record while the others of its batch are read.
struct Taken {
    identity: Identity,
    time: Option<OffsetDateTime>,
    region: String,
    /// Where its text ends among those of the batch.
    end: usize,
}

/// An event that may be new.
pub(crate) struct Candidate {
    pub identity: Identity,
    /// Its time in the history, if that is the record's own.
    pub time: Option<OffsetDateTime>,
    pub event: Event,
}

/// One file being imported.
pub(crate) struct Batch<'a> {
    importer: &'a Importer,
    account: &'a str,
    now: OffsetDateTime,
    oldest: OffsetDateTime,
    taken: Vec<Taken>,
    /// Texts of the records, one after the other: one piece of memory for all of a batch.
    texts: BytesMut,
    queued: VecDeque<(Queued, Vec<Key>)>,
    records: u64,
    outcome: Outcome,
    failed: Option<ImportError>,
}

impl<'a> Batch<'a> {
    pub fn new(importer: &'a Importer, account: &'a str, now: OffsetDateTime, oldest: OffsetDateTime) -> Self {
        Self {
            importer,
            account,
            now,
            oldest,
            taken: Vec::new(),
            texts: BytesMut::new(),
            queued: VecDeque::new(),
            records: 0,
            outcome: Outcome::default(),
            failed: None,
        }
    }

    /// Sends what is left and waits until all of it is durable.
    pub fn finish(mut self) -> Result<Outcome, ImportError> {
        if self.failed.is_none() {
            self.failed = self.flush().err();
        }
        // What was queued becomes durable whatever failed after it.
        while !self.queued.is_empty() {
            if let Err(error) = self.settle_first() {
                self.failed.get_or_insert(error);
            }
        }
        self.failed.map_or(Ok(self.outcome), Err)
    }

    fn take(&mut self, record: &[u8], head: &Head<'_>) {
        let time = head.time.filter(|time| *time <= self.now + AHEAD);
        if let Some(time) = time.filter(|time| *time < self.oldest) {
            self.outcome.expired += 1;
            self.outcome.oldest_expired = Some(self.outcome.oldest_expired.map_or(time, |oldest| oldest.min(time)));
            return;
        }
        // A record is one line everywhere else.
        let line = if memchr::memchr2(b'\n', b'\r', record).is_some() { compact(record) } else { record.into() };
        self.texts.extend_from_slice(&line);
        let (identity, region) = (head.identity(&line), head.region().to_owned());
        self.taken.push(Taken { identity, time, region, end: self.texts.len() });
    }

    /// What was taken, as events that share their memory.
    fn candidates(&mut self) -> Vec<Candidate> {
        let texts = self.texts.split().freeze();
        let mut start = 0;
        let candidate = |Taken { identity, time, region, end }| {
            let record = texts.slice(std::mem::replace(&mut start, end)..end);
            Candidate { identity, time, event: Event { account: self.account.to_owned(), region, record } }
        };
        std::mem::take(&mut self.taken).into_iter().map(candidate).collect()
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let candidates = self.candidates();
        self.importer.wait_for_room()?;
        let keys: Vec<Key> = candidates.iter().map(|c| self.importer.in_flight.key(self.account, &c.identity)).collect();
        let claims = self.importer.in_flight.claim(keys.iter().copied());
        let (mut granted, mut pending) = (Vec::new(), Vec::new());
        for ((key, candidate), claim) in keys.into_iter().zip(candidates).zip(claims) {
            match claim {
                Claim::Granted => granted.push((key, candidate)),
                Claim::Pending => pending.push((key, candidate)),
                Claim::Durable => self.outcome.duplicates += 1,
            }
        }
        self.queue_new(granted)?;
        if pending.is_empty() { Ok(()) } else { self.await_others(pending) }
    }

    /// Queues those of the claimed events that the history does not hold.
    fn queue_new(&mut self, granted: Vec<(Key, Candidate)>) -> Result<(), ImportError> {
        let in_flight = &self.importer.in_flight;
        let known = match self.importer.known(self.account, granted.iter().map(|(_, candidate)| candidate)) {
            Ok(known) => known,
            Err(error) => {
                in_flight.release(granted.into_iter().map(|(key, _)| key));
                return Err(error.into());
            }
        };
        let (mut keys, mut events) = (Vec::with_capacity(granted.len()), Vec::with_capacity(granted.len()));
        for ((key, candidate), known) in granted.into_iter().zip(known) {
            if known {
                in_flight.release([key]);
                self.outcome.duplicates += 1;
            } else {
                keys.push(key);
                events.push(candidate.event);
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        match self.queue(events) {
            Ok(queued) => self.queued.push_back((queued, keys)),
            Err(error) => {
                in_flight.release(keys);
                return Err(error.into());
            }
        }
        if self.queued.len() >= limits::BATCHES_QUEUED { self.settle_first() } else { Ok(()) }
    }

    /// Events that others claim, or an earlier part of this file, are duplicates only once they are durable there. Own
    /// claims are brought to an end first, so that two files cannot wait for each other.
    fn await_others(&mut self, pending: Vec<(Key, Candidate)>) -> Result<(), ImportError> {
        while !self.queued.is_empty() {
            self.settle_first()?;
        }
        let in_flight = &self.importer.in_flight;
        in_flight.wait_for_claims(&pending.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        for (key, candidate) in pending {
            // Not durable and not in the log's end any more: the history has it, or the other's import failed.
            if !in_flight.is_durable(key) && !self.importer.known(self.account, [&candidate].into_iter())?[0] {
                return Err(ImportError::OtherFailed);
            }
            self.outcome.duplicates += 1;
        }
        Ok(())
    }

    /// Waits while the log's queue is full, which others may have filled.
    fn queue(&self, mut events: Vec<Event>) -> Result<Queued, LogError> {
        let began = Instant::now();
        loop {
            match self.importer.intake.queue_imported(events) {
                Err((error, refused)) if error.kind() == LogErrorKind::Retry && began.elapsed() < limits::QUEUE_PATIENCE => {
                    std::thread::sleep(limits::PAUSE);
                    events = refused;
                }
                other => return other.map_err(|(error, _)| error),
            }
        }
    }

    fn settle_first(&mut self) -> Result<(), ImportError> {
        let Some((queued, keys)) = self.queued.pop_front() else { return Ok(()) };
        match queued.wait_blocking() {
            Ok(end) => {
                self.outcome.accepted += keys.len() as u64;
                self.importer.in_flight.settle(end, keys);
                Ok(())
            }
            Err(error) => {
                self.importer.in_flight.release(keys);
                Err(error.into())
            }
        }
    }
}

impl Receive for Batch<'_> {
    fn record(&mut self, record: &[u8], offset: u64) {
        match record::read(record) {
            Ok(head) => self.take(record, &head),
            Err(reason) => self.problem(offset, &reason),
        }
        self.records += 1;
        if self.taken.len() >= limits::BATCH_RECORDS || self.texts.len() >= limits::BATCH_BYTES {
            self.failed = self.flush().err();
        }
    }

    fn problem(&mut self, offset: u64, reason: &str) {
        self.outcome.unparsed_count += 1;
        if self.outcome.unparsed.len() < limits::UNPARSED_REPORTED {
            self.outcome.unparsed.push(Unparsed { record: self.records, offset, reason: reason.to_owned() });
        }
    }

    fn stopped(&self) -> bool {
        self.failed.is_some()
    }
}
