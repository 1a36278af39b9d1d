//! Searching a segment.

use super::filter::{last_group_key, text_key, uuid_key};
use super::layout::{SAMPLED_UUIDS, Section, StoredPath, find_reserved};
use super::row_values::Numbers;
use super::segment::Segment;
use super::table::Entry;
use super::writer::{LIST_BITS, SEVERAL};
use crate::error::HistoryError;
use crate::folding::{compare_folded, parse_uuid, write_uuid};
use crate::limits::{READ_WORK, VALUE_BYTES};
use crate::live::leaves::Kind;
use crate::live::paths::{PathId, Reserved, is_at_or_below};
use crate::part::{LeafValue, Part, RowsAt, Uuids, VisitLeaf, Word, WordForm, Work};
use crate::rows::{RowSet, Union};
use bytes::Bytes;
use std::ops::{ControlFlow, Range};

/// Bytes of the beginning of a text that is cut.
const CUT_BYTES: usize = VALUE_BYTES - super::live_source::FINGERPRINT;
/// UUIDs read at a time.
const UUIDS_READ: u32 = 4_096;
/// Texts a word may be in before it is no help.
const WORD_TEXTS: u32 = 100_000;
/// Added to the places of UUIDs' rows, which are in a section of their own.
const UUID_ROWS: u32 = 1 << 31;

impl Segment {
    fn path(&self, path: PathId) -> &StoredPath {
        &self.description.paths[path as usize]
    }

