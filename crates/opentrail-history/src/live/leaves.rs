//! The values of a live part: each different value of a path once, with the rows that have it.

use super::paths::PathId;
use crate::folding::{folded_hash, parse_uuid, write_uuid};
use hashbrown::HashTable;
use std::borrow::Cow;

/// What kind of value a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Text = 0,
    /// A number, `true` or `false`.
    Plain = 1,
    /// An object or array in which there is nothing but nulls.
    Empty = 2,
    /// In segments: the beginning of a longer text and a fingerprint of all of it.
    CutText = 3,
    /// The same of a longer number.
    CutPlain = 4,
    /// A text that is a UUID, as its sixteen bytes.
    Uuid = 5,
}

impl Kind {
    pub fn of(byte: u8) -> Option<Self> {
        [Self::Text, Self::Plain, Self::Empty, Self::CutText, Self::CutPlain, Self::Uuid]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

pub(crate) struct Leaf {
    pub path: PathId,
    at: u32,
    length: u32,
    pub kind: Kind,
    hash: u64,
    /// Rows that have it.
    pub count: u32,
    last: u32,
    /// Where its rows are, if there are several.
    list: u32,
}

/// All leaves of a part.
pub(crate) struct Leaves {
    leaves: Vec<Leaf>,
    values: Vec<u8>,
    table: HashTable<u32>,
    lists: Vec<Vec<u32>>,
    listed: usize,
    seed: u64,
}

impl Leaves {
    /// `seed` keeps others from choosing values that collide.
    pub fn new(seed: u64) -> Self {
        Self { leaves: Vec::new(), values: Vec::new(), table: HashTable::new(), lists: Vec::new(), listed: 0, seed }
    }

    pub fn all(&self) -> &[Leaf] {
        &self.leaves
    }

    pub fn get(&self, leaf: u32) -> &Leaf {
        &self.leaves[leaf as usize]
    }

    /// The bytes of a leaf: of a UUID sixteen.
    pub fn value(&self, leaf: &Leaf) -> &[u8] {
        &self.values[leaf.at as usize..(leaf.at + leaf.length) as usize]
    }

    /// The text, if it is one.
    pub fn text(&self, leaf: &Leaf) -> Option<Cow<'_, [u8]>> {
        match leaf.kind {
            Kind::Text => Some(Cow::Borrowed(self.value(leaf))),
            Kind::Uuid => Some(Cow::Owned(write_uuid(self.uuid(leaf)).to_vec())),
            _ => None,
        }
    }

    /// The number that a UUID is.
    pub fn uuid(&self, leaf: &Leaf) -> u128 {
        self.value(leaf).try_into().map_or(0, u128::from_be_bytes)
    }

    /// The rows that have it, ascending.
    pub fn rows<'a>(&'a self, leaf: &'a Leaf) -> &'a [u32] {
        match leaf.count {
            0 => &[],
            1 => std::slice::from_ref(&leaf.last),
            _ => &self.lists[leaf.list as usize],
        }
    }

    pub fn memory(&self) -> usize {
        self.values.len() + self.leaves.len() * (size_of::<Leaf>() + 16) + self.lists.len() * 40 + self.listed * 6
    }

    /// The leaf of a value; `guess` is one that it may be. Whether it is new.
    pub fn intern(&mut self, path: PathId, kind: Kind, value: &[u8], guess: u32) -> (u32, bool) {
        let uuid = if kind == Kind::Text { parse_uuid(value).map(u128::to_be_bytes) } else { None };
        let (kind, value) = uuid.as_ref().map_or((kind, value), |bytes| (Kind::Uuid, bytes));
        let same = |leaf: &Leaf| leaf.path == path && leaf.kind == kind && self.value(leaf) == value;
        if self.leaves.get(guess as usize).is_some_and(same) {
            return (guess, false);
        }
        let hash = self.hash(path, kind, value);
        if let Some(found) =
            self.table.find(hash, |leaf| self.leaves[*leaf as usize].hash == hash && same(&self.leaves[*leaf as usize]))
        {
            return (*found, false);
        }
        let id = u32::try_from(self.leaves.len()).expect("a live part is far smaller");
        let at = u32::try_from(self.values.len()).expect("a live part is far smaller than 4 GB");
        let length = u32::try_from(value.len()).expect("a record is far smaller than 4 GB");
        self.values.extend_from_slice(value);
        self.leaves.push(Leaf { path, at, length, kind, hash, count: 0, last: 0, list: 0 });
        let leaves = &self.leaves;
        self.table.insert_unique(hash, id, |leaf| leaves[*leaf as usize].hash);
        (id, true)
    }

    /// Notes that a row has the leaf. Rows come in ascending order.
    pub fn add_row(&mut self, leaf: u32, row: u32) {
        let leaf = &mut self.leaves[leaf as usize];
        if leaf.count > 0 && leaf.last == row {
            return;
        }
        match leaf.count {
            0 => {}
            1 => {
                leaf.list = u32::try_from(self.lists.len()).expect("there are fewer lists than leaves");
                self.lists.push(vec![leaf.last, row]);
                self.listed += 2;
            }
            _ => {
                self.lists[leaf.list as usize].push(row);
                self.listed += 1;
            }
        }
        leaf.count += 1;
        leaf.last = row;
    }

    /// Leaves of the path whose value is this one but for the case of letters.
    pub fn find(&self, path: PathId, value: &[u8], mut found: impl FnMut(u32, &Leaf)) {
        let uuid = parse_uuid(&value.to_ascii_lowercase()).map(u128::to_be_bytes);
        let forms = [(Kind::Text, Some(value)), (Kind::Plain, Some(value)), (Kind::Uuid, uuid.as_ref().map(|bytes| &bytes[..]))];
        for (kind, value) in forms {
            let Some(value) = value else { continue };
            let hash = self.hash(path, kind, value);
            for id in self.table.iter_hash(hash) {
                let leaf = &self.leaves[*id as usize];
                let same =
                    if kind == Kind::Uuid { self.value(leaf) == value } else { self.value(leaf).eq_ignore_ascii_case(value) };
                if leaf.path == path && leaf.kind == kind && same {
                    found(*id, leaf);
                }
            }
        }
    }

    fn hash(&self, path: PathId, kind: Kind, value: &[u8]) -> u64 {
        let seed = self.seed ^ (u64::from(path) << 8 | kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The bytes of a UUID are no letters, but folding them loses little.
        folded_hash(seed, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_once() {
        let mut leaves = Leaves::new(1);
        let uuid = b"0123456f-89ab-cdef-0123-456789abcde0";
        let (a, new) = leaves.intern(7, Kind::Text, b"Alice", u32::MAX);
        assert!(new);
        assert_eq!(leaves.intern(7, Kind::Text, b"Alice", a), (a, false));
        assert_eq!(leaves.intern(7, Kind::Text, b"Alice", u32::MAX), (a, false));
        let (b, _) = leaves.intern(7, Kind::Text, b"alice", a);
        let (c, _) = leaves.intern(7, Kind::Text, uuid, a);
        assert!(a != b && b != c);
        for row in [3, 3, 5, 9] {
            leaves.add_row(a, row);
        }
        leaves.add_row(b, 4);
        assert_eq!(leaves.rows(leaves.get(a)), [3, 5, 9]);
        let found = |value: &[u8]| {
            let mut rows = Vec::new();
            leaves.find(7, value, |_, leaf| rows.extend_from_slice(leaves.rows(leaf)));
            rows.sort_unstable();
            rows
        };
        assert_eq!(found(b"ALICE"), [3, 4, 5, 9]);
        assert!(found(b"bob").is_empty());
        assert_eq!(leaves.value(leaves.get(c)).len(), 16);
    }
}
