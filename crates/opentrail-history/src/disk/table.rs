//! Sorted tables of values, each with its rows: the dictionary of a segment, and its words.
//!
//! ```text
//! block   = checksum ▪ size ▪ zstd( entry* ), 256 entries
//! entry   = shared with the one before ▪ rest of the value ▪ kind, 0x80 for bits ▪ count ▪ the row, or bytes of its rows
//! ```
//!
//! In memory is where each block begins, and the beginning of its first value.

use super::wire::{Taking, put_bytes, put_number, put_rows};
use crate::folding::{compare_folded, starts_with_folded};
use crate::limits::BLOCK_VALUES;
use crate::live::leaves::Kind;
use crate::part::RowsAt;
use crate::records::{put_block, unpack};
use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

/// Bytes kept of the first value of a block.
const KEY_BYTES: usize = 40;
const BITS: u8 = 0x80;
/// Level of zstd for dictionaries.
const LEVEL: i32 = 1;

/// Where blocks are.
#[derive(Debug, Default)]
pub(crate) struct TableIndex {
    /// Where each block, and the rows of its values, begin; and where all end.
    starts: Vec<(u32, u32)>,
    /// Where the first value of each block begins in `keys`; and where all end.
    key_starts: Vec<u32>,
    keys: Vec<u8>,
    pub count: u32,
}

impl TableIndex {
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, u64::from(self.count));
        put_number(out, self.starts.len() as u64);
        let mut last = (0, 0);
        for (block, rows) in &self.starts {
            put_number(out, u64::from(block - last.0));
            put_number(out, u64::from(rows - last.1));
            last = (*block, *rows);
        }
        self.key_starts.windows(2).for_each(|ends| put_bytes(out, &self.keys[ends[0] as usize..ends[1] as usize]));
    }

    pub fn decode(taking: &mut Taking<'_>) -> Option<Self> {
        let count = taking.small()?;
        let mut index = Self { count, key_starts: vec![0], ..Self::default() };
        let mut last = (0u32, 0u32);
        for _ in 0..taking.number()? {
            last = (last.0.checked_add(taking.small()?)?, last.1.checked_add(taking.small()?)?);
            index.starts.push(last);
        }
        if index.starts.len() != (count as usize).div_ceil(BLOCK_VALUES as usize) + 1 {
            return None;
        }
        for _ in 1..index.starts.len() {
            index.keys.extend_from_slice(taking.bytes()?);
            index.key_starts.push(u32::try_from(index.keys.len()).ok()?);
        }
        Some(index)
    }

    fn key(&self, block: u32) -> &[u8] {
        &self.keys[self.key_starts[block as usize] as usize..self.key_starts[block as usize + 1] as usize]
    }

    /// The bytes of a block within the table, and where the rows of its values begin.
    pub fn block(&self, block: u32) -> (Range<u32>, u32) {
        let (start, rows) = self.starts[block as usize];
        (start..self.starts[block as usize + 1].0, rows)
    }

    /// The blocks that hold the values with these numbers that begin with a text, or come after it.
    pub fn blocks(&self, ids: &Range<u32>, prefix: &[u8]) -> Range<u32> {
        if ids.is_empty() {
            return 0..0;
        }
        let (first, last) = (ids.start / BLOCK_VALUES, (ids.end - 1) / BLOCK_VALUES);
        let cut = &prefix[..prefix.len().min(KEY_BYTES)];
        // Of the first block the first value may be another path's.
        let (mut low, mut high) = (first + 1, last + 1);
        while low < high {
            let middle = u32::midpoint(low, high);
            if compare_folded(self.key(middle), cut) == Ordering::Less { low = middle + 1 } else { high = middle }
        }
        low - 1..last + 1
    }
}

/// A table being made. Values come in order.
pub(crate) struct TableWriter {
    pub blocks: Vec<u8>,
    pub rows: Vec<u8>,
    index: TableIndex,
    block: Vec<u8>,
    last: Vec<u8>,
    compressor: zstd::bulk::Compressor<'static>,
}

