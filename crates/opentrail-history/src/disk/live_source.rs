//! A live part as the source of a segment: its values sorted, its words found.

use super::layout::path_order;
use super::source::{Columns, Source, Values};
use crate::error::HistoryError;
use crate::folding::{compare_folded, folded_hash, words};
use crate::limits::{VALUE_BYTES, WORD_BYTES};
use crate::live::Live;
use crate::live::leaves::{Kind, Leaf, Leaves};
use crate::live::paths::Reserved;
use std::collections::HashMap;

/// Bytes of a fingerprint behind the beginning of a text that is cut.
pub(crate) const FINGERPRINT: usize = 16;

/// A live part whose records are all compressed, sorted.
pub(crate) struct LiveSource<'a> {
    live: &'a Live,
    paths: Vec<SortedPath>,
    /// What is kept of long values.
    cut: HashMap<u32, Vec<u8>>,
    texts: u32,
    values: usize,
    words: Leaves,
    sorted_words: Vec<u32>,
}

struct SortedPath {
    id: usize,
    /// The number of its first text.
    first: u32,
    texts: Vec<u32>,
    uuids: Vec<u32>,
}

impl<'a> LiveSource<'a> {
    pub fn new(live: &'a Live) -> Self {
        let mut paths: Vec<SortedPath> =
            live.paths.all().iter().enumerate().map(|(id, path)| sorted_path(live, id, &path.leaves)).collect();
        paths.retain(|path| !path.texts.is_empty() || !path.uuids.is_empty());
        paths.sort_by_cached_key(|path| {
            let path = &live.paths.all()[path.id];
            let (class, lower, name) = path_order(path.reserved, &path.name);
            (class, lower, name.to_vec())
        });
        let mut source =
            Self { live, paths, cut: HashMap::new(), texts: 0, values: 0, words: Leaves::new(1), sorted_words: Vec::new() };
        source.sort();
        source.find_words();
        source
    }

    fn sort(&mut self) {
        for path in &mut self.paths {
            for id in &path.texts {
                let value = self.live.leaves.value(self.live.leaves.get(*id));
                if value.len() > VALUE_BYTES {
                    self.cut.insert(*id, cut(value));
                }
            }
            sort_values(&mut path.texts, |id| (kept(self.live, &self.cut, id), self.live.leaves.get(id).kind));
            path.first = self.texts;
            self.texts += u32::try_from(path.texts.len()).unwrap_or(u32::MAX);
            self.values += path.texts.len() + path.uuids.len();
        }
    }

    fn find_words(&mut self) {
        let mut folded = Vec::new();
        for path in &self.paths {
            let reserved = self.live.paths.all()[path.id].reserved && path.id != Reserved::Unkept.id() as usize;
            if reserved {
                continue;
            }
            for (id, number) in path.texts.iter().zip(path.first..) {
                let leaf = self.live.leaves.get(*id);
                for word in words(self.live.leaves.value(leaf)) {
                    folded.clear();
                    folded.extend_from_slice(&word[..word.len().min(WORD_BYTES)]);
                    folded.make_ascii_lowercase();
                    let (word, _) = self.words.intern(0, Kind::Plain, &folded, u32::MAX);
                    self.words.add_row(word, number);
                }
            }
        }
        self.sorted_words = (0..u32::try_from(self.words.all().len()).unwrap_or(0)).collect();
        let words = &self.words;
        sort_values(&mut self.sorted_words, |id| (words.value(words.get(id)), Kind::Plain));
    }
}

/// Sorts values by their first bytes as numbers, and only equals by the rest.
fn sort_values<'a>(ids: &mut Vec<u32>, value_and_kind: impl Fn(u32) -> (&'a [u8], Kind)) {
    let value = |id: u32| value_and_kind(id).0;
    let Some(first) = ids.first().map(|id| value(*id)) else { return };
    let shared = ids.iter().fold(first.len(), |shared, id| {
        value(*id).iter().zip(&first[..shared]).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count().min(shared)
    });
    let mut keyed: Vec<(u64, u32)> = ids.iter().map(|id| (leading(&value(*id)[shared..]), *id)).collect();
    keyed.sort_unstable_by(|(a, left), (b, right)| {
        a.cmp(b).then_with(|| {
            let (left, right) = (value_and_kind(*left), value_and_kind(*right));
            compare_folded(&left.0[shared..], &right.0[shared..]).then_with(|| left.cmp(&right))
        })
    });
    ids.clear();
    ids.extend(keyed.into_iter().map(|(_, id)| id));
}

/// The first eight bytes in small letters, as a number of the same order.
fn leading(value: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = value.len().min(8);
    bytes[..length].copy_from_slice(&value[..length]);
    bytes.make_ascii_lowercase();
    u64::from_be_bytes(bytes)
}

