//! One segment of a slice, opened for lookups: finds the newest documents of a term without reading all of them.
//!
//! Documents lie roughly in log order, posting lists only run forward, and a term like `readOnly=true` has most of the
//! documents. So the segment is cut into blocks, of which the oldest and newest time are known; blocks are visited
//! newest first, in ever larger groups, until no remaining block can hold anything newer than what was found.

use crate::document::{Fields, POSITION, TIME};
use crate::newest::Newest;
use std::path::Path;
use std::sync::Arc;
use tantivy::columnar::ColumnValues;
use tantivy::directory::FileSlice;
use tantivy::directory::footer::Footer;
use tantivy::index::{Segment, SegmentComponent, SegmentId};
use tantivy::postings::{SegmentPostings, TermInfo};
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::store::StoreReader;
use tantivy::{DocSet, InvertedIndexReader, SegmentReader, TERMINATED, TantivyDocument, Term};

/// Called with time, position, account and Region, record.
pub(crate) type ShowRecord<'a> = &'a mut dyn FnMut(i64, u64, &str, &[u8]);

/// Documents in a block.
const BLOCK_DOCS: u32 = 1_024;
/// Posting lists up to this length are read whole.
const SHORT_LIST_DOCS: u32 = 2_048;
/// Blocks in the first group; each further group is twice as large.
const FIRST_GROUP_BLOCKS: usize = 2;
/// Decompressed blocks of records kept per segment: neighbours on a page usually share one.
const CACHED_STORE_BLOCKS: usize = 1;

/// Times of the documents from `first` on, [`BLOCK_DOCS`] of them.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: u32,
    oldest: i64,
    newest: i64,
}

/// A segment opened for lookups. Segments never change, so it is kept for as long as the segment is part of its slice.
pub(crate) struct SegmentView {
    pub id: SegmentId,
    times: Arc<dyn ColumnValues<i64>>,
    positions: Arc<dyn ColumnValues<u64>>,
    keys: Arc<InvertedIndexReader>,
    records: StoreReader,
    /// Newest first.
    blocks: Vec<Block>,
    oldest: i64,
    newest: i64,
}

impl SegmentView {
    /// Opens a segment of the index in `dir`.
    pub fn open(dir: &Path, segment: &Segment, fields: &Fields) -> tantivy::Result<Self> {
        let reader = SegmentReader::open(segment)?;
        let times = reader.fast_fields().i64(TIME)?.first_or_default_col(0);
        let blocks = blocks_newest_first(times.as_ref(), reader.max_doc());
        Ok(Self {
            id: segment.id(),
            positions: reader.fast_fields().u64(POSITION)?.first_or_default_col(0),
            keys: reader.inverted_index(fields.key)?,
            records: open_records(dir, segment)?,
            oldest: blocks.iter().map(|block| block.oldest).min().unwrap_or(i64::MAX),
            newest: blocks.first().map_or(i64::MIN, |block| block.newest),
            times,
            blocks,
        })
    }

    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Shows `found` every document of the term that can be among the newest. `ordinal` names this segment.
    pub fn search(&self, term: &Term, ordinal: usize, found: &mut Newest) -> std::io::Result<()> {
        if !found.wants(self.newest) || !found.window.overlaps(self.oldest, self.newest) {
            return Ok(());
        }
        let Some(info) = self.keys.get_term_info(term)? else { return Ok(()) };
        if info.doc_freq <= SHORT_LIST_DOCS {
            let mut postings = self.postings(&info)?;
            self.show_until(&mut postings, TERMINATED, ordinal, found);
            return Ok(());
        }
        let mut size = FIRST_GROUP_BLOCKS;
        let window = found.window;
        let mut rest = self.blocks.iter().filter(|block| window.overlaps(block.oldest, block.newest)).copied().peekable();
        let mut group = Vec::new();
        while rest.peek().is_some() {
            group.clear();
            group.extend(rest.by_ref().take(size));
            // Newest first: what is not wanted now is not wanted later.
            let wanted = group.partition_point(|block| found.wants(block.newest));
            let done = wanted < group.len();
            group.truncate(wanted);
            group.sort_unstable_by_key(|block| block.first);
            self.show_blocks(&info, &group, ordinal, found)?;
            if done {
                break;
            }
            size *= 2;
        }
        Ok(())
    }

    /// Shows the term's documents in blocks that are sorted by their first document.
    fn show_blocks(&self, info: &TermInfo, blocks: &[Block], ordinal: usize, found: &mut Newest) -> std::io::Result<()> {
        if blocks.is_empty() {
            return Ok(());
        }
        let mut postings = self.postings(info)?;
        for block in blocks {
            if postings.doc() < block.first {
                postings.seek(block.first);
            }
            self.show_until(&mut postings, block.first + BLOCK_DOCS, ordinal, found);
        }
        Ok(())
    }

    fn show_until(&self, postings: &mut SegmentPostings, end: u32, ordinal: usize, found: &mut Newest) {
        let mut doc = postings.doc();
        while doc < end {
            found.show(self.times.get_val(doc), ordinal, doc, || self.positions.get_val(doc));
            doc = postings.advance();
        }
    }

    fn postings(&self, info: &TermInfo) -> std::io::Result<SegmentPostings> {
        self.keys.read_postings_from_terminfo(info, IndexRecordOption::Basic)
    }

    /// Shows every document: time, position, account and Region, record.
    pub fn scan(&self, fields: &Fields, show: ShowRecord<'_>) -> tantivy::Result<()> {
        for doc in 0..self.times.num_vals() {
            let document: TantivyDocument = self.records.get(doc)?;
            let partition = document.get_first(fields.partition).and_then(|value| value.as_str()).unwrap_or_default();
            let record = document.get_first(fields.record).and_then(|value| value.as_bytes()).unwrap_or_default();
            show(self.times.get_val(doc), self.positions.get_val(doc), partition, record);
        }
        Ok(())
    }

    /// The stored record; `None` if the document lacks one.
    pub fn record(&self, doc: u32, fields: &Fields) -> tantivy::Result<Option<bytes::Bytes>> {
        let document: TantivyDocument = self.records.get(doc)?;
        let record = document.get_first(fields.record).and_then(|value| value.as_bytes());
        Ok(record.map(bytes::Bytes::copy_from_slice))
    }
}

/// Opens the stored records for reads instead of a memory map: they are most of the index, and mapped pages once touched
/// would count as this process's memory.
fn open_records(dir: &Path, segment: &Segment) -> std::io::Result<StoreReader> {
    let file = FileSlice::open(&dir.join(segment.relative_path(SegmentComponent::Store)))?;
    let (_, records) = Footer::extract_footer(file)?;
    StoreReader::open(records, CACHED_STORE_BLOCKS)
}

fn blocks_newest_first(times: &dyn ColumnValues<i64>, docs: u32) -> Vec<Block> {
    let mut buffer = vec![0; BLOCK_DOCS as usize];
    let mut blocks: Vec<Block> = (0..docs)
        .step_by(BLOCK_DOCS as usize)
        .map(|first| {
            let times_of_block = &mut buffer[..(docs - first).min(BLOCK_DOCS) as usize];
            times.get_range(u64::from(first), times_of_block);
            let newest = times_of_block.iter().copied().max().unwrap_or(i64::MIN);
            Block { first, oldest: times_of_block.iter().copied().min().unwrap_or(i64::MAX), newest }
        })
        .collect();
    blocks.sort_unstable_by_key(|block| std::cmp::Reverse(block.newest));
    blocks
}