impl TableWriter {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            blocks: Vec::new(),
            rows: Vec::new(),
            index: TableIndex { key_starts: vec![0], ..TableIndex::default() },
            block: Vec::new(),
            last: Vec::new(),
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
        })
    }

    /// Adds a value with its rows, ascending, of `total`; answers its number.
    pub fn add(&mut self, kind: Kind, value: &[u8], rows: &[u32], total: u32) -> std::io::Result<u32> {
        let id = self.index.count;
        if id.is_multiple_of(BLOCK_VALUES) {
            self.finish_block()?;
            self.index.starts.push((offset(&self.blocks), offset(&self.rows)));
            self.index.keys.extend_from_slice(&value[..value.len().min(KEY_BYTES)]);
            self.index.key_starts.push(offset(&self.index.keys));
            self.last.clear();
        }
        let shared = self.last.iter().zip(value).take_while(|(a, b)| a == b).count();
        put_number(&mut self.block, shared as u64);
        put_bytes(&mut self.block, &value[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&value[shared..]);
        if let [only] = rows {
            self.block.push(kind as u8);
            put_number(&mut self.block, 1);
            put_number(&mut self.block, u64::from(*only));
        } else {
            let start = self.rows.len();
            let bits = put_rows(&mut self.rows, rows, total);
            self.block.push(kind as u8 | if bits { BITS } else { 0 });
            put_number(&mut self.block, rows.len() as u64);
            put_number(&mut self.block, (self.rows.len() - start) as u64);
        }
        self.index.count += 1;
        Ok(id)
    }

    pub fn count(&self) -> u32 {
        self.index.count
    }

    fn finish_block(&mut self) -> std::io::Result<()> {
        if !self.block.is_empty() {
            let packed = self.compressor.compress(&self.block)?;
            put_block(&mut self.blocks, self.block.len(), &packed);
            self.block.clear();
        }
        Ok(())
    }

    /// Blocks, rows, index.
    pub fn finish(mut self) -> std::io::Result<(Vec<u8>, Vec<u8>, TableIndex)> {
        self.finish_block()?;
        self.index.starts.push((offset(&self.blocks), offset(&self.rows)));
        Ok((self.blocks, self.rows, self.index))
    }
}

fn offset(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a segment is far smaller than 4 GB")
}

/// An entry of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub count: u32,
    pub rows: RowsAt,
}

/// Reads the entries of a block one after the other.
pub(crate) struct BlockEntries {
    plain: Vec<u8>,
    at: usize,
    rows_at: u32,
    pub value: Vec<u8>,
}

impl BlockEntries {
    /// `None` if the block is damaged.
    pub fn open(block: &[u8], rows_at: u32) -> Option<Self> {
        Some(Self { plain: unpack(block)?, at: 0, rows_at, value: Vec::new() })
    }

    pub fn at_end(&self) -> bool {
        self.at == self.plain.len()
    }

    /// The next entry, its value in `value`; `None` if nothing sensible stands there.
    pub fn next(&mut self) -> Option<Entry> {
        let mut taking = Taking::new(&self.plain[self.at..]);
        let shared = taking.small()? as usize;
        let rest = taking.bytes()?;
        if shared > self.value.len() {
            return None;
        }
        self.value.truncate(shared);
        self.value.extend_from_slice(rest);
        let flags = taking.byte()?;
        let kind = Kind::of(flags & !BITS)?;
        let count = taking.small()?;
        let last = taking.small()?;
        let rows = if count == 1 {
            RowsAt::One(last)
        } else {
            let at = self.rows_at;
            self.rows_at = at.checked_add(last)?;
            RowsAt::Stored { at, bytes: last, bits: flags & BITS != 0 }
        };
        self.at = self.plain.len() - taking.left();
        Some(Entry { kind, count, rows })
    }
}

/// How a value stands to those that begin with a text.
pub(crate) fn against(value: &[u8], prefix: &[u8]) -> ControlFlow<(), bool> {
    if prefix.is_empty() || starts_with_folded(value, prefix) {
        return ControlFlow::Continue(true);
    }
    if compare_folded(value, prefix) == Ordering::Greater { ControlFlow::Break(()) } else { ControlFlow::Continue(false) }
}
