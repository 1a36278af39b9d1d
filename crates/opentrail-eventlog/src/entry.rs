//! Entries and how they are laid out inside a block.
//!
//! ```text
//! entry   = u32 event count, its highest bit set for imported events ▪ u32 length of changes ▪ changes ▪ event*
//! event   = u8 account length ▪ u8 region length ▪ u32 record length ▪ account ▪ region ▪ record
//! ```
//!
//! All numbers little-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The bit of an event count that marks imported events. Counts stay far below it.
const IMPORTED: u32 = 1 << 31;

/// A place in the log. Every event has its own; an entry without events takes one too.
pub type Position = u64;

/// One record on its way to the sinks, with the partition it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Account that receives the record; at most 255 bytes.
    pub account: String,
    /// Region the record belongs to; at most 255 bytes.
    pub region: String,
    /// The record: one minified JSON object.
    pub record: Bytes,
}

/// What one call leaves behind. Durable as a whole or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub events: Vec<Event>,
    /// State changes in the applier's own encoding; empty for none.
    pub changes: Bytes,
    /// Whether the events happened and were recorded elsewhere, some time ago. They belong into the history and nowhere
    /// else: nobody is told of them as if they were news. See [`Self::news`].
    pub imported: bool,
}

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Position of the first event.
    pub position: Position,
    /// When the block was written, milliseconds since 1970.
    pub written_ms: u64,
    pub entry: Entry,
}

impl LoggedEntry {
    /// The position after this entry.
    pub fn end(&self) -> Position {
        self.position + self.entry.span()
    }
}

impl Entry {
    /// The events that are news: none of those that were imported. What every reader of the log but the history takes.
    pub fn news(&self) -> &[Event] {
        if self.imported { &[] } else { &self.events }
    }

    /// How many positions the entry takes.
    pub fn span(&self) -> u64 {
        (self.events.len() as u64).max(1)
    }

    pub(crate) fn encoded_len(&self) -> usize {
        8 + self.changes.len() + self.events.iter().map(|e| 6 + e.account.len() + e.region.len() + e.record.len()).sum::<usize>()
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let count = u32::try_from(self.events.len()).expect("intake bounds the number of events");
        debug_assert!(count < IMPORTED, "intake bounds the number of events");
        out.put_u32_le(if self.imported { count | IMPORTED } else { count });
        out.put_u32_le(u32::try_from(self.changes.len()).expect("intake bounds the size of changes"));
        out.put_slice(&self.changes);
        for event in &self.events {
            out.put_u8(u8::try_from(event.account.len()).expect("intake bounds the account"));
            out.put_u8(u8::try_from(event.region.len()).expect("intake bounds the region"));
            out.put_u32_le(u32::try_from(event.record.len()).expect("intake bounds the record"));
            out.put_slice(event.account.as_bytes());
            out.put_slice(event.region.as_bytes());
            out.put_slice(&event.record);
        }
    }

    /// Takes one entry off the front of a block's payload; `None` if it is not well-formed. Imported events are only
    /// counted, and come empty, if `only_news`.
    pub(crate) fn decode(payload: &mut Bytes, only_news: bool) -> Option<Self> {
        if payload.len() < 8 {
            return None;
        }
        let count = payload.get_u32_le();
        let imported = count & IMPORTED != 0;
        let count = (count & !IMPORTED) as usize;
        let changes_len = payload.get_u32_le() as usize;
        if changes_len > payload.len() || count > payload.len() {
            return None;
        }
        let changes = payload.split_to(changes_len);
        let mut events = Vec::with_capacity(count);
        for _ in 0..count {
            if payload.len() < 6 {
                return None;
            }
            let account_len = payload.get_u8() as usize;
            let region_len = payload.get_u8() as usize;
            let record_len = payload.get_u32_le() as usize;
            if account_len + region_len + record_len > payload.len() {
                return None;
            }
            if only_news && imported {
                payload.advance(account_len + region_len + record_len);
                events.push(Event::default());
                continue;
            }
            let account = String::from_utf8(payload.split_to(account_len).to_vec()).ok()?;
            let region = String::from_utf8(payload.split_to(region_len).to_vec()).ok()?;
            events.push(Event { account, region, record: payload.split_to(record_len) });
        }
        Some(Self { events, changes, imported })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Entry {
        let event =
            |n: u8| Event { account: "123456789012".into(), region: "us-east-1".into(), record: vec![n; n as usize].into() };
        Entry { events: vec![event(3), event(0)], changes: Bytes::from_static(b"change"), imported: false }
    }

    #[test]
    fn entries_round_trip_back_to_back() {
        let mut out = BytesMut::new();
        sample().encode(&mut out);
        Entry::default().encode(&mut out);
        assert_eq!(out.len(), sample().encoded_len() + Entry::default().encoded_len());
        let mut payload = out.freeze();
        assert_eq!(Entry::decode(&mut payload, false), Some(sample()));
        assert_eq!(Entry::decode(&mut payload, false), Some(Entry::default()));
        assert!(payload.is_empty());
        assert_eq!(Entry::decode(&mut payload, false), None);
    }

    /// An entry as versions without imports wrote it, and the same as an import.
    #[test]
    fn the_encoding_is_what_it_was() {
        let plain = b"\x01\0\0\0\x02\0\0\0ch\x01\x02\x03\0\0\0aus{1}";
        let event = Event { account: "a".into(), region: "us".into(), record: Bytes::from_static(b"{1}") };
        let expect = Entry { events: vec![event], changes: Bytes::from_static(b"ch"), imported: false };
        let mut imported = *plain;
        imported[3] = 0x80;
        for (bytes, expect) in [(plain, expect.clone()), (&imported, Entry { imported: true, ..expect })] {
            assert_eq!(Entry::decode(&mut Bytes::copy_from_slice(bytes), false).as_ref(), Some(&expect));
            let mut out = BytesMut::new();
            expect.encode(&mut out);
            assert_eq!(out[..], bytes[..]);
            assert_eq!(expect.news().len(), usize::from(!expect.imported));
            let news = Entry::decode(&mut Bytes::copy_from_slice(bytes), true).expect("an entry");
            assert_eq!((news.span(), news.news(), news.imported), (expect.span(), expect.news(), expect.imported));
        }
    }

    #[test]
    fn cut_entries_are_refused_at_every_length() {
        let mut out = BytesMut::new();
        sample().encode(&mut out);
        for length in 0..out.len() {
            assert_eq!(Entry::decode(&mut out.clone().freeze().slice(..length), false), None, "{length}");
        }
    }
}
