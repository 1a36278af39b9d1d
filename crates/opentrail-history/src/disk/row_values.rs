//! The values of the commonest fields by row, so that counting reads one or two bytes an event.
//!
//! ```text
//! column  = for each row the number of its value among the path's texts, from 1; 0 for none. A byte each, or two
//! ```
//!
//! A path has a column if it is one of [`FIELDS`], no row has two values of it, and enough rows have one. All others
//! are counted from the rows of the values, and so are segments written before there were columns.

use super::layout::Section;
use super::segment::Segment;
use super::wire::{Taking, put_number};
use crate::error::HistoryError;

/// The fields that people count by, as records spell them.
const FIELDS: [&[u8]; 13] = [
    b"awsRegion",
    b"errorCode",
    b"eventName",
    b"eventSource",
    b"eventType",
    b"readOnly",
    b"recipientAccountId",
    b"sourceIPAddress",
    b"userIdentity.arn",
    b"userIdentity.invokedBy",
    b"userIdentity.principalId",
    b"userIdentity.type",
    b"userIdentity.userName",
];

/// One row of so many must have a value; what is rarer costs little to count from the rows.
const RARE: u32 = 16;

/// Numbers of values by row, in as few bytes as they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Numbers {
    Bytes(Vec<u8>),
    Pairs(Vec<u16>),
    Wide(Vec<u32>),
}

/// Does the same with numbers of each width.
macro_rules! of_any_width {
    ($numbers:expr, $slice:ident => $body:expr) => {
        match $numbers {
            $crate::disk::row_values::Numbers::Bytes($slice) => $body,
            $crate::disk::row_values::Numbers::Pairs($slice) => $body,
            $crate::disk::row_values::Numbers::Wide($slice) => $body,
        }
    };
}
pub(crate) use of_any_width;

impl Numbers {
    pub fn len(&self) -> usize {
        of_any_width!(self, numbers => numbers.len())
    }

    pub fn get(&self, row: u32) -> u32 {
        let row = row as usize;
        match self {
            Self::Bytes(numbers) => numbers.get(row).map_or(0, |number| u32::from(*number)),
            Self::Pairs(numbers) => numbers.get(row).map_or(0, |number| u32::from(*number)),
            Self::Wide(numbers) => numbers.get(row).copied().unwrap_or(0),
        }
    }

    /// The same numbers with room for larger ones.
    pub fn widened(self) -> Vec<u32> {
        match self {
            Self::Wide(numbers) => numbers,
            Self::Bytes(numbers) => numbers.into_iter().map(u32::from).collect(),
            Self::Pairs(numbers) => numbers.into_iter().map(u32::from).collect(),
        }
    }
}

/// Where the column of a path is in its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredColumn {
    /// The number of the path.
    pub path: u32,
    pub at: u64,
    pub wide: bool,
}

impl StoredColumn {
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, u64::from(self.path));
        put_number(out, self.at);
        out.push(u8::from(self.wide));
    }

    pub fn decode(taking: &mut Taking<'_>) -> Option<Self> {
        Some(Self { path: taking.small()?, at: taking.number()?, wide: taking.byte()? != 0 })
    }

    pub fn bytes(&self, rows: u32) -> u64 {
        u64::from(rows) * if self.wide { 2 } else { 1 }
    }
}

/// The column of a path while its values come.
pub(crate) struct ColumnWriter {
    of_row: Vec<u16>,
    values: u16,
    filled: u32,
}

impl ColumnWriter {
    /// `None` if paths of this name have none.
    pub fn of_path(reserved: bool, name: &[u8], rows: u32) -> Option<Self> {
        let wanted = !reserved && FIELDS.contains(&name);
        wanted.then(|| Self { of_row: vec![0; rows as usize], values: 0, filled: 0 })
    }

    /// Adds the next value; `None` if the path cannot have a column.
    pub fn add(mut self, rows: &[u32]) -> Option<Self> {
        self.values = self.values.checked_add(1)?;
        for row in rows {
            let place = self.of_row.get_mut(*row as usize)?;
            if *place != 0 {
                return None;
            }
            *place = self.values;
        }
        self.filled += u32::try_from(rows.len()).ok()?;
        Some(self)
    }

    /// Appends the column, if it is worth it.
    pub fn finish(self, path: u32, out: &mut Vec<u8>) -> Option<StoredColumn> {
        let rows = u32::try_from(self.of_row.len()).ok()?;
        if u64::from(self.filled) * u64::from(RARE) < u64::from(rows) {
            return None;
        }
        let column = StoredColumn { path, at: out.len() as u64, wide: self.values > u16::from(u8::MAX) };
        if column.wide {
            self.of_row.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        } else {
            out.extend(self.of_row.iter().map(|number| number.to_le_bytes()[0]));
        }
        Some(column)
    }
}

impl Segment {
    /// Whether a path has a column, so that no row has two of its values.
    pub(crate) fn has_column(&self, path: u32) -> bool {
        self.description.columns.iter().any(|column| column.path == path)
    }

    /// The numbers of a path's values by row.
    pub(crate) fn column_of(&self, path: u32) -> Result<Option<Numbers>, HistoryError> {
        let Some(column) = self.description.columns.iter().find(|column| column.path == path) else { return Ok(None) };
        let bytes = self.bytes(Section::RowValues, column.at..column.at + column.bytes(self.description.rows))?;
        Ok(Some(if column.wide {
            Numbers::Pairs(bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect())
        } else {
            Numbers::Bytes(bytes)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&[u32]], rows: u32) -> Option<(StoredColumn, Vec<u8>)> {
        let mut writer = ColumnWriter::of_path(false, b"eventName", rows)?;
        for rows in values {
            writer = writer.add(rows)?;
        }
        let mut out = vec![7];
        writer.finish(3, &mut out).map(|column| (column, out))
    }

    #[test]
    fn columns_are_kept_where_they_are_of_use() {
        let expect = StoredColumn { path: 3, at: 1, wide: false };
        assert_eq!(column(&[&[0, 2], &[3]], 5), Some((expect.clone(), vec![7, 1, 0, 1, 2, 0])));
        assert_eq!(column(&[&[0, 2], &[2]], 5), None, "two values in a row");
        assert_eq!(column(&[&[0]], 17), None, "rare");
        assert_eq!(column(&[&[5]], 5), None, "a row that is none");
        assert!(ColumnWriter::of_path(false, b"eventname", 5).is_none());
        assert!(ColumnWriter::of_path(true, b"eventName", 5).is_none());
        let many: Vec<[u32; 1]> = (0..300).map(|row| [row]).collect();
        let (wide, bytes) = column(&many.iter().map(|rows| &rows[..]).collect::<Vec<_>>(), 300).expect("a column");
        assert!(wide.wide && bytes.len() == 601 && bytes[599..] == 300u16.to_le_bytes());
        let mut encoded = Vec::new();
        expect.encode(&mut encoded);
        assert_eq!(StoredColumn::decode(&mut Taking::new(&encoded)), Some(expect));
    }

    #[test]
    fn numbers_of_all_widths_are_the_same() {
        for numbers in [Numbers::Bytes(vec![1, 0]), Numbers::Pairs(vec![1, 0]), Numbers::Wide(vec![1, 0])] {
            assert_eq!((numbers.len(), numbers.get(0), numbers.get(1), numbers.get(2)), (2, 1, 0, 0));
            assert_eq!(numbers.widened(), [1, 0]);
        }
    }
}
