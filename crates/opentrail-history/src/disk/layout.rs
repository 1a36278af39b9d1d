//! The description of a segment and the frame of its file.

use super::row_values::StoredColumn;
use super::table::TableIndex;
use super::wire::{Taking, put_bytes, put_number};
use crate::live::paths::Reserved;
use crate::records::{put_block, unpack};
use std::ops::Range;

/// Version of all files of the history; what is of a version that cannot be read is made again from the log.
pub(crate) const FORMAT: u32 = 5;
/// The oldest version that can be read: its segments have no columns, until they are merged.
pub(crate) const OLDEST_FORMAT: u32 = 4;

const MAGIC: &[u8; 8] = b"otrseg05";
const OLDER_MAGIC: &[u8; 8] = b"otrseg04";
/// Where the description begins, its bytes, checksum of these, magic.
pub(crate) const FOOTER: usize = 8 + 4 + 4 + 8;

/// Rows, and UUIDs, between two samples.
pub(crate) const SAMPLED_ROWS: u32 = 256;
pub(crate) const SAMPLED_UUIDS: u32 = 256;

/// Parts of the file, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Records,
    RecordStarts,
    Times,
    Positions,
    Places,
    Texts,
    TextRows,
    Uuids,
    UuidRows,
    UuidLists,
    UuidListRows,
    Words,
    WordTexts,
    Filter,
    RowValues,
}

impl Section {
    pub const COUNT: usize = 15;
    /// The sections that every version has.
    const BEFORE_COLUMNS: usize = 14;
}

/// Where a section is, and its checksum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    pub at: u64,
    pub bytes: u64,
    pub checksum: u32,
}

impl Extent {
    fn encode(self, out: &mut Vec<u8>) {
        put_number(out, self.at);
        put_number(out, self.bytes);
        put_number(out, u64::from(self.checksum));
    }

    fn decode(taking: &mut Taking<'_>) -> Option<Self> {
        Some(Self { at: taking.number()?, bytes: taking.number()?, checksum: taking.small()? })
    }
}

/// A path, and which texts and UUIDs are its values.
#[derive(Debug)]
pub(crate) struct StoredPath {
    pub reserved: bool,
    pub name: Box<[u8]>,
    pub texts: Range<u32>,
    pub uuids: Range<u32>,
}

/// What is known of a segment without reading it.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub rows: u32,
    /// Positions are counted from here, times from the day's first second.
    pub first_position: u64,
    pub last_position: u64,
    pub first_second: i64,
    pub oldest: i64,
    pub newest: i64,
    pub record_blocks: u32,
    pub sections: [Extent; Section::COUNT],
    /// In the order of [`path_order`].
    pub paths: Vec<StoredPath>,
    pub texts: TableIndex,
    pub words: TableIndex,
    pub uuids: u32,
    /// The upper halves of some UUIDs.
    pub uuid_samples: Vec<u64>,
    /// Times of some rows.
    pub time_samples: Vec<u32>,
    pub columns: Vec<StoredColumn>,
}

