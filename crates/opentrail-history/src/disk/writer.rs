//! Writes a segment: merges what its sources have, row by row and value by value.
//!
//! ```text
//! rows of all sources ──by time──▶ new rows ──▶ columns
//! records ──as they are──▶ one after the other
//! values of all sources, path by path ──in order──▶ tables, UUIDs, filter
//! words ──in order──▶ table
//! ```

use super::filter::{FilterWriter, last_group_key, text_key, uuid_key};
use super::layout::{Description, Extent, SAMPLED_ROWS, SAMPLED_UUIDS, Section, StoredPath, footer, path_order};
use super::row_values::ColumnWriter;
use super::source::{Columns, Source, Values};
use super::table::TableWriter;
use super::wire::put_rows;
use crate::error::HistoryError;
use crate::live::leaves::Kind;
use std::cmp::{Ordering, Reverse};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Marks rows in UUIDs' places that are several.
pub(crate) const SEVERAL: u32 = 1 << 31;
/// Marks lengths of rows that are kept as bits.
pub(crate) const LIST_BITS: u32 = 1 << 31;

/// Writes a segment of all events of the sources to a file and syncs it. `first_second` is that of the day.
///
/// # Errors
/// If a source cannot be read or the file cannot be written.
pub(crate) fn write_segment(path: &Path, sources: &[&dyn Source], first_second: i64) -> Result<(), HistoryError> {
    let file = File::create(path).map_err(|source| HistoryError::File { path: path.to_owned(), source })?;
    let mut out = Out { file: BufWriter::with_capacity(1 << 18, file), at: 0 };
    let mut description = Description { first_second, ..Description::default() };
    let (columns, rows) = Rows::merge(sources)?;
    let starts = write_records(&mut out, &mut description, sources, &columns)?;
    write_columns(&mut out, &mut description, &columns, &rows, &starts)?;
    let mut values = ValueWriter::new(sources, rows)?;
    values.write_paths(&mut description)?;
    values.write(&mut out, &mut description)?;
    let encoded = description.encode().map_err(HistoryError::Compressing)?;
    let end = footer(out.at, &encoded);
    let finish = || {
        out.file.write_all(&encoded)?;
        out.file.write_all(&end)?;
        out.file.into_inner()?.sync_all()
    };
    finish().map_err(|source| HistoryError::File { path: path.to_owned(), source })
}

/// A file being written, section by section.
struct Out {
    file: BufWriter<File>,
    at: u64,
}

impl Out {
    fn section(&mut self, bytes: &[u8]) -> Result<Extent, HistoryError> {
        let mut section = SectionOut { out: self, checksum: crc32fast::Hasher::new(), bytes: 0 };
        section.write_all(bytes).map_err(HistoryError::Writing)?;
        Ok(section.finish())
    }
}

struct SectionOut<'a> {
    out: &'a mut Out,
    checksum: crc32fast::Hasher,
    bytes: u64,
}

impl SectionOut<'_> {
    fn finish(self) -> Extent {
        let extent = Extent { at: self.out.at, bytes: self.bytes, checksum: self.checksum.finalize() };
        self.out.at += extent.bytes;
        extent
    }
}

impl Write for SectionOut<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.file.write(bytes)?;
        self.checksum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.file.flush()
    }
}

/// The rows of the new segment: which source each comes from, and by source the new number of each.
struct Rows {
    order: Vec<(u32, u32)>,
    new: Vec<Vec<u32>>,
}

impl Rows {
    fn merge(sources: &[&dyn Source]) -> Result<(Vec<Columns>, Self), HistoryError> {
        let columns: Vec<Columns> = sources.iter().map(|source| source.columns()).collect::<Result<_, _>>()?;
        let mut sorted = Vec::with_capacity(columns.iter().map(|columns| columns.times.len()).sum());
        for (source, columns) in (0u32..).zip(&columns) {
            let keys = columns.times.iter().zip(&columns.positions).zip(0u32..);
            sorted.extend(keys.map(|((time, position), row)| (Reverse((*time, *position)), source, row)));
        }
        sorted.sort_unstable();
        let mut new: Vec<Vec<u32>> = columns.iter().map(|columns| vec![0; columns.times.len()]).collect();
        for ((_, source, row), number) in sorted.iter().zip(0..) {
            new[*source as usize][*row as usize] = number;
        }
        let order = sorted.into_iter().map(|(_, source, row)| (source, row)).collect();
        Ok((columns, Self { order, new }))
    }

