//! Values of fields by row: what counting needs of a part, made from the rows of the values.

use crate::error::HistoryError;
use crate::live::leaves::Kind;
use crate::live::paths::PathId;
use crate::part::{Part, Work};
use crate::rows::{RowSet, Union};
use opentrail_query::Field;
use opentrail_query::matching::test::parts;
use opentrail_query::query::Reading;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// The value of each row, as its number in `values`; 0, an empty one, where there is none.
pub(crate) struct Column {
    pub of_row: Vec<u32>,
    pub values: Vec<Vec<u8>>,
    /// Rows that have several values: those beside the one in `of_row`.
    pub more: BTreeMap<u32, Vec<u32>>,
}

impl Column {
    /// The values of a field, of a short name those of the first place that has any.
    pub fn of(field: &Field, part: &dyn Part, work: &mut Work) -> Result<Self, HistoryError> {
        let total = part.rows();
        work.take(u64::from(total) / 8)?;
        let mut column = Self { of_row: vec![0; total as usize], values: vec![Vec::new()], more: BTreeMap::new() };
        for reading in field.readings() {
            let first = column.values.len() as u32;
            for path in part.paths_at(&reading.path) {
                column.add_path(part, path, reading, first, work)?;
            }
        }
        Ok(column)
    }

    /// Adds the values of a path. Values numbered below `first` are of places that come before.
    fn add_path(
        &mut self,
        part: &dyn Part,
        path: PathId,
        reading: &Reading,
        first: u32,
        work: &mut Work,
    ) -> Result<(), HistoryError> {
        let mut lists = Vec::new();
        part.each_leaf(path, b"", work, &mut |leaf| {
            let counted = match leaf.kind {
                Kind::Text | Kind::Uuid => parts(leaf.value, reading.part)[0].map(<[u8]>::to_vec),
                Kind::Plain => Some(leaf.value.to_vec()),
                Kind::Empty => None,
                Kind::CutText | Kind::CutPlain => {
                    Some([&leaf.value[..leaf.value.len() - crate::disk::live_source::FINGERPRINT], "…".as_bytes()].concat())
                }
            };
            if let Some(value) = counted {
                lists.push((self.values.len() as u32, leaf.rows));
                self.values.push(value);
            }
            ControlFlow::Continue(())
        })?;
        let mut of_value = Vec::new();
        for (value, rows) in lists {
            of_value.clear();
            part.append_rows(rows, &mut of_value)?;
            work.take(2 + of_value.len() as u64 / 8)?;
            for row in &of_value {
                let Some(place) = self.of_row.get_mut(*row as usize) else { continue };
                if *place == 0 {
                    *place = value;
                } else if *place >= first {
                    self.more.entry(*row).or_default().push(value);
                }
            }
        }
        Ok(())
    }

    /// Makes one value of the several that a row has: all of them, in order, with commas.
    pub fn join(&mut self) {
        let mut joined: HashMap<Vec<Vec<u8>>, u32> = HashMap::new();
        for (row, more) in std::mem::take(&mut self.more) {
            let place = &mut self.of_row[row as usize];
            let mut texts: Vec<Vec<u8>> =
                std::iter::once(*place).chain(more).map(|value| self.values[value as usize].clone()).collect();
            texts.sort_unstable();
            texts.dedup();
            let values = &mut self.values;
            *place = *joined.entry(texts).or_insert_with_key(|texts| {
                values.push(texts.join(&b", "[..]));
                values.len() as u32 - 1
            });
        }
    }
}

/// How often each combination of values occurs in these rows.
pub(crate) fn count_combinations(columns: &[Column], rows: &RowSet) -> Vec<(Vec<u32>, u64)> {
    match columns {
        [a, b] if a.values.len().saturating_mul(b.values.len()) <= DENSE => {
            let mut counts = vec![0u32; a.values.len() * b.values.len()];
            let place = |left: u32, right: u32| left as usize * b.values.len() + right as usize;
            match rows {
                RowSet::All => a.of_row.iter().zip(&b.of_row).for_each(|(left, right)| counts[place(*left, *right)] += 1),
                rows => rows.each(0, a.of_row.len() as u32, |row| {
                    counts[place(a.of_row[row as usize], b.of_row[row as usize])] += 1;
                    true
                }),
            }
            let found = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
            let kinds = b.values.len();
            found.map(|(at, count)| (vec![(at / kinds) as u32, (at % kinds) as u32], u64::from(count))).collect()
        }
        columns => {
            let mut counts: HashMap<Vec<u32>, u64> = HashMap::new();
            let mut key = vec![0; columns.len()];
            let total = columns.first().map_or(0, |column| column.of_row.len() as u32);
            rows.each(0, total, |row| {
                key.iter_mut().zip(columns).for_each(|(value, column)| *value = column.of_row[row as usize]);
                match counts.get_mut(&key) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(key.clone(), 1);
                    }
                }
                true
            });
            counts.into_iter().collect()
        }
    }
}

/// Most combinations that have a place each.
const DENSE: usize = 1 << 21;

/// Rows of one value.
pub(crate) fn rows_of(part: &dyn Part, rows: crate::part::RowsAt, work: &mut Work) -> Result<RowSet, HistoryError> {
    let mut union = Union::new(part.rows());
    part.add_rows(rows, work, &mut union)?;
    Ok(union.into_set())
}