fn sorted_path(live: &Live, id: usize, leaves: &[u32]) -> SortedPath {
    let mut path = SortedPath { id, first: 0, texts: Vec::new(), uuids: Vec::new() };
    let mut uuids = Vec::new();
    for id in leaves {
        let leaf = live.leaves.get(*id);
        if leaf.count == 0 {
            // Of a record that turned out to be none.
        } else if leaf.kind == Kind::Uuid {
            uuids.push((live.leaves.uuid(leaf), *id));
        } else {
            path.texts.push(*id);
        }
    }
    uuids.sort_unstable();
    path.uuids = uuids.into_iter().map(|(_, id)| id).collect();
    path
}

fn cut(value: &[u8]) -> Vec<u8> {
    let mut kept = value[..VALUE_BYTES - FINGERPRINT].to_vec();
    kept.extend_from_slice(&folded_hash(1, value).to_le_bytes());
    kept.extend_from_slice(&folded_hash(2, value).to_le_bytes());
    kept
}

fn kept<'a>(live: &'a Live, cut: &'a HashMap<u32, Vec<u8>>, id: u32) -> &'a [u8] {
    let value = live.leaves.value(live.leaves.get(id));
    if value.len() > VALUE_BYTES { cut.get(&id).map_or(value, Vec::as_slice) } else { value }
}

impl Source for LiveSource<'_> {
    fn columns(&self) -> Result<Columns, HistoryError> {
        let Live { times, positions, places, .. } = self.live;
        Ok(Columns { times: times.clone(), positions: positions.clone(), places: places.clone() })
    }

    fn record_starts(&self) -> Result<Vec<u32>, HistoryError> {
        Ok(self.live.blocks.finished().1.to_vec())
    }

    fn copy_records(&self, to: &mut dyn std::io::Write) -> Result<(), HistoryError> {
        to.write_all(self.live.blocks.finished().0).map_err(HistoryError::Writing)
    }

    fn paths(&self) -> Vec<(bool, &[u8])> {
        let all = self.live.paths.all();
        self.paths.iter().map(|path| (all[path.id].reserved, all[path.id].name.as_slice())).collect()
    }

    fn text_count(&self) -> u32 {
        self.texts
    }

    fn value_count(&self) -> usize {
        self.values
    }

    fn texts(&self, path: usize) -> Box<dyn Values + '_> {
        let path = &self.paths[path];
        Box::new(SortedValues {
            leaves: &self.live.leaves,
            cut: Some(&self.cut),
            ids: &path.texts,
            at: 0,
            first: path.first,
            numbers: None,
        })
    }

    fn uuids(&self, path: usize) -> Box<dyn Values + '_> {
        Box::new(SortedValues {
            leaves: &self.live.leaves,
            cut: None,
            ids: &self.paths[path].uuids,
            at: 0,
            first: 0,
            numbers: None,
        })
    }

    fn words<'a>(&'a self, numbers: &'a [u32]) -> Result<Box<dyn Values + 'a>, HistoryError> {
        Ok(Box::new(SortedValues {
            leaves: &self.words,
            cut: None,
            ids: &self.sorted_words,
            at: 0,
            first: 0,
            numbers: Some(numbers),
        }))
    }
}

struct SortedValues<'a> {
    leaves: &'a Leaves,
    cut: Option<&'a HashMap<u32, Vec<u8>>>,
    ids: &'a [u32],
    /// How many came already; the last of them is the current one.
    at: usize,
    first: u32,
    numbers: Option<&'a [u32]>,
}

impl SortedValues<'_> {
    fn leaf(&self) -> &Leaf {
        self.leaves.get(self.ids[self.at - 1])
    }

    fn kept(&self) -> Option<&[u8]> {
        self.cut?.get(&self.ids[self.at - 1]).map(Vec::as_slice)
    }
}

impl Values for SortedValues<'_> {
    fn advance(&mut self) -> Result<bool, HistoryError> {
        self.at += 1;
        Ok(self.at <= self.ids.len())
    }

    fn kind(&self) -> Kind {
        let kind = self.leaf().kind;
        match self.kept() {
            Some(_) if kind == Kind::Text => Kind::CutText,
            Some(_) => Kind::CutPlain,
            None => kind,
        }
    }

    fn value(&self) -> &[u8] {
        let leaf = self.leaf();
        let value = self.leaves.value(leaf);
        if value.len() > VALUE_BYTES { self.kept().unwrap_or(value) } else { value }
    }

    fn number(&self) -> u32 {
        self.first + u32::try_from(self.at - 1).unwrap_or(0)
    }

    fn rows(&self, to: &mut Vec<u32>) -> Result<(), HistoryError> {
        let rows = self.leaves.rows(self.leaf());
        match self.numbers {
            Some(numbers) => to.extend(rows.iter().map(|row| numbers[*row as usize])),
            None => to.extend_from_slice(rows),
        }
        Ok(())
    }
}