impl Description {
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        put_number(&mut out, u64::from(self.rows));
        put_number(&mut out, self.first_position);
        put_number(&mut out, self.last_position);
        for time in [self.first_second, self.oldest, self.newest] {
            out.extend_from_slice(&time.to_le_bytes());
        }
        put_number(&mut out, u64::from(self.record_blocks));
        let (sections, columns) = self.sections.split_at(Section::BEFORE_COLUMNS);
        sections.iter().for_each(|extent| extent.encode(&mut out));
        put_number(&mut out, self.paths.len() as u64);
        for path in &self.paths {
            out.push(u8::from(path.reserved));
            put_bytes(&mut out, &path.name);
            put_number(&mut out, path.texts.len() as u64);
            put_number(&mut out, path.uuids.len() as u64);
        }
        self.texts.encode(&mut out);
        self.words.encode(&mut out);
        put_number(&mut out, self.uuid_samples.len() as u64);
        self.uuid_samples.iter().for_each(|sample| out.extend_from_slice(&sample.to_le_bytes()));
        put_number(&mut out, self.time_samples.len() as u64);
        self.time_samples.iter().for_each(|sample| out.extend_from_slice(&sample.to_le_bytes()));
        columns.iter().for_each(|extent| extent.encode(&mut out));
        put_number(&mut out, self.columns.len() as u64);
        self.columns.iter().for_each(|column| column.encode(&mut out));
        let mut block = Vec::new();
        put_block(&mut block, out.len(), &zstd::bulk::compress(&out, 1)?);
        Ok(block)
    }

    pub fn decode(block: &[u8]) -> Option<Self> {
        let plain = unpack(block)?;
        let mut taking = Taking::new(&plain);
        let mut description = Self {
            rows: taking.small()?,
            first_position: taking.number()?,
            last_position: taking.number()?,
            first_second: take_time(&mut taking)?,
            oldest: take_time(&mut taking)?,
            newest: take_time(&mut taking)?,
            record_blocks: taking.small()?,
            ..Self::default()
        };
        for extent in &mut description.sections[..Section::BEFORE_COLUMNS] {
            *extent = Extent::decode(&mut taking)?;
        }
        let (mut texts, mut uuids) = (0u32, 0u32);
        for _ in 0..taking.number()? {
            let reserved = taking.byte()? != 0;
            let name = taking.bytes()?.into();
            let (texts_from, uuids_from) = (texts, uuids);
            texts = texts.checked_add(taking.small()?)?;
            uuids = uuids.checked_add(taking.small()?)?;
            description.paths.push(StoredPath { reserved, name, texts: texts_from..texts, uuids: uuids_from..uuids });
        }
        description.texts = TableIndex::decode(&mut taking)?;
        description.words = TableIndex::decode(&mut taking)?;
        description.uuids = uuids;
        for _ in 0..taking.number()? {
            description.uuid_samples.push(u64::from_le_bytes(taking.take(8)?.try_into().ok()?));
        }
        for _ in 0..taking.number()? {
            description.time_samples.push(u32::from_le_bytes(taking.take(4)?.try_into().ok()?));
        }
        // Before version 5 this was the end.
        if !taking.is_empty() {
            description.decode_columns(&mut taking)?;
        }
        let whole = taking.is_empty()
            && description.texts.count == texts
            && description.uuid_samples.len() == (uuids as usize).div_ceil(SAMPLED_UUIDS as usize)
            && description.time_samples.len() == (description.rows as usize).div_ceil(SAMPLED_ROWS as usize);
        whole.then_some(description)
    }

    fn decode_columns(&mut self, taking: &mut Taking<'_>) -> Option<()> {
        for extent in &mut self.sections[Section::BEFORE_COLUMNS..] {
            *extent = Extent::decode(taking)?;
        }
        let bytes = self.sections[Section::RowValues as usize].bytes;
        for _ in 0..taking.number()? {
            let column = StoredColumn::decode(taking)?;
            let path = self.paths.get(column.path as usize)?;
            let inside = column.at.checked_add(column.bytes(self.rows)).is_some_and(|end| end <= bytes);
            if !inside || !path.uuids.is_empty() {
                return None;
            }
            self.columns.push(column);
        }
        Some(())
    }
}

fn take_time(taking: &mut Taking<'_>) -> Option<i64> {
    Some(i64::from_le_bytes(taking.take(8)?.try_into().ok()?))
}

/// The end of a file whose description stands at `at`.
pub(crate) fn footer(at: u64, description: &[u8]) -> [u8; FOOTER] {
    let mut footer = [0; FOOTER];
    footer[..8].copy_from_slice(&at.to_le_bytes());
    footer[8..12]
        .copy_from_slice(&u32::try_from(description.len()).expect("a description is far smaller than 4 GB").to_le_bytes());
    let checksum = crc32fast::hash(&footer[..12]);
    footer[12..16].copy_from_slice(&checksum.to_le_bytes());
    footer[16..].copy_from_slice(MAGIC);
    footer
}

/// Where the description stands, and its bytes; `None` if this is no footer.
pub(crate) fn read_footer(footer: &[u8; FOOTER]) -> Option<(u64, u32)> {
    let known = footer[16..] == *MAGIC || footer[16..] == *OLDER_MAGIC;
    let intact = known && crc32fast::hash(&footer[..12]).to_le_bytes() == footer[12..16];
    intact.then(|| {
        let at = footer[..8].try_into().map_or(0, u64::from_le_bytes);
        (at, footer[8..12].try_into().map_or(0, u32::from_le_bytes))
    })
}

/// What paths are sorted by: reserved ones first, then by small letters, then as they are.
pub(crate) fn path_order(reserved: bool, name: &[u8]) -> (bool, Vec<u8>, &[u8]) {
    (!reserved, name.to_ascii_lowercase(), name)
}

/// Among sorted paths those that are reserved come first, by name.
pub(crate) fn find_reserved(paths: &[StoredPath], reserved: Reserved) -> Option<u32> {
    let found = paths.iter().take_while(|path| path.reserved).position(|path| *path.name == *reserved.name())?;
    u32::try_from(found).ok()
}