    fn total(&self) -> u32 {
        u32::try_from(self.order.len()).expect("a segment has at most so many rows")
    }
}

/// Copies the records; answers where each source's blocks begin in the count of all blocks.
fn write_records(
    out: &mut Out,
    description: &mut Description,
    sources: &[&dyn Source],
    columns: &[Columns],
) -> Result<Vec<u32>, HistoryError> {
    let mut section = SectionOut { out, checksum: crc32fast::Hasher::new(), bytes: 0 };
    let mut first_blocks = Vec::new();
    let mut starts = vec![0u32];
    let mut end = 0u32;
    for source in sources {
        first_blocks.push(u32::try_from(starts.len() - 1).expect("there are fewer blocks than rows"));
        let of_source = source.record_starts()?;
        source.copy_records(&mut section)?;
        starts.extend(of_source.iter().skip(1).map(|start| end + start));
        end += of_source.last().copied().unwrap_or(0);
    }
    description.sections[Section::Records as usize] = section.finish();
    description.record_blocks = u32::try_from(starts.len() - 1).expect("there are fewer blocks than rows");
    let bytes: Vec<u8> = starts.iter().flat_map(|start| start.to_le_bytes()).collect();
    description.sections[Section::RecordStarts as usize] = out.section(&bytes)?;
    debug_assert_eq!(columns.len(), first_blocks.len());
    Ok(first_blocks)
}

fn write_columns(
    out: &mut Out,
    description: &mut Description,
    columns: &[Columns],
    rows: &Rows,
    first_blocks: &[u32],
) -> Result<(), HistoryError> {
    let all = || columns.iter().flat_map(|columns| &columns.positions);
    let (first, last) = (all().min().copied().unwrap_or(0), all().max().copied().unwrap_or(0));
    let of = |(source, row): &(u32, u32)| (&columns[*source as usize], *row as usize, *source as usize);
    let seconds = |time: i64| u32::try_from(time - description.first_second).expect("events of one day");
    let times: Vec<u32> = rows.order.iter().map(of).map(|(columns, row, _)| seconds(columns.times[row])).collect();
    let bytes: Vec<u8> = times.iter().flat_map(|time| time.to_le_bytes()).collect();
    description.sections[Section::Times as usize] = out.section(&bytes)?;
    let from_first = |position: u64| u32::try_from(position - first).expect("events of one day are far fewer");
    let positions = rows.order.iter().map(of).map(|(columns, row, _)| from_first(columns.positions[row]));
    description.sections[Section::Positions as usize] =
        out.section(&positions.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
    let places = rows.order.iter().map(of).map(|(columns, row, source)| columns.places[row] + (first_blocks[source] << 8));
    description.sections[Section::Places as usize] = out.section(&places.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
    description.rows = rows.total();
    (description.first_position, description.last_position) = (first, last);
    description.newest = description.first_second + i64::from(times.first().copied().unwrap_or(0));
    description.oldest = description.first_second + i64::from(times.last().copied().unwrap_or(0));
    description.time_samples = times.iter().step_by(SAMPLED_ROWS as usize).copied().collect();
    Ok(())
}

/// Values of the new segment.
struct ValueWriter<'a> {
    sources: &'a [&'a dyn Source],
    rows: Rows,
    /// By source, the new numbers of its texts.
    numbers: Vec<Vec<u32>>,
    texts: TableWriter,
    uuids: Vec<u8>,
    uuid_rows: Vec<u8>,
    uuid_lists: Vec<u8>,
    uuid_list_rows: Vec<u8>,
    /// Columns, one after the other.
    row_values: Vec<u8>,
    uuid_count: u32,
    filter: FilterWriter,
    gathered: Vec<u32>,
    bits: Vec<u64>,
}

/// One source's values of what is merged.
struct Stream<'a> {
    source: usize,
    values: Box<dyn Values + 'a>,
}

