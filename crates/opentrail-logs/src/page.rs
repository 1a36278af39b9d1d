//! Pages of GetLogEvents and FilterLogEvents.

use crate::event::{EventId, LogEvent};
use crate::group::LogStream;
use crate::reader::{Direction, StreamReader};
use crate::{LogsError, Token};
use opentrail_catalog::Catalog;

/// Most events of a page.
pub const MAX_PAGE_EVENTS: usize = 10_000;
/// Most bytes of messages on a page.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
/// Most events looked at for one page of FilterLogEvents; then it ends, with a token.
const MAX_LOOKED_AT: usize = 200_000;

/// What GetLogEvents is asked.
#[derive(Debug, Clone)]
pub struct GetQuery<'q> {
    pub group_id: &'q str,
    pub stream_id: &'q str,
    /// Milliseconds since 1970, included.
    pub start: Option<i64>,
    /// Excluded.
    pub end: Option<i64>,
    pub limit: usize,
    pub token: Option<Token>,
    pub start_from_head: bool,
}

/// A page of a stream, ascending.
#[derive(Debug, Clone)]
pub struct Got {
    pub events: Vec<LogEvent>,
    pub forward: Token,
    pub backward: Token,
}

/// Reads a page of one stream. Without a token the last page, or the first with `start_from_head`.
///
/// # Errors
/// If stored events cannot be read.
pub fn get_events(catalog: &Catalog, query: &GetQuery<'_>) -> Result<Got, LogsError> {
    let mut after = query.start.map_or(EventId::before(0), EventId::before);
    let mut before = query.end.map_or(EventId::end(), EventId::before);
    let direction =
        query.token.map_or(if query.start_from_head { Direction::Forward } else { Direction::Backward }, |token| token.direction);
    match query.token {
        Some(Token { direction: Direction::Forward, at }) => after = after.max(at),
        Some(Token { direction: Direction::Backward, at }) => before = before.min(at),
        None => {}
    }
    let mut reader = StreamReader::new(catalog, query.group_id, query.stream_id, direction, after, before);
    let mut events = Vec::new();
    let mut bytes = 0;
    while events.len() < query.limit.min(MAX_PAGE_EVENTS) {
        let Some(event) = reader.next()? else { break };
        bytes += event.message.len();
        if bytes > MAX_PAGE_BYTES && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    if direction == Direction::Backward {
        events.reverse();
    }
    // The end of a stream gives back the token that was sent.
    let sent = query.token.map(|token| token.at);
    let last = events.last().map(|event| event.id).or(sent).unwrap_or(after);
    let first = events.first().map(|event| event.id).or(sent).unwrap_or(before);
    Ok(Got {
        events,
        forward: Token { direction: Direction::Forward, at: last },
        backward: Token { direction: Direction::Backward, at: first },
    })
}

/// What FilterLogEvents is asked.
pub struct FilterQuery<'q> {
    pub group_id: &'q str,
    pub streams: &'q [LogStream],
    /// Milliseconds since 1970, included.
    pub start: Option<i64>,
    /// Included.
    pub end: Option<i64>,
    pub limit: usize,
    /// Only events after this one in the order of reading.
    pub from: Option<EventId>,
    pub newest_first: bool,
    pub wanted: &'q (dyn Fn(&str) -> bool + Sync),
}

/// A page over several streams.
#[derive(Debug, Clone, Default)]
pub struct Filtered {
    /// Index of the stream among those asked for, and the event.
    pub events: Vec<(usize, LogEvent)>,
    /// Where the next page begins; `None` if everything has been looked at.
    pub next: Option<EventId>,
}

/// Reads a page of wanted events over all streams, in the order of their ids.
///
/// # Errors
/// If stored events cannot be read.
pub fn filter_events(catalog: &Catalog, query: &FilterQuery<'_>) -> Result<Filtered, LogsError> {
    let direction = if query.newest_first { Direction::Backward } else { Direction::Forward };
    let mut after = query.start.map_or(EventId::before(0), EventId::before);
    let mut before = query.end.map_or(EventId::end(), EventId::after);
    if let Some(from) = query.from {
        match direction {
            Direction::Forward => after = after.max(from),
            Direction::Backward => before = before.min(from),
        }
    }
    let reaches = |stream: &LogStream| {
        stream.first_event.is_some_and(|first| first <= before.timestamp)
            && stream.last_event.is_some_and(|last| last >= after.timestamp)
    };
    let mut heads = Vec::new();
    for (index, stream) in query.streams.iter().enumerate().filter(|(_, stream)| reaches(stream)) {
        let mut reader = StreamReader::new(catalog, query.group_id, &stream.id, direction, after, before);
        if let Some(event) = reader.next()? {
            heads.push((event, index, reader));
        }
    }
    let mut page = Filtered::default();
    let mut bytes = 0;
    let mut last = None;
    for looked_at in 0.. {
        let next = heads.iter().enumerate().min_by(|(_, (a, ..)), (_, (b, ..))| match direction {
            Direction::Forward => a.id.cmp(&b.id),
            Direction::Backward => b.id.cmp(&a.id),
        });
        let Some((place, _)) = next else { return Ok(page) };
        if page.events.len() >= query.limit.min(MAX_PAGE_EVENTS) || bytes > MAX_PAGE_BYTES || looked_at >= MAX_LOOKED_AT {
            break;
        }
        let (head, index, reader) = &mut heads[place];
        let (index, following) = (*index, reader.next()?);
        let event = match following {
            Some(following) => std::mem::replace(head, following),
            None => heads.swap_remove(place).0,
        };
        last = Some(event.id);
        if (query.wanted)(&event.message) {
            bytes += event.message.len();
            page.events.push((index, event));
        }
    }
    page.next = last.or(query.from);
    Ok(page)
}
