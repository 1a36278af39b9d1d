//! What PutLogEvents takes.

use crate::batch::LogBatch;
use crate::event::InputEvent;
use crate::group::LogStream;
use opentrail_catalog::Changes;

/// Most events of a call.
pub const MAX_BATCH_EVENTS: usize = 10_000;
/// Most bytes of a call: of every message, and 26 more an event.
pub const MAX_BATCH_BYTES: usize = 1_048_576;
/// Largest message, in bytes.
pub const MAX_EVENT_BYTES: usize = MAX_BATCH_BYTES - EVENT_OVERHEAD_BYTES;
const EVENT_OVERHEAD_BYTES: usize = 26;

const HOUR_MS: i64 = 3_600_000;
/// Longest time between the first and the last event of a call.
const MAX_SPAN_MS: i64 = 24 * HOUR_MS;
/// How far ahead of now an event may be.
const MAX_AHEAD_MS: i64 = 2 * HOUR_MS;
/// How old an event may be.
const MAX_AGE_MS: i64 = 14 * 24 * HOUR_MS;

/// What of a call is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub events: Vec<InputEvent>,
    pub rejected: Option<Rejected>,
}

/// `rejectedLogEventsInfo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Index of the first event that is too new.
    pub too_new_start: Option<usize>,
    /// Index after the last event that is too old.
    pub too_old_end: Option<usize>,
    /// Index after the last event that the group's retention has expired.
    pub expired_end: Option<usize>,
}

/// Why a call is refused whole. All are `InvalidParameterException`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutFault {
    #[error("Log events in a single PutLogEvents request must be in chronological order.")]
    Order,
    #[error("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")]
    Span,
    #[error("Upload too large: {bytes} bytes exceeds limit of {MAX_BATCH_BYTES}")]
    TooLarge { bytes: usize },
    #[error("Log event message must not be empty.")]
    Empty,
}

/// Sorts out what is kept of the events of a call at `now`, milliseconds since 1970.
///
/// # Errors
/// If the call is refused whole.
pub fn accept(events: Vec<InputEvent>, now: i64, retention_days: Option<u32>) -> Result<Accepted, PutFault> {
    let bytes = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD_BYTES).sum();
    if bytes > MAX_BATCH_BYTES {
        return Err(PutFault::TooLarge { bytes });
    }
    if events.iter().any(|event| event.message.is_empty()) {
        return Err(PutFault::Empty);
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(PutFault::Order);
    }
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && last.timestamp.saturating_sub(first.timestamp) > MAX_SPAN_MS
    {
        return Err(PutFault::Span);
    }
    let retention = retention_days.map(|days| i64::from(days) * 24 * HOUR_MS);
    let index_of = |bound: i64| events.partition_point(|event| event.timestamp < bound);
    let expired_end = retention.map_or(0, |retention| index_of(now - retention));
    let too_old_end = index_of(now - MAX_AGE_MS);
    let too_new_start = index_of(now + MAX_AHEAD_MS + 1);
    let some = |index: usize, when: bool| when.then_some(index);
    let rejected = Rejected {
        too_new_start: some(too_new_start, too_new_start < events.len()),
        too_old_end: some(too_old_end, too_old_end > 0),
        expired_end: some(expired_end, expired_end > 0),
    };
    let first_kept = expired_end.max(too_old_end);
    let kept = events.into_iter().take(too_new_start).skip(first_kept).collect();
    Ok(Accepted { events: kept, rejected: (rejected != Rejected::default()).then_some(rejected) })
}

/// The changes that store events, ascending, into a stream at `now`, milliseconds since 1970; the stream becomes what it is
/// with them. `call` tells these events from others of the same millisecond, and orders them. Under the stream's lock.
pub fn stored(stream: &mut LogStream, events: &[InputEvent], now: i64, call: u64) -> Changes {
    let mut changes = Changes::new();
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return changes };
    for batch in LogBatch::pack(&stream.group_id, &stream.id, events, now, call) {
        changes.put(&batch);
    }
    stream.first_event = stream.first_event.into_iter().chain([first.timestamp]).min();
    stream.last_event = stream.last_event.max(Some(last.timestamp));
    stream.last_ingestion = Some(now);
    changes.put(stream);
    changes
}
