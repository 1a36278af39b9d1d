//! Records, compressed some at a time.
//!
//! ```text
//! block   = u32 checksum ▪ u32 bytes of the rest decompressed ▪ zstd( u32 length of each record ▪ records )
//! place   = number of the block ▪ u8 number of the record in it
//! ```

use crate::limits::{BLOCK_RECORD_BYTES, BLOCK_RECORDS, RECORD_LEVEL};
use bytes::Bytes;
use std::cell::RefCell;

/// Bytes of a block before what is compressed.
const HEADER: usize = 8;

/// Where a record is: the block, and in the lowest byte its number within.
pub(crate) type Place = u32;

/// Blocks being made.
pub(crate) struct RecordBlocks {
    /// Finished blocks, one after the other.
    bytes: Vec<u8>,
    /// Where each finished block begins, and where the last one ends.
    starts: Vec<u32>,
    /// Records of the block that is not finished, and where each ends.
    open: Vec<u8>,
    ends: Vec<u32>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Default for RecordBlocks {
    fn default() -> Self {
        Self { bytes: Vec::new(), starts: vec![0], open: Vec::new(), ends: Vec::new(), compressor: None }
    }
}

impl RecordBlocks {
    /// Adds a record.
    ///
    /// # Errors
    /// If compressing fails.
    pub fn add(&mut self, record: &[u8]) -> std::io::Result<Place> {
        if self.ends.len() == BLOCK_RECORDS || !self.ends.is_empty() && self.open.len() + record.len() > BLOCK_RECORD_BYTES {
            self.finish_block()?;
        }
        let place = place(self.starts.len() - 1, self.ends.len());
        self.open.extend_from_slice(record);
        self.ends.push(offset(self.open.len()));
        Ok(place)
    }

    /// Finishes the block that is open, if any.
    ///
    /// # Errors
    /// If compressing fails.
    pub fn finish_block(&mut self) -> std::io::Result<()> {
        if self.ends.is_empty() {
            return Ok(());
        }
        let mut plain = Vec::with_capacity(self.ends.len() * 4 + self.open.len());
        let starts = std::iter::once(&0).chain(&self.ends);
        for (start, end) in starts.zip(&self.ends) {
            plain.extend_from_slice(&(end - start).to_le_bytes());
        }
        plain.extend_from_slice(&self.open);
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(RECORD_LEVEL)?),
        };
        let packed = compressor.compress(&plain)?;
        put_block(&mut self.bytes, plain.len(), &packed);
        self.starts.push(offset(self.bytes.len()));
        self.open.clear();
        self.ends.clear();
        Ok(())
    }

    /// Memory in use.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.starts.len() * 4 + self.open.len()
    }

    /// Finished blocks and where each begins.
    pub fn finished(&self) -> (&[u8], &[u32]) {
        (&self.bytes, &self.starts)
    }

    /// Reads a record back; `None` if the block is not as it was made.
    pub fn read(&self, place: Place) -> Option<Bytes> {
        let block = (place >> 8) as usize;
        let record = (place & 0xff) as usize;
        let Some(end) = self.starts.get(block + 1) else {
            let start = record.checked_sub(1).map_or(0, |before| self.ends[before]);
            return Some(Bytes::copy_from_slice(&self.open[start as usize..self.ends[record] as usize]));
        };
        unpack_block(&self.bytes[self.starts[block] as usize..*end as usize])?.record(record)
    }
}

fn place(block: usize, record: usize) -> Place {
    u32::try_from(block << 8 | record).expect("a part has at most so many records")
}

fn offset(length: usize) -> u32 {
    u32::try_from(length).expect("a part is far smaller than 4 GB")
}

/// Appends a block: checksum, size, what was compressed. The same frame serves dictionaries.
pub(crate) fn put_block(out: &mut Vec<u8>, plain: usize, packed: &[u8]) {
    let size = offset(plain).to_le_bytes();
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&size);
    checksum.update(packed);
    out.extend_from_slice(&checksum.finalize().to_le_bytes());
    out.extend_from_slice(&size);
    out.extend_from_slice(packed);
}

thread_local! {
    /// Making one takes longer than unpacking a small block.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decompress(kept: &mut Option<zstd::bulk::Decompressor<'static>>, packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let decompressor = match kept {
        Some(decompressor) => decompressor,
        none => none.insert(zstd::bulk::Decompressor::new().ok()?),
    };
    decompressor.decompress(packed, size).ok()
}

/// What a block held before it was compressed; `None` if it is damaged.
pub(crate) fn unpack(block: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = block.split_at_checked(4)?;
    if crc32fast::hash(rest).to_le_bytes() != header {
        return None;
    }
    let size = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let plain = DECOMPRESSOR.with_borrow_mut(|kept| decompress(kept, &block[HEADER..], size))?;
    (plain.len() == size).then_some(plain)
}

/// A block decompressed.
pub(crate) struct Unpacked {
    plain: Bytes,
}

impl Unpacked {
    /// A record of the block.
    pub fn record(&self, number: usize) -> Option<Bytes> {
        // The lengths stand first; how many there are follows from where they and the records end together.
        let mut records_from = 0;
        let mut at = 0;
        let mut sum = 0usize;
        let mut start = None;
        while at * 4 + sum < self.plain.len() {
            let length = u32::from_le_bytes(self.plain.get(at * 4..at * 4 + 4)?.try_into().ok()?) as usize;
            if at == number {
                start = Some((sum, length));
            }
            sum += length;
            at += 1;
            records_from = at * 4;
        }
        let (start, length) = start?;
        (records_from + start + length <= self.plain.len())
            .then(|| self.plain.slice(records_from + start..records_from + start + length))
    }
}

/// Opens a block of records; `None` if it is damaged.
pub(crate) fn unpack_block(block: &[u8]) -> Option<Unpacked> {
    Some(Unpacked { plain: unpack(block)?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let mut blocks = RecordBlocks::default();
        let records: Vec<Vec<u8>> =
            (0..200usize).map(|n| vec![b'a' + u8::try_from(n % 26).expect("small"); if n == 7 { 0 } else { n * 37 }]).collect();
        let places: Vec<Place> = records.iter().map(|record| blocks.add(record).expect("compressed")).collect();
        let check = |blocks: &RecordBlocks| {
            for (record, place) in records.iter().zip(&places) {
                assert_eq!(blocks.read(*place).expect("intact"), record.as_slice());
            }
        };
        check(&blocks);
        blocks.finish_block().expect("compressed");
        check(&blocks);
        let (bytes, starts) = blocks.finished();
        let mut damaged = bytes[..starts[1] as usize].to_vec();
        damaged[20] ^= 1;
        assert!(unpack_block(&damaged).is_none());
    }
}
