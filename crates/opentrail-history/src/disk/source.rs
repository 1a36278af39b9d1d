//! What a segment is made from: a live part, or other segments.

use crate::error::HistoryError;
use crate::live::leaves::Kind;
use crate::records::Place;

/// A part whose events go into a new segment.
pub(crate) trait Source {
    /// Times, positions and places of the records, by row.
    fn columns(&self) -> Result<Columns, HistoryError>;

    /// Where each block of records begins, and where the last one ends.
    fn record_starts(&self) -> Result<Vec<u32>, HistoryError>;

    /// Copies all blocks of records.
    fn copy_records(&self, to: &mut dyn std::io::Write) -> Result<(), HistoryError>;

    /// Reserved or not, and name, in the order of [`super::layout::path_order`].
    fn paths(&self) -> Vec<(bool, &[u8])>;

    /// How many texts there are.
    fn text_count(&self) -> u32;

    /// How many values there are of all kinds.
    fn value_count(&self) -> usize;

    /// The texts of the path with this number in [`Source::paths`], in order.
    fn texts(&self, path: usize) -> Box<dyn Values + '_>;

    /// The UUIDs of a path, in order.
    fn uuids(&self, path: usize) -> Box<dyn Values + '_>;

    /// The words, in order, with the numbers of the texts they are in. `numbers` are those of the new segment by those
    /// of this part.
    fn words<'a>(&'a self, numbers: &'a [u32]) -> Result<Box<dyn Values + 'a>, HistoryError>;
}

/// What is known of each event.
pub(crate) struct Columns {
    pub times: Vec<i64>,
    pub positions: Vec<u64>,
    pub places: Vec<Place>,
}

/// Values in order, one at a time.
pub(crate) trait Values {
    /// Goes to the first or next value; false at the end.
    fn advance(&mut self) -> Result<bool, HistoryError>;

    fn kind(&self) -> Kind;

    /// The value; a UUID as its sixteen bytes.
    fn value(&self) -> &[u8];

    /// Its number among the source's texts.
    fn number(&self) -> u32;

    /// Appends its rows.
    fn rows(&self, to: &mut Vec<u32>) -> Result<(), HistoryError>;
}
