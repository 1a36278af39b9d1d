//! Reading many streams, newest first, one event at a time.

use crate::LogsError;
use crate::event::{EventId, LogEvent};
use crate::group::LogStream;
use crate::reader::{Direction, StreamReader};
use opentrail_catalog::Catalog;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

/// Gives `see` the events of these streams between two times, both included, in milliseconds since 1970, the newest first,
/// each with its stream's place, until it breaks off. A stream is opened when its newest event is near.
///
/// # Errors
/// If stored events cannot be read.
pub fn newest_first(
    catalog: &Catalog,
    streams: &[LogStream],
    start: i64,
    end: i64,
    mut see: impl FnMut(usize, LogEvent) -> ControlFlow<()>,
) -> Result<(), LogsError> {
    let (after, before) = (EventId::before(start), EventId::after(end));
    let reaches = |stream: &LogStream| {
        stream.first_event.is_some_and(|first| first <= end) && stream.last_event.is_some_and(|last| last >= start)
    };
    // The last to be opened first.
    let mut closed: Vec<usize> = (0..streams.len()).filter(|place| reaches(&streams[*place])).collect();
    closed.sort_by_key(|place| streams[*place].last_event);
    let mut heads: BinaryHeap<(EventId, Reverse<usize>)> = BinaryHeap::new();
    let mut open: Vec<(Option<LogEvent>, usize, StreamReader<'_>)> = Vec::new();
    loop {
        let newest = heads.peek().map(|(id, _)| id.timestamp);
        while let Some(place) = closed.last().copied()
            && newest.is_none_or(|newest| streams[place].last_event >= Some(newest))
        {
            closed.pop();
            let stream = &streams[place];
            let mut reader = StreamReader::new(catalog, &stream.group_id, &stream.id, Direction::Backward, after, before);
            if let Some(event) = reader.next()? {
                heads.push((event.id, Reverse(open.len())));
                open.push((Some(event), place, reader));
                break;
            }
        }
        let Some((id, Reverse(slot))) = heads.pop() else {
            if closed.is_empty() {
                return Ok(());
            }
            continue;
        };
        // Another stream may have something newer.
        if closed.last().is_some_and(|place| streams[*place].last_event >= Some(id.timestamp)) {
            heads.push((id, Reverse(slot)));
            continue;
        }
        let (head, place, reader) = &mut open[slot];
        let event = head.take().expect("each open stream has its head in the heap");
        if let Some(following) = reader.next()? {
            heads.push((following.id, Reverse(slot)));
            *head = Some(following);
        }
        if see(*place, event).is_break() {
            return Ok(());
        }
    }
}

/// One event of a stream.
///
/// # Errors
/// If stored events cannot be read.
pub fn find_event(catalog: &Catalog, group_id: &str, stream_id: &str, id: EventId) -> Result<Option<LogEvent>, LogsError> {
    let (after, before) = (EventId::before(id.timestamp), EventId::after(id.timestamp));
    let mut reader = StreamReader::new(catalog, group_id, stream_id, Direction::Backward, after, before);
    while let Some(event) = reader.next()? {
        if event.id == id {
            return Ok(Some(event));
        }
    }
    Ok(None)
}
