//! What searches need of a part of the history, be it in memory or on disk.

use crate::disk::row_values::Numbers;
use crate::error::HistoryError;
use crate::folding;
use crate::live::leaves::Kind;
use crate::live::paths::{PathId, Reserved};
use crate::rows::{RowSet, Union};
pub(crate) use crate::work::Work;
use bytes::Bytes;
use std::ops::ControlFlow;

/// Some events, numbered by row, and the values they have.
pub(crate) trait Part {
    fn rows(&self) -> u32;

    /// Rows whose time is in the window, both ends included.
    fn rows_between(&self, start: i64, end: i64) -> Result<RowSet, HistoryError>;

    /// Paths at this place and below it, given in small letters.
    fn paths_below(&self, place: &str) -> Vec<PathId>;

    /// Paths at this place alone, given in small letters.
    fn paths_at(&self, place: &str) -> Vec<PathId>;

    /// The path that records spell exactly so.
    fn path_named(&self, name: &[u8]) -> Option<PathId>;

    fn path_reserved(&self, reserved: Reserved) -> Option<PathId>;

    /// How many different values a path has.
    fn values(&self, path: PathId) -> u64;

    /// Shows the values of a path that begin with a text in small letters.
    fn each_leaf(&self, path: PathId, prefix: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError>;

    /// Shows the values of a path that are this one but for the case of letters.
    fn find_leaf(&self, path: PathId, value: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError>;

    /// Shows values, of these paths or of all that are not reserved, among which are all that have the word.
    fn each_leaf_with(
        &self,
        word: &Word,
        paths: Option<&[PathId]>,
        work: &mut Work,
        visit: VisitLeaf<'_>,
    ) -> Result<(), HistoryError>;

    /// Adds the rows that have a value.
    fn add_rows(&self, rows: RowsAt, work: &mut Work, to: &mut Union) -> Result<(), HistoryError>;

    /// Appends the rows that have a value.
    fn append_rows(&self, rows: RowsAt, to: &mut Vec<u32>) -> Result<(), HistoryError>;

    /// Whether a path has a column, see [`Part::column`].
    fn has_column(&self, path: PathId) -> bool;

    /// By row, which of a path's values it has, numbered from 1 in the order of [`Part::each_leaf`]; 0 for none. There
    /// is a column for some paths, and only where no row has two of their values.
    fn column(&self, path: PathId) -> Result<Option<Numbers>, HistoryError>;

    fn record(&self, row: u32) -> Result<Bytes, HistoryError>;
}

/// Called for each value; a break ends the showing.
pub(crate) type VisitLeaf<'a> = &'a mut dyn FnMut(LeafValue<'_>) -> ControlFlow<()>;

/// A value of a part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeafValue<'a> {
    pub kind: Kind,
    /// UUIDs come as text.
    pub value: &'a [u8],
    /// Rows that have it.
    pub count: u32,
    pub rows: RowsAt,
}

/// Where the rows of a value are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowsAt {
    One(u32),
    /// With the leaf of a live part.
    Leaf(u32),
    /// In a segment: where, how many bytes, whether a bit for each row.
    Stored {
        at: u32,
        bytes: u32,
        bits: bool,
    },
}

/// A word that values are looked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub form: WordForm,
    /// Which UUIDs can have what is looked for.
    pub uuids: Uuids,
}

/// In small letters, and cut as the index cuts words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WordForm {
    Whole(Vec<u8>),
    Prefix(Vec<u8>),
    /// Nothing is known of it: all values are to be looked at.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uuids {
    None,
    Only(u128),
    /// Those with this first group, second to fourth group, last group.
    First(u32),
    Middle(u16),
    Last(u64),
    All,
}

impl Uuids {
    /// Those in which the text, some whole words, can stand.
    pub fn with_text(text: &[u8]) -> Self {
        let text = text.to_ascii_lowercase();
        if let Some(uuid) = folding::parse_uuid(&text) {
            return Self::Only(uuid);
        }
        if !Self::can_hold(&text) {
            return Self::None;
        }
        let Some(longest) = folding::words(&text).max_by_key(|word| word.len()) else { return Self::All };
        let number = std::str::from_utf8(longest).ok().and_then(|word| u64::from_str_radix(word, 16).ok());
        match (longest.len(), number) {
            (12, Some(number)) => Self::Last(number),
            (8, Some(number)) => u32::try_from(number).map_or(Self::None, Self::First),
            (4, Some(number)) => u16::try_from(number).map_or(Self::None, Self::Middle),
            _ => Self::None,
        }
    }

    /// Whether all of the bytes occur in UUIDs.
    pub fn can_hold(text: &[u8]) -> bool {
        text.len() <= folding::UUID_TEXT && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
    }

    pub fn admits(self, uuid: u128) -> bool {
        let group = |shift: u32| (uuid >> shift) & 0xffff;
        match self {
            Self::None => false,
            Self::Only(only) => uuid == only,
            Self::First(first) => uuid >> 96 == u128::from(first),
            Self::Middle(middle) => [80, 64, 48].iter().any(|shift| group(*shift) == u128::from(middle)),
            Self::Last(last) => uuid & 0xffff_ffff_ffff == u128::from(last),
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_looked_for_by_their_groups() {
        let check = |text: &str, expect: Uuids| assert_eq!(Uuids::with_text(text.as_bytes()), expect, "{text}");
        check("alice", Uuids::None);
        check("0123456F-89ab-cdef-0123-456789abcde0", Uuids::Only(0x0123_456f_89ab_cdef_0123_4567_89ab_cde0));
        check("123456789012", Uuids::Last(0x1234_5678_9012));
        check("cdef", Uuids::Middle(0xcdef));
        check("0123456f-89ab", Uuids::First(0x0123_456f));
        check("-", Uuids::All);
        check("abc", Uuids::None);
        let uuid = 0x0123_456f_89ab_cdef_0123_4567_89ab_cde0;
        for text in ["456789abcde0", "cdef", "89ab", "0123", "0123456f", "89ab-cdef"] {
            assert!(Uuids::with_text(text.as_bytes()).admits(uuid), "{text}");
        }
        assert!(!Uuids::with_text(b"456f").admits(uuid));
    }
}
