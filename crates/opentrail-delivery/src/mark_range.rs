//! One trail, one mark: from the log to finished files.

use crate::DeliveryError;
use crate::file::{BuiltFile, FileBuilder};
use crate::state::{DeliveryState, trail_id};
use opentrail_catalog::{Changes, Entity};
use opentrail_eventlog::{EventLog, LoggedEntry, Position};
use opentrail_model::facts::EventFacts;
use opentrail_model::trail::Trail;
use std::collections::BTreeMap;

/// A file and where it belongs. The trail is the one as of its last event: bucket and prefix may change in between.
#[derive(Debug)]
pub(crate) struct RangeFile {
    pub trail: Trail,
    pub account: String,
    pub region: String,
    pub file: BuiltFile,
}

/// When digests of a trail began or ended inside a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    Began { at_ms: i64 },
    Ended,
}

/// What a range came to.
#[derive(Debug)]
pub(crate) struct RangeResult {
    pub files: Vec<RangeFile>,
    /// The state after the range.
    pub state: DeliveryState,
    pub validation: Vec<Validation>,
    /// The trail was deleted; nothing comes after.
    pub gone: bool,
    /// Records of the range that are not JSON objects and were left out.
    pub unreadable: u64,
}

struct Scan {
    state: DeliveryState,
    open: BTreeMap<(String, String), FileBuilder>,
    raw_bytes: u64,
    result: RangeResult,
}

/// Reads the log from the state's cursor towards `end` and builds the trail's files, until they hold `max_bytes` of
/// records together; the state's cursor then stands where the next scan goes on. Blocking.
///
/// # Errors
/// If the log is damaged or a change in it cannot be read.
pub(crate) fn scan(log: &EventLog, state: DeliveryState, end: Position, max_bytes: u64) -> Result<RangeResult, DeliveryError> {
    let mut reader = log.reader(state.cursor.max(log.first()))?.only_news();
    let result = RangeResult { files: Vec::new(), state: state.clone(), validation: Vec::new(), gone: false, unreadable: 0 };
    let mut scan = Scan { state, open: BTreeMap::new(), raw_bytes: 0, result };
    let mut reached = end;
    'blocks: while let Some(entries) = reader.next_block()? {
        for entry in &entries {
            if entry.position >= end || scan.result.gone {
                break 'blocks;
            }
            scan.entry(entry)?;
            if scan.raw_bytes >= max_bytes {
                reached = entry.end();
                break 'blocks;
            }
        }
    }
    scan.close_files();
    scan.state.cursor = reached.min(end);
    scan.result.state = scan.state;
    Ok(scan.result)
}

impl Scan {
    fn entry(&mut self, entry: &LoggedEntry) -> Result<(), DeliveryError> {
        let before = self.state.trail.clone();
        let after = self.trail_after(entry)?;
        if let (Some(old), Some(new)) = (&before, &after)
            && (old.bucket != new.bucket || old.key_prefix != new.key_prefix || old.organization_id() != new.organization_id())
        {
            self.close_files();
        }
        for (offset, event) in entry.entry.news().iter().enumerate() {
            let Ok(facts) = EventFacts::read(&event.record) else {
                self.result.unreadable += 1;
                continue;
            };
            // The call that starts or stops a trail is itself in the trail's files.
            let taken = |trail: &Option<Trail>| trail.as_ref().is_some_and(|t| t.takes(&event.account, &event.region, &facts));
            if taken(&before) || taken(&after) {
                let position = entry.position + offset as u64;
                self.raw_bytes += event.record.len() as u64;
                let place = (event.account.clone(), event.region.clone());
                let builder = self.open.entry(place).or_insert_with(|| FileBuilder::new(position));
                builder.add(position, &event.record, facts.event_time.as_deref().unwrap_or_default());
            }
        }
        self.note_validation(before.as_ref(), after.as_ref(), entry.written_ms);
        if before.is_some() && after.is_none() {
            self.result.gone = true;
            self.close_files_for(before.as_ref());
            self.state.deleted = before;
        }
        self.state.trail = after;
        Ok(())
    }

    /// The trail's settings once the entry's changes are applied.
    fn trail_after(&self, entry: &LoggedEntry) -> Result<Option<Trail>, DeliveryError> {
        let mut trail = self.state.trail.clone();
        if entry.entry.changes.is_empty() {
            return Ok(trail);
        }
        for change in Changes::decode(&entry.entry.changes)?.of::<Trail>()? {
            match change {
                Ok(new) if trail_id(&new) == self.state.trail_id => trail = Some(new),
                Err(key) if trail.as_ref().is_some_and(|t| t.key() == key) => trail = None,
                _ => {}
            }
        }
        Ok(trail)
    }

    fn note_validation(&mut self, before: Option<&Trail>, after: Option<&Trail>, written_ms: u64) {
        let validated = |trail: Option<&Trail>| trail.is_some_and(|t| t.logging && t.log_file_validation);
        match (validated(before), validated(after)) {
            (false, true) => {
                self.result.validation.push(Validation::Began { at_ms: i64::try_from(written_ms).unwrap_or(i64::MAX) })
            }
            (true, false) => self.result.validation.push(Validation::Ended),
            _ => {}
        }
    }

    fn close_files(&mut self) {
        let trail = self.state.trail.clone();
        self.close_files_for(trail.as_ref());
    }

    fn close_files_for(&mut self, trail: Option<&Trail>) {
        for ((account, region), builder) in std::mem::take(&mut self.open) {
            let Some(trail) = trail else { continue };
            self.result.files.push(RangeFile { trail: trail.clone(), account, region, file: builder.finish() });
        }
    }
}
