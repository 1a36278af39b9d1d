//! A segment opened: its description in memory, everything else read from the file when asked for.

use super::filter;
use super::layout::{Description, Extent, FOOTER, SAMPLED_ROWS, Section, read_footer};
use super::table::{BlockEntries, Entry, TableIndex, against};
use super::wire::each_row;
use crate::error::HistoryError;
use crate::limits::{BLOCK_VALUES, READ_WORK};
use crate::part::{RowsAt, Work};
use crate::records::unpack_block;
use crate::rows::Union;
use bytes::Bytes;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Segment {
    pub path: PathBuf,
    pub description: Description,
    file: File,
    /// Set once something in it was found to be damaged.
    pub suspect: AtomicBool,
}

/// Called with number, value, and what else is known of it; a break ends the showing.
pub(crate) type VisitEntry<'a> = &'a mut dyn FnMut(u32, &[u8], Entry) -> ControlFlow<()>;

/// A table of the segment: texts or words.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    pub index: &'a TableIndex,
    pub blocks: Section,
    pub rows: Section,
}

impl Segment {
    /// Opens a segment.
    ///
    /// # Errors
    /// `Damaged` if it is not one, or not whole.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::NotFound | ErrorKind::UnexpectedEof => {
                HistoryError::Damaged { file: path.display().to_string(), what: "a part" }
            }
            _ => HistoryError::File { path: path.to_owned(), source },
        };
        let damaged = |what| HistoryError::Damaged { file: path.display().to_string(), what };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let footer_at = length.checked_sub(FOOTER as u64).ok_or_else(|| damaged("a footer"))?;
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut footer, footer_at).map_err(failed)?;
        let (at, bytes) = read_footer(&footer).ok_or_else(|| damaged("a footer"))?;
        if at.checked_add(u64::from(bytes)) != Some(footer_at) {
            return Err(damaged("a footer"));
        }
        let mut block = vec![0; bytes as usize];
        file.read_exact_at(&mut block, at).map_err(failed)?;
        let description = Description::decode(&block).ok_or_else(|| damaged("a description"))?;
        if description.sections.iter().any(|extent| extent.at.checked_add(extent.bytes).is_none_or(|end| end > at)) {
            return Err(damaged("a description"));
        }
        Ok(Self { path: path.to_owned(), description, file, suspect: AtomicBool::new(false) })
    }

    /// What is to be said of something that is not as it was written.
    pub fn damaged(&self, what: &'static str) -> HistoryError {
        self.suspect.store(true, Ordering::Relaxed);
        HistoryError::Damaged { file: self.path.display().to_string(), what }
    }

    pub fn extent(&self, section: Section) -> Extent {
        self.description.sections[section as usize]
    }

    /// Reads bytes of a section.
    pub fn read(&self, section: Section, at: u64, to: &mut [u8]) -> Result<(), HistoryError> {
        let extent = self.extent(section);
        if at.checked_add(to.len() as u64).is_none_or(|end| end > extent.bytes) {
            return Err(self.damaged("a place"));
        }
        self.file.read_exact_at(to, extent.at + at).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => self.damaged("its end"),
            _ => HistoryError::File { path: self.path.clone(), source },
        })
    }

    pub fn bytes(&self, section: Section, range: Range<u64>) -> Result<Vec<u8>, HistoryError> {
        let length = range.end.saturating_sub(range.start).min(self.extent(section).bytes);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.read(section, range.start, &mut bytes)?;
        Ok(bytes)
    }

    /// Numbers of four bytes, by their index.
    pub fn numbers(&self, section: Section, range: Range<u32>) -> Result<Vec<u32>, HistoryError> {
        let bytes = self.bytes(section, u64::from(range.start) * 4..u64::from(range.end) * 4)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    pub fn number(&self, section: Section, index: u32) -> Result<u32, HistoryError> {
        let mut bytes = [0; 4];
        self.read(section, u64::from(index) * 4, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// The first row that is not newer than a time.
    pub fn first_row_at(&self, time: i64) -> Result<u32, HistoryError> {
        let Ok(wanted) = u32::try_from(time.saturating_sub(self.description.first_second)) else {
            return Ok(if time < self.description.first_second { self.description.rows } else { 0 });
        };
        let samples = &self.description.time_samples;
        let after = u32::try_from(samples.partition_point(|sample| *sample > wanted)).unwrap_or(u32::MAX);
        let end = (after.saturating_mul(SAMPLED_ROWS)).min(self.description.rows);
        let start = after.saturating_sub(1) * SAMPLED_ROWS;
        let times = self.numbers(Section::Times, start..end.max(start))?;
        Ok(start + u32::try_from(times.partition_point(|time| *time > wanted)).unwrap_or(0))
    }

    pub fn record(&self, row: u32) -> Result<Bytes, HistoryError> {
        let place = self.number(Section::Places, row)?;
        let mut ends = [0; 8];
        self.read(Section::RecordStarts, u64::from(place >> 8) * 4, &mut ends)?;
        let [start, end] = [&ends[..4], &ends[4..]].map(|bytes| bytes.try_into().map_or(0, u32::from_le_bytes));
        let block = self.bytes(Section::Records, u64::from(start)..u64::from(end))?;
        let record = unpack_block(&block).and_then(|block| block.record((place & 0xff) as usize));
        record.ok_or_else(|| self.damaged("a record"))
    }

    pub fn texts(&self) -> Table<'_> {
        Table { index: &self.description.texts, blocks: Section::Texts, rows: Section::TextRows }
    }

    pub fn words(&self) -> Table<'_> {
        Table { index: &self.description.words, blocks: Section::Words, rows: Section::WordTexts }
    }

    pub fn block(&self, table: Table<'_>, number: u32) -> Result<BlockEntries, HistoryError> {
        let (range, rows_at) = table.index.block(number);
        let block = self.bytes(table.blocks, u64::from(range.start)..u64::from(range.end))?;
        BlockEntries::open(&block, rows_at).ok_or_else(|| self.damaged("a dictionary"))
    }

    /// Shows the values with these numbers that begin with a text in small letters.
    pub fn each_value(
        &self,
        table: Table<'_>,
        ids: &Range<u32>,
        prefix: &[u8],
        work: &mut Work,
        visit: VisitEntry<'_>,
    ) -> Result<(), HistoryError> {
        for number in table.index.blocks(ids, prefix) {
            work.take(u64::from(BLOCK_VALUES) * 3)?;
            let mut block = self.block(table, number)?;
            for id in number * BLOCK_VALUES.. {
                if block.at_end() {
                    break;
                }
                let entry = block.next().ok_or_else(|| self.damaged("a dictionary"))?;
                if id < ids.start {
                    continue;
                }
                if id >= ids.end {
                    return Ok(());
                }
                match against(&block.value, prefix) {
                    ControlFlow::Continue(false) => continue,
                    ControlFlow::Break(()) => return Ok(()),
                    ControlFlow::Continue(true) => {}
                }
                if visit(id, &block.value, entry).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Shows the texts with these numbers, which are ascending.
    pub fn texts_numbered(
        &self,
        ids: &[u32],
        work: &mut Work,
        visit: &mut dyn FnMut(&[u8], Entry) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let mut rest = ids;
        while let Some(first) = rest.first() {
            let number = first / BLOCK_VALUES;
            let (of_block, others) = rest.split_at(rest.partition_point(|id| id / BLOCK_VALUES == number));
            rest = others;
            work.take(u64::from(BLOCK_VALUES) * 3)?;
            if number >= self.description.texts.count.div_ceil(BLOCK_VALUES) {
                return Err(self.damaged("a word"));
            }
            let mut block = self.block(self.texts(), number)?;
            let mut next = number * BLOCK_VALUES;
            for id in of_block {
                let mut entry = None;
                while next <= *id {
                    if block.at_end() {
                        return Err(self.damaged("a word"));
                    }
                    entry = Some(block.next().ok_or_else(|| self.damaged("a dictionary"))?);
                    next += 1;
                }
                if let Some(entry) = entry
                    && visit(&block.value, entry).is_break()
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Calls `visit` for the rows of a value of a section of rows.
    pub fn each_row(&self, section: Section, rows: RowsAt, visit: impl FnMut(u32)) -> Result<(), HistoryError> {
        let mut visit = visit;
        match rows {
            RowsAt::One(row) => visit(row),
            RowsAt::Stored { at, bytes, bits } => {
                let bytes = self.bytes(section, u64::from(at)..u64::from(at) + u64::from(bytes))?;
                if !each_row(&bytes, bits, visit) {
                    return Err(self.damaged("rows"));
                }
            }
            RowsAt::Leaf(_) => {}
        }
        Ok(())
    }

    /// Adds the rows of a value.
    pub fn gather(&self, section: Section, rows: RowsAt, work: &mut Work, to: &mut Union) -> Result<(), HistoryError> {
        let total = self.description.rows;
        match rows {
            RowsAt::Stored { at, bytes, bits: true } => {
                work.take(u64::from(bytes) / 64)?;
                let bytes = self.bytes(section, u64::from(at)..u64::from(at) + u64::from(bytes))?;
                to.add_bits(&bytes);
                Ok(())
            }
            other => {
                work.take(if let RowsAt::Stored { bytes, .. } = other { u64::from(bytes) / 2 + READ_WORK } else { 1 })?;
                let mut beyond = false;
                self.each_row(section, other, |row| if row < total { to.add(row) } else { beyond = true })?;
                if beyond { Err(self.damaged("rows")) } else { Ok(()) }
            }
        }
    }

    /// Whether a value can be in the segment.
    pub fn may_have(&self, key: u64) -> Result<bool, HistoryError> {
        let blocks = self.extent(Section::Filter).bytes / filter::BLOCK as u64;
        let mut block = [0; filter::BLOCK];
        self.read(Section::Filter, filter::block_of(key, blocks) * filter::BLOCK as u64, &mut block)?;
        Ok(filter::has(&block, key))
    }

    /// Reads everything and compares checksums.
    ///
    /// # Errors
    /// `Damaged` if a section is not as it was written.
    pub fn verify(&self) -> Result<(), HistoryError> {
        const PIECE: u64 = 1 << 18;
        let mut piece = vec![0; 1 << 18];
        for extent in &self.description.sections {
            let mut checksum = crc32fast::Hasher::new();
            let mut at = 0;
            while at < extent.bytes {
                let length = usize::try_from((extent.bytes - at).min(PIECE)).unwrap_or(0);
                let read = self.file.read_exact_at(&mut piece[..length], extent.at + at);
                read.map_err(|source| HistoryError::File { path: self.path.clone(), source })?;
                checksum.update(&piece[..length]);
                at += length as u64;
            }
            if checksum.finalize() != extent.checksum {
                return Err(self.damaged("a section"));
            }
        }
        Ok(())
    }
}
