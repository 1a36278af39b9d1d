//! Events of one call and one stream, stored together.

use crate::event::{EventId, LogEvent};
use crate::{InputEvent, LogsError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// Longest time between the first and the last event of a batch, in milliseconds. A call that brings more is stored as
/// several batches; so readers know how far back a batch can reach.
pub const MAX_SPAN_MS: i64 = 60_000;
/// Largest batch when unpacked: everything that one call can bring.
const MAX_UNPACKED_BYTES: u64 = 4 * 1024 * 1024;

/// Stored events, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBatch {
    pub group_id: String,
    pub stream_id: String,
    /// Milliseconds since 1970, like the other times.
    pub first: i64,
    pub last: i64,
    pub ingestion: i64,
    pub call: u64,
    /// Place of the first event in its call.
    pub place: u16,
    pub count: u32,
    /// Base64 of deflated `u32 milliseconds after first ▪ u32 length ▪ message`, little-endian.
    events: String,
}

impl Entity for LogBatch {
    const TABLE: &'static str = "log_batch";

    /// Sorts by stream, then time.
    fn key(&self) -> String {
        let Self { group_id, stream_id, first, ingestion, call, place, .. } = self;
        format!("{}{first:016x}:{ingestion:016x}:{call:016x}:{place:04x}", Self::prefix(group_id, stream_id))
    }
}

impl LogBatch {
    /// What the keys of a stream begin with.
    pub fn prefix(group_id: &str, stream_id: &str) -> String {
        format!("{group_id}:{stream_id}:")
    }

    /// The time of the first event, milliseconds since 1970, from the key of a batch and the prefix of its stream.
    pub fn first_in(key: &str, prefix: &str) -> Option<i64> {
        i64::from_str_radix(key.strip_prefix(prefix)?.get(..16)?, 16).ok()
    }

    /// Packs events, ascending in time, into as many batches as it takes.
    pub fn pack(group_id: &str, stream_id: &str, events: &[InputEvent], ingestion: i64, call: u64) -> Vec<Self> {
        let mut batches = Vec::new();
        let mut rest = events;
        let mut place = 0u16;
        while let Some(head) = rest.first() {
            let end = rest.partition_point(|event| event.timestamp - head.timestamp <= MAX_SPAN_MS);
            let (batch, later) = rest.split_at(end);
            batches.push(Self {
                group_id: group_id.into(),
                stream_id: stream_id.into(),
                first: head.timestamp,
                last: batch.last().map_or(head.timestamp, |event| event.timestamp),
                ingestion,
                call,
                place,
                count: u32::try_from(batch.len()).unwrap_or(u32::MAX),
                events: packed(head.timestamp, batch),
            });
            place = place.saturating_add(u16::try_from(batch.len()).unwrap_or(u16::MAX));
            rest = later;
        }
        batches
    }

    /// The events, ascending.
    ///
    /// # Errors
    /// If the stored bytes are not what [`Self::pack`] wrote.
    pub fn unpack(&self) -> Result<Vec<LogEvent>, LogsError> {
        self.unpacked().ok_or_else(|| LogsError::Damaged { key: self.key() })
    }

    fn unpacked(&self) -> Option<Vec<LogEvent>> {
        let compressed = STANDARD.decode(&self.events).ok()?;
        let mut bytes = Vec::new();
        DeflateDecoder::new(compressed.as_slice()).take(MAX_UNPACKED_BYTES).read_to_end(&mut bytes).ok()?;
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        let mut place = self.place;
        while !rest.is_empty() {
            let offset = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
            let length = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
            let message = String::from_utf8(rest.get(8..8 + length)?.to_vec()).ok()?;
            rest = &rest[8 + length..];
            let timestamp = self.first + i64::from(offset);
            events.push(LogEvent { id: EventId { timestamp, ingestion: self.ingestion, call: self.call, place }, message });
            place = place.saturating_add(1);
        }
        Some(events)
    }
}

fn packed(first: i64, events: &[InputEvent]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    for event in events {
        let offset = u32::try_from(event.timestamp - first).expect("a batch spans a minute at most");
        let length = u32::try_from(event.message.len()).expect("a call is bounded");
        let write =
            [&offset.to_le_bytes(), &length.to_le_bytes(), event.message.as_bytes()].map(|part: &[u8]| encoder.write_all(part));
        write.into_iter().for_each(|written| written.expect("writing to memory"));
    }
    STANDARD.encode(encoder.finish().expect("writing to memory"))
}