impl<'a> ValueWriter<'a> {
    fn new(sources: &'a [&'a dyn Source], rows: Rows) -> Result<Self, HistoryError> {
        let values: usize = sources.iter().map(|source| source.value_count()).sum();
        Ok(Self {
            sources,
            numbers: sources.iter().map(|source| vec![0; source.text_count() as usize]).collect(),
            texts: TableWriter::new().map_err(HistoryError::Compressing)?,
            uuids: Vec::new(),
            uuid_rows: Vec::new(),
            uuid_lists: Vec::new(),
            uuid_list_rows: Vec::new(),
            row_values: Vec::new(),
            uuid_count: 0,
            // Every UUID has a second key, and texts are most often more than UUIDs.
            filter: FilterWriter::new(values + values / 2),
            gathered: Vec::new(),
            bits: vec![0; (rows.total() as usize).div_ceil(64)],
            rows,
        })
    }

    /// Goes through the paths of all sources in order.
    fn write_paths(&mut self, description: &mut Description) -> Result<(), HistoryError> {
        let sources = self.sources;
        let paths: Vec<Vec<(bool, &[u8])>> = sources.iter().map(|source| source.paths()).collect();
        let mut at = vec![0; sources.len()];
        loop {
            let heads =
                || paths.iter().zip(&at).enumerate().filter_map(|(source, (paths, at))| Some((source, *at, *paths.get(*at)?)));
            let Some((_, _, (reserved, name))) = heads().min_by_key(|(_, _, (reserved, name))| path_order(*reserved, name))
            else {
                return Ok(());
            };
            let having: Vec<(usize, usize)> =
                heads().filter(|(_, _, path)| *path == (reserved, name)).map(|(source, path, _)| (source, path)).collect();
            let (texts, uuids) = (self.texts.count(), self.uuid_count);
            let stream = |values: fn(&'a dyn Source, usize) -> Box<dyn Values + 'a>| {
                having.iter().map(|(source, path)| Stream { source: *source, values: values(sources[*source], *path) }).collect()
            };
            let column = ColumnWriter::of_path(reserved, name, self.rows.total());
            let column = self.write_texts(name, stream(|source, path| source.texts(path)), column)?;
            self.write_uuids(name, stream(|source, path| source.uuids(path)))?;
            let (texts, uuids) = (texts..self.texts.count(), uuids..self.uuid_count);
            let number = description.paths.len() as u32;
            let column = column.filter(|_| uuids.is_empty()).and_then(|column| column.finish(number, &mut self.row_values));
            description.columns.extend(column);
            description.paths.push(StoredPath { reserved, name: name.into(), texts, uuids });
            having.iter().for_each(|(source, _)| at[*source] += 1);
        }
    }

    /// Answers the path's column, if it has one.
    fn write_texts(
        &mut self,
        path: &[u8],
        streams: Vec<Stream<'_>>,
        mut column: Option<ColumnWriter>,
    ) -> Result<Option<ColumnWriter>, HistoryError> {
        merge(streams, &mut |same| {
            self.gather(same)?;
            let (kind, value) = (same[0].values.kind(), same[0].values.value());
            let number = self.texts.add(kind, value, &self.gathered, self.rows.total()).map_err(HistoryError::Compressing)?;
            for stream in same.iter() {
                self.numbers[stream.source][stream.values.number() as usize] = number;
            }
            self.filter.add(text_key(path, value));
            column = column.take().and_then(|column| column.add(&self.gathered));
            Ok(())
        })?;
        Ok(column)
    }

    fn write_uuids(&mut self, path: &[u8], streams: Vec<Stream<'_>>) -> Result<(), HistoryError> {
        merge(streams, &mut |same| {
            self.gather(same)?;
            let value: [u8; 16] = same[0].values.value().try_into().map_err(|_| HistoryError::damaged("a UUID"))?;
            let uuid = u128::from_be_bytes(value);
            self.uuids.extend_from_slice(&value);
            let rows = match self.gathered.as_slice() {
                [only] => *only,
                several => {
                    let start = self.uuid_list_rows.len();
                    let bits = put_rows(&mut self.uuid_list_rows, several, self.rows.total());
                    let length = (self.uuid_list_rows.len() - start) as u32 | if bits { LIST_BITS } else { 0 };
                    let list = (self.uuid_lists.len() / 12) as u32;
                    for number in [several.len() as u32, start as u32, length] {
                        self.uuid_lists.extend_from_slice(&number.to_le_bytes());
                    }
                    SEVERAL | list
                }
            };
            self.uuid_rows.extend_from_slice(&rows.to_le_bytes());
            self.uuid_count += 1;
            self.filter.add(uuid_key(path, uuid));
            self.filter.add(last_group_key((uuid & 0xffff_ffff_ffff) as u64));
            Ok(())
        })
    }

    /// Gathers the rows of one value, by their new numbers, ascending.
    fn gather(&mut self, same: &[Stream<'_>]) -> Result<(), HistoryError> {
        self.gathered.clear();
        for stream in same {
            let start = self.gathered.len();
            stream.values.rows(&mut self.gathered)?;
            let new = &self.rows.new[stream.source];
            for row in &mut self.gathered[start..] {
                *row = *new.get(*row as usize).ok_or_else(|| HistoryError::damaged("a row"))?;
            }
        }
        sort_rows(&mut self.gathered, &mut self.bits);
        Ok(())
    }

    fn write(mut self, out: &mut Out, description: &mut Description) -> Result<(), HistoryError> {
        let (words, word_texts, word_index) = self.write_words()?.finish().map_err(HistoryError::Compressing)?;
        let (blocks, rows, index) = self.texts.finish().map_err(HistoryError::Compressing)?;
        description.texts = index;
        description.words = word_index;
        description.uuids = self.uuid_count;
        let uuids = self.uuids.as_chunks::<16>().0;
        let sample = |uuid: &[u8; 16]| u64::try_from(u128::from_be_bytes(*uuid) >> 64).unwrap_or(0);
        description.uuid_samples = uuids.iter().step_by(SAMPLED_UUIDS as usize).map(sample).collect();
        let sections = [
            (Section::Texts, &blocks),
            (Section::TextRows, &rows),
            (Section::Uuids, &self.uuids),
            (Section::UuidRows, &self.uuid_rows),
            (Section::UuidLists, &self.uuid_lists),
            (Section::UuidListRows, &self.uuid_list_rows),
            (Section::Words, &words),
            (Section::WordTexts, &word_texts),
            (Section::Filter, &self.filter.bytes),
            (Section::RowValues, &self.row_values),
        ];
        for (section, bytes) in sections {
            description.sections[section as usize] = out.section(bytes)?;
        }
        Ok(())
    }

    fn write_words(&mut self) -> Result<TableWriter, HistoryError> {
        let mut words = TableWriter::new().map_err(HistoryError::Compressing)?;
        let total = self.texts.count();
        let mut bits = vec![0; (total as usize).div_ceil(64)];
        let mut gathered = Vec::new();
        let mut streams = Vec::new();
        for (source, numbers) in self.numbers.iter().enumerate() {
            streams.push(Stream { source, values: self.sources[source].words(numbers)? });
        }
        merge(streams, &mut |same| {
            gathered.clear();
            for stream in same.iter() {
                stream.values.rows(&mut gathered)?;
            }
            sort_rows(&mut gathered, &mut bits);
            words.add(Kind::Text, same[0].values.value(), &gathered, total).map_err(HistoryError::Compressing)?;
            Ok(())
        })?;
        Ok(words)
    }
}

/// Sorts rows, each once; many of them by way of bits, which are all clear before and after.
fn sort_rows(rows: &mut Vec<u32>, bits: &mut [u64]) {
    if rows.len() < bits.len() / 4 || rows.is_sorted() {
        rows.sort_unstable();
        rows.dedup();
        return;
    }
    rows.iter().for_each(|row| bits[*row as usize / 64] |= 1 << (row % 64));
    rows.clear();
    for (word, at) in bits.iter_mut().zip(0..) {
        let mut rest = std::mem::take(word);
        while rest != 0 {
            rows.push(at * 64 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

/// Calls `take` for each value, in order, with the streams that have it.
fn merge<'a>(
    mut streams: Vec<Stream<'a>>,
    take: &mut dyn FnMut(&[Stream<'a>]) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let mut at = 0;
    while at < streams.len() {
        if streams[at].values.advance()? { at += 1 } else { drop(streams.swap_remove(at)) }
    }
    while !streams.is_empty() {
        // Those that have the least value come first.
        let mut same = 1;
        for at in 1..streams.len() {
            match order(&streams[at], &streams[0]) {
                Ordering::Less => {
                    streams.swap(at, 0);
                    same = 1;
                }
                Ordering::Equal => {
                    streams.swap(at, same);
                    same += 1;
                }
                Ordering::Greater => {}
            }
        }
        take(&streams[..same])?;
        for at in (0..same).rev() {
            if !streams[at].values.advance()? {
                drop(streams.swap_remove(at));
            }
        }
    }
    Ok(())
}

fn order(a: &Stream<'_>, b: &Stream<'_>) -> Ordering {
    let (left, right) = (a.values.value(), b.values.value());
    let texts = if a.values.kind() == Kind::Uuid { left.cmp(right) } else { crate::folding::folded_order(left, right) };
    texts.then_with(|| a.values.kind().cmp(&b.values.kind()))
}