    /// Shows UUIDs with these numbers that may be wanted.
    fn each_uuid(&self, range: &Range<u32>, wanted: Uuids, work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError> {
        let range = self.narrowed(range, wanted)?;
        let mut at = range.start;
        while at < range.end {
            let end = (at + UUIDS_READ).min(range.end);
            work.take(u64::from(end - at) / 4 + READ_WORK)?;
            let bytes = self.bytes(Section::Uuids, u64::from(at) * 16..u64::from(end) * 16)?;
            // Where many are shown, what stands for their rows is read together.
            let together = if wanted == Uuids::All { self.numbers(Section::UuidRows, at..end)? } else { Vec::new() };
            for (bytes, id) in bytes.as_chunks::<16>().0.iter().zip(at..) {
                let uuid = u128::from_be_bytes(*bytes);
                if !wanted.admits(uuid) {
                    continue;
                }
                let row = match together.get((id - at) as usize) {
                    Some(row) => *row,
                    None => self.number(Section::UuidRows, id)?,
                };
                work.take(if together.is_empty() || row & SEVERAL != 0 { READ_WORK } else { 4 })?;
                let (count, rows) = self.uuid_rows(row)?;
                let text = write_uuid(uuid);
                if visit(LeafValue { kind: Kind::Text, value: &text, count, rows }).is_break() {
                    return Ok(());
                }
            }
            at = end;
        }
        Ok(())
    }

    /// The UUIDs of a path among which those wanted are.
    fn narrowed(&self, range: &Range<u32>, wanted: Uuids) -> Result<Range<u32>, HistoryError> {
        let (low, high) = match wanted {
            Uuids::None => return Ok(0..0),
            Uuids::Only(uuid) => ((uuid >> 64) as u64, (uuid >> 64) as u64),
            Uuids::First(first) => (u64::from(first) << 32, u64::from(first) << 32 | 0xffff_ffff),
            Uuids::Last(group) if !self.may_have(last_group_key(group))? => return Ok(0..0),
            _ => return Ok(range.clone()),
        };
        if range.is_empty() {
            return Ok(0..0);
        }
        // Samples of the path itself: the first one may be another's.
        let (first, last) = (range.start / SAMPLED_UUIDS + 1, (range.end - 1) / SAMPLED_UUIDS + 1);
        let samples = &self.description.uuid_samples[first as usize..(last as usize).max(first as usize)];
        let start = samples.partition_point(|sample| *sample < low);
        let end = samples.partition_point(|sample| *sample <= high);
        let number = |samples: usize| (first + u32::try_from(samples).unwrap_or(0)).saturating_mul(SAMPLED_UUIDS);
        Ok(range.start.max(number(start).saturating_sub(SAMPLED_UUIDS))..range.end.min(number(end)))
    }

    /// How many rows a UUID has, and where they are, by what stands for it among the UUIDs' rows.
    pub(super) fn uuid_rows(&self, row: u32) -> Result<(u32, RowsAt), HistoryError> {
        if row & SEVERAL == 0 {
            return Ok((1, RowsAt::One(row)));
        }
        let list = self.numbers(Section::UuidLists, (row & !SEVERAL) * 3..(row & !SEVERAL) * 3 + 3)?;
        let [count, at, bytes] = list[..] else { return Err(self.damaged("rows")) };
        Ok((count, RowsAt::Stored { at: at | UUID_ROWS, bytes: bytes & !LIST_BITS, bits: bytes & LIST_BITS != 0 }))
    }

    /// Calls `visit` for each row of a value.
    pub(crate) fn each_row_of(&self, rows: RowsAt, visit: impl FnMut(u32)) -> Result<(), HistoryError> {
        let (section, rows) = section_of(rows);
        self.each_row(section, rows, visit)
    }

    /// The numbers of texts that have the word, among those of these paths; `None` if it is in too many to be of help.
    fn texts_with(&self, word: &WordForm, ranges: &[Range<u32>], work: &mut Work) -> Result<Option<Vec<u32>>, HistoryError> {
        let (text, whole) = match word {
            WordForm::Whole(text) => (text, true),
            WordForm::Prefix(text) => (text, false),
            WordForm::Unknown => return Ok(None),
        };
        let mut lists = Vec::new();
        let mut count = 0u32;
        let words = 0..self.description.words.count;
        self.each_value(self.words(), &words, text, work, &mut |_, value, entry: Entry| {
            if whole && value.len() > text.len() {
                return ControlFlow::Break(());
            }
            count = count.saturating_add(entry.count);
            lists.push(entry.rows);
            if count > WORD_TEXTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if count > WORD_TEXTS {
            return Ok(None);
        }
        work.take(u64::from(count))?;
        let mut texts = Vec::new();
        for list in lists {
            self.each_row(Section::WordTexts, list, |text| {
                if ranges.iter().any(|range| range.contains(&text)) {
                    texts.push(text);
                }
            })?;
        }
        texts.sort_unstable();
        texts.dedup();
        Ok(Some(texts))
    }
}

/// Which section the rows of a value are in, and where in it.
fn section_of(rows: RowsAt) -> (Section, RowsAt) {
    match rows {
        RowsAt::Stored { at, bytes, bits } if at & UUID_ROWS != 0 => {
            (Section::UuidListRows, RowsAt::Stored { at: at & !UUID_ROWS, bytes, bits })
        }
        other => (Section::TextRows, other),
    }
}

impl Part for Segment {
    fn rows(&self) -> u32 {
        self.description.rows
    }

    fn rows_between(&self, start: i64, end: i64) -> Result<RowSet, HistoryError> {
        if start <= self.description.oldest && end >= self.description.newest {
            return Ok(RowSet::All);
        }
        let from = self.first_row_at(end)?;
        let to = if start == i64::MIN { self.description.rows } else { self.first_row_at(start - 1)? };
        Ok(RowSet::of((from..to.max(from)).collect(), self.description.rows))
    }

    fn paths_below(&self, place: &str) -> Vec<PathId> {
        let paths = &self.description.paths;
        let place = place.as_bytes();
        // Sorted by small letters, what is below a place is among what begins with it.
        let start = paths.partition_point(|path| path.reserved || compare_folded(&path.name, place).is_lt());
        let beginning = paths[start..].iter().zip(u32::try_from(start).unwrap_or(u32::MAX)..);
        beginning
            .take_while(|(path, _)| crate::folding::starts_with_folded(&path.name, place))
            .filter(|(path, _)| is_at_or_below(&path.name, place))
            .map(|(_, id)| id)
            .collect()
    }

    fn paths_at(&self, place: &str) -> Vec<PathId> {
        let is_at = |path: &PathId| self.path(*path).name.len() == place.len();
        self.paths_below(place).into_iter().filter(is_at).collect()
    }

    fn path_named(&self, name: &[u8]) -> Option<PathId> {
        let paths = &self.description.paths;
        let found = paths.partition_point(|path| path.reserved || crate::folding::folded_order(&path.name, name).is_lt());
        paths.get(found).filter(|path| *path.name == *name).and_then(|_| u32::try_from(found).ok())
    }

    fn path_reserved(&self, reserved: Reserved) -> Option<PathId> {
        find_reserved(&self.description.paths, reserved)
    }

    fn values(&self, path: PathId) -> u64 {
        let path = self.path(path);
        (path.texts.len() + path.uuids.len()) as u64
    }

    fn each_leaf(&self, path: PathId, prefix: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError> {
        let path = self.path(path);
        let mut broken = false;
        self.each_value(self.texts(), &path.texts, prefix, work, &mut |_, value, Entry { kind, count, rows }| {
            let flow = visit(LeafValue { kind, value, count, rows });
            broken |= flow.is_break();
            flow
        })?;
        let uuids = if Uuids::can_hold(prefix) { Uuids::All } else { Uuids::None };
        if broken { Ok(()) } else { self.each_uuid(&path.uuids, uuids, work, visit) }
    }

    fn find_leaf(&self, path: PathId, value: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError> {
        let path = self.path(path);
        work.take(100)?;
        let value = value.to_ascii_lowercase();
        if let Some(uuid) = parse_uuid(&value)
            && !path.uuids.is_empty()
            && self.may_have(uuid_key(&path.name, uuid))?
        {
            self.each_uuid(&path.uuids, Uuids::Only(uuid), work, visit)?;
        }
        // Of a long value only the beginning is there; the record decides.
        let cut = value.len() > VALUE_BYTES;
        if !cut && !self.may_have(text_key(&path.name, &value))? {
            return Ok(());
        }
        let prefix = if cut { &value[..CUT_BYTES] } else { value.as_slice() };
        self.each_value(self.texts(), &path.texts, prefix, work, &mut |_, found, Entry { kind, count, rows }| {
            if !cut && found.len() > value.len() {
                return ControlFlow::Break(());
            }
            if cut && !matches!(kind, Kind::CutText | Kind::CutPlain) {
                return ControlFlow::Continue(());
            }
            visit(LeafValue { kind, value: found, count, rows })
        })
    }

    fn each_leaf_with(
        &self,
        word: &Word,
        paths: Option<&[PathId]>,
        work: &mut Work,
        visit: VisitLeaf<'_>,
    ) -> Result<(), HistoryError> {
        let searched = |path: &StoredPath| !path.reserved || *path.name == *Reserved::Unkept.name();
        let all = || self.description.paths.iter().filter(|path| searched(path));
        let (texts, uuids): (Vec<Range<u32>>, Vec<Range<u32>>) = match paths {
            Some(paths) => paths.iter().map(|path| (self.path(*path).texts.clone(), self.path(*path).uuids.clone())).unzip(),
            None => {
                // All but the reserved ones lie behind each other, whatever is between them.
                let first = all().map(|path| path.texts.start).min().unwrap_or(0);
                let whole = std::iter::once(first..self.description.texts.count).collect();
                (whole, all().map(|path| path.uuids.clone()).collect())
            }
        };
        let mut broken = false;
        let mut show = |value: &[u8], Entry { kind, count, rows }: Entry| {
            let flow = visit(LeafValue { kind, value, count, rows });
            broken |= flow.is_break();
            flow
        };
        match self.texts_with(&word.form, &texts, work)? {
            Some(ids) => self.texts_numbered(&ids, work, &mut show)?,
            None => {
                for ids in &texts {
                    self.each_value(self.texts(), ids, b"", work, &mut |_, value, entry| show(value, entry))?;
                }
            }
        }
        if !broken && word.uuids != Uuids::None {
            for range in &uuids {
                self.each_uuid(range, word.uuids, work, visit)?;
            }
        }
        Ok(())
    }

    fn add_rows(&self, rows: RowsAt, work: &mut Work, to: &mut Union) -> Result<(), HistoryError> {
        let (section, rows) = section_of(rows);
        self.gather(section, rows, work, to)
    }

    fn append_rows(&self, rows: RowsAt, to: &mut Vec<u32>) -> Result<(), HistoryError> {
        self.each_row_of(rows, |row| to.push(row))
    }

    fn has_column(&self, path: PathId) -> bool {
        Segment::has_column(self, path)
    }

    fn column(&self, path: PathId) -> Result<Option<Numbers>, HistoryError> {
        self.column_of(path)
    }

    fn record(&self, row: u32) -> Result<Bytes, HistoryError> {
        Segment::record(self, row)
    }
}
