//! A segment as the source of a larger one.

use super::layout::Section;
use super::segment::{Segment, Table};
use super::source::{Columns, Source, Values};
use super::table::{BlockEntries, Entry};
use crate::error::HistoryError;
use crate::limits::BLOCK_VALUES;
use crate::live::leaves::Kind;
use crate::part::RowsAt;
use std::ops::Range;

/// Bytes copied at a time, and UUIDs read at a time.
const COPIED: u64 = 1 << 18;
const UUIDS_READ: u32 = 4_096;

impl Source for Segment {
    fn columns(&self) -> Result<Columns, HistoryError> {
        let all = 0..self.description.rows;
        let first = self.description.first_position;
        let times = self.numbers(Section::Times, all.clone())?;
        let positions = self.numbers(Section::Positions, all.clone())?;
        Ok(Columns {
            times: times.into_iter().map(|time| self.description.first_second + i64::from(time)).collect(),
            positions: positions.into_iter().map(|position| first + u64::from(position)).collect(),
            places: self.numbers(Section::Places, all)?,
        })
    }

    fn record_starts(&self) -> Result<Vec<u32>, HistoryError> {
        self.numbers(Section::RecordStarts, 0..self.description.record_blocks + 1)
    }

    fn copy_records(&self, to: &mut dyn std::io::Write) -> Result<(), HistoryError> {
        let (mut at, end) = (0, self.extent(Section::Records).bytes);
        while at < end {
            to.write_all(&self.bytes(Section::Records, at..(at + COPIED).min(end))?).map_err(HistoryError::Writing)?;
            at += COPIED;
        }
        Ok(())
    }

    fn paths(&self) -> Vec<(bool, &[u8])> {
        self.description.paths.iter().map(|path| (path.reserved, &*path.name)).collect()
    }

    fn text_count(&self) -> u32 {
        self.description.texts.count
    }

    fn value_count(&self) -> usize {
        (self.description.texts.count + self.description.uuids) as usize
    }

    fn texts(&self, path: usize) -> Box<dyn Values + '_> {
        let ids = self.description.paths[path].texts.clone();
        Box::new(TableValues {
            segment: self,
            table: self.texts(),
            next: ids.start,
            ids,
            block: None,
            entry: None,
            numbers: None,
        })
    }

    fn uuids(&self, path: usize) -> Box<dyn Values + '_> {
        let ids = self.description.paths[path].uuids.clone();
        Box::new(UuidValues { segment: self, ids, read: Vec::new(), at: 0, value: [0; 16], rows: 0 })
    }

    fn words<'a>(&'a self, numbers: &'a [u32]) -> Result<Box<dyn Values + 'a>, HistoryError> {
        let ids = 0..self.description.words.count;
        let table = self.words();
        Ok(Box::new(TableValues { segment: self, table, next: 0, ids, block: None, entry: None, numbers: Some(numbers) }))
    }
}

struct TableValues<'a> {
    segment: &'a Segment,
    table: Table<'a>,
    next: u32,
    ids: Range<u32>,
    /// The block of what comes next, and its number.
    block: Option<(u32, BlockEntries)>,
    entry: Option<Entry>,
    numbers: Option<&'a [u32]>,
}

impl Values for TableValues<'_> {
    fn advance(&mut self) -> Result<bool, HistoryError> {
        if self.next >= self.ids.end {
            return Ok(false);
        }
        let number = self.next / BLOCK_VALUES;
        let damaged = || self.segment.damaged("a dictionary");
        if self.block.as_ref().is_none_or(|(open, _)| *open != number) {
            let mut block = self.segment.block(self.table, number)?;
            for _ in number * BLOCK_VALUES..self.next {
                block.next().ok_or_else(damaged)?;
            }
            self.block = Some((number, block));
        }
        let Some((_, block)) = &mut self.block else { return Err(damaged()) };
        self.entry = Some(block.next().ok_or_else(damaged)?);
        self.next += 1;
        Ok(true)
    }

    fn kind(&self) -> Kind {
        self.entry.map_or(Kind::Text, |entry| entry.kind)
    }

    fn value(&self) -> &[u8] {
        self.block.as_ref().map_or(b"", |(_, block)| &block.value)
    }

    fn number(&self) -> u32 {
        self.next - 1
    }

    fn rows(&self, to: &mut Vec<u32>) -> Result<(), HistoryError> {
        let Some(entry) = self.entry else { return Ok(()) };
        let Some(numbers) = self.numbers else { return self.segment.each_row(self.table.rows, entry.rows, |row| to.push(row)) };
        let mut beyond = false;
        self.segment.each_row(self.table.rows, entry.rows, |text| match numbers.get(text as usize) {
            Some(number) => to.push(*number),
            None => beyond = true,
        })?;
        if beyond { Err(self.segment.damaged("a word")) } else { Ok(()) }
    }
}

struct UuidValues<'a> {
    segment: &'a Segment,
    /// Those that are not read yet.
    ids: Range<u32>,
    read: Vec<(u128, u32)>,
    at: usize,
    value: [u8; 16],
    /// What stands for its rows.
    rows: u32,
}

impl Values for UuidValues<'_> {
    fn advance(&mut self) -> Result<bool, HistoryError> {
        if self.at == self.read.len() {
            let end = (self.ids.start + UUIDS_READ).min(self.ids.end);
            let bytes = self.segment.bytes(Section::Uuids, u64::from(self.ids.start) * 16..u64::from(end) * 16)?;
            let uuids = bytes.as_chunks::<16>().0.iter().map(|bytes| u128::from_be_bytes(*bytes));
            self.read = uuids.zip(self.segment.numbers(Section::UuidRows, self.ids.start..end)?).collect();
            self.at = 0;
            self.ids.start = end;
        }
        let Some((uuid, rows)) = self.read.get(self.at) else { return Ok(false) };
        (self.value, self.rows) = (uuid.to_be_bytes(), *rows);
        self.at += 1;
        Ok(true)
    }

    fn kind(&self) -> Kind {
        Kind::Uuid
    }

    fn value(&self) -> &[u8] {
        &self.value
    }

    fn number(&self) -> u32 {
        0
    }

    fn rows(&self, to: &mut Vec<u32>) -> Result<(), HistoryError> {
        let (_, rows): (u32, RowsAt) = self.segment.uuid_rows(self.rows)?;
        self.segment.each_row_of(rows, |row| to.push(row))
    }
}
