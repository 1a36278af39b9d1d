//! The intake: the only way into the log.

use crate::clock::Clock;
use crate::entry::{Entry, Event, Position};
use crate::error::LogError;
use crate::log::EventLog;
use bytes::Bytes;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::oneshot;

/// Largest record, in bytes of JSON. Larger than CloudTrail's 256 KB, because imports may hold 1 MB records.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// Most events in one entry.
pub const MAX_EVENTS_PER_ENTRY: usize = 1000;
/// Largest encoding of one entry's changes, in bytes.
const MAX_CHANGES_BYTES: usize = 8 * 1024 * 1024;
/// Largest sum of one entry's records, in bytes.
pub const MAX_ENTRY_BYTES: usize = 16 * 1024 * 1024;

/// Admits, stamps and appends. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    log: EventLog,
    clock: Arc<dyn Clock>,
}

impl Intake {
    pub fn new(log: EventLog, clock: Arc<dyn Clock>) -> Self {
        Self { log, clock }
    }

    pub fn log(&self) -> &EventLog {
        &self.log
    }

    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// A fresh `eventID`: a random UUID, lower-case, hyphenated.
    pub fn event_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// Appends events and changes as one entry; answers once they are durable and the changes applied.
    ///
    /// Returns the position of the first event. Cancelling the future does not take the submission back.
    ///
    /// # Errors
    /// See [`LogError::kind`]: retry, fix the request, or call the operator. After an error other than a refusal the
    /// submission may have become durable.
    pub async fn submit(&self, events: Vec<Event>, changes: Bytes) -> Result<Position, LogError> {
        admit(&events, &changes)?;
        self.log.submit(Entry { events, changes, imported: false })?.await.unwrap_or(Err(LogError::Stopped))
    }

    /// [`Self::submit`] for threads outside the async runtime.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn submit_blocking(&self, events: Vec<Event>, changes: Bytes) -> Result<Position, LogError> {
        admit(&events, &changes)?;
        self.log.submit(Entry { events, changes, imported: false })?.blocking_recv().unwrap_or(Err(LogError::Stopped))
    }

    /// Queues events that happened and were recorded elsewhere. They are searchable and go nowhere else. Does not wait.
    ///
    /// # Errors
    /// As [`Self::submit`], as far as it is known at once, with the events to try again; the rest comes from
    /// [`Queued::wait_blocking`].
    pub fn queue_imported(&self, events: Vec<Event>) -> Result<Queued, (LogError, Vec<Event>)> {
        if let Err(error) = admit(&events, &Bytes::new()) {
            return Err((error, events));
        }
        let span = (events.len() as u64).max(1);
        let queued = self.log.queue(Entry { events, changes: Bytes::new(), imported: true });
        queued.map(|answer| Queued { answer, span }).map_err(|(error, entry)| (error, entry.events))
    }
}

/// An entry on its way to the disk. Dropping this does not take it back.
pub struct Queued {
    answer: oneshot::Receiver<Result<Position, LogError>>,
    span: u64,
}

impl Queued {
    /// Waits until the entry is durable; answers the position after it. For threads outside the async runtime.
    ///
    /// # Errors
    /// As [`Intake::submit`].
    pub fn wait_blocking(self) -> Result<Position, LogError> {
        Ok(self.answer.blocking_recv().unwrap_or(Err(LogError::Stopped))? + self.span)
    }
}

fn admit(events: &[Event], changes: &Bytes) -> Result<(), LogError> {
    let check = |size: usize, limit: usize| if size > limit { Err(LogError::TooLarge { size, limit }) } else { Ok(()) };
    check(events.len(), MAX_EVENTS_PER_ENTRY)?;
    check(changes.len(), MAX_CHANGES_BYTES)?;
    for event in events {
        check(event.record.len(), MAX_EVENT_BYTES)?;
        check(event.account.len(), 255)?;
        check(event.region.len(), 255)?;
    }
    check(events.iter().map(|e| e.record.len()).sum(), MAX_ENTRY_BYTES)
}
