//! Values of fields by row: what counting needs of a part, from its stored columns or made from the rows of the values.

use crate::disk::row_values::{Numbers, of_any_width};
use crate::error::HistoryError;
use crate::limits::READ_WORK;
use crate::live::leaves::Kind;
use crate::live::paths::PathId;
use crate::part::{LeafValue, Part, RowsAt, Work};
use crate::rows::{RowSet, Union};
use opentrail_query::Field;
use opentrail_query::matching::test::parts;
use opentrail_query::query;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// The value of each row, as its number in `values`; 0, an empty one, where there is none.
pub(crate) struct Column {
    pub of_row: Numbers,
    pub values: Vec<Vec<u8>>,
    /// Rows that have several values: those beside the one in `of_row`.
    pub more: BTreeMap<u32, Vec<u32>>,
}

/// What a value counts as; `None` if it counts as none.
fn counted(leaf: LeafValue<'_>, part: query::Part) -> Option<Vec<u8>> {
    match leaf.kind {
        Kind::Text | Kind::Uuid => parts(leaf.value, part)[0].map(<[u8]>::to_vec),
        Kind::Plain => Some(leaf.value.to_vec()),
        Kind::Empty => None,
        Kind::CutText | Kind::CutPlain => {
            Some([&leaf.value[..leaf.value.len() - crate::disk::live_source::FINGERPRINT], "…".as_bytes()].concat())
        }
    }
}

/// Values, and how often each occurs.
type Totals = Vec<(Vec<u8>, u64)>;

/// How often each value of the field occurs in all rows of the part, where that is known without looking at rows.
pub(crate) fn totals(field: &Field, part: &dyn Part, work: &mut Work) -> Result<Option<Totals>, HistoryError> {
    let [reading] = field.readings() else { return Ok(None) };
    let paths = part.paths_at(&reading.path);
    let [path] = paths.as_slice() else { return Ok(None) };
    if !part.has_column(*path) {
        return Ok(None);
    }
    let mut totals = Vec::new();
    let mut without = u64::from(part.rows());
    part.each_leaf(*path, b"", work, &mut |leaf| {
        if let Some(value) = counted(leaf, reading.part) {
            totals.push((value, u64::from(leaf.count)));
            // No row has two.
            without = without.saturating_sub(u64::from(leaf.count));
        }
        ControlFlow::Continue(())
    })?;
    if without > 0 {
        totals.push((Vec::new(), without));
    }
    Ok(Some(totals))
}

impl Column {
    /// The values of a field, of a short name those of the first place that has any.
    pub fn of(field: &Field, part: &dyn Part, work: &mut Work) -> Result<Self, HistoryError> {
        let total = part.rows();
        work.take(u64::from(total) / 8)?;
        let mut making = Making { of_row: None, values: vec![Vec::new()], more: BTreeMap::new(), empty: total };
        for reading in field.readings() {
            // Whatever further places have, the rows have values of earlier ones.
            if making.empty == 0 {
                break;
            }
            let first = making.values.len() as u32;
            for path in part.paths_at(&reading.path) {
                making.add_path(part, path, reading.part, first, work)?;
            }
        }
        let Making { of_row, values, more, .. } = making;
        Ok(Self { of_row: of_row.unwrap_or_else(|| Numbers::Bytes(vec![0; total as usize])), values, more })
    }

    /// Makes one value of the several that a row has: all of them, in order, with commas.
    pub fn join(&mut self) {
        if self.more.is_empty() {
            return;
        }
        let mut of_row = std::mem::replace(&mut self.of_row, Numbers::Bytes(Vec::new())).widened();
        let mut joined: HashMap<Vec<Vec<u8>>, u32> = HashMap::new();
        for (row, more) in std::mem::take(&mut self.more) {
            let place = &mut of_row[row as usize];
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
        self.of_row = Numbers::Wide(of_row);
    }

    /// How many of the rows have each value, by its number; of several values of a row, the first.
    pub fn count(&self, rows: &RowSet) -> Vec<u64> {
        let mut counts = vec![0u64; self.values.len()];
        of_any_width!(&self.of_row, of_row => match rows {
            RowSet::All => of_row.iter().for_each(|value| counts[*value as usize] += 1),
            rows => rows.each(0, of_row.len() as u32, |row| {
                counts[of_row[row as usize] as usize] += 1;
                true
            }),
        });
        counts
    }
}

/// A column while the places of its field are gone through.
struct Making {
    /// Nothing while no place had values.
    of_row: Option<Numbers>,
    values: Vec<Vec<u8>>,
    more: BTreeMap<u32, Vec<u32>>,
    /// How many rows have no value yet; more than there are if places overlap.
    empty: u32,
}

impl Making {
    /// Adds the values of a path. Values numbered below `first` are of places that come before.
    fn add_path(
        &mut self,
        part: &dyn Part,
        path: PathId,
        of_value: query::Part,
        first: u32,
        work: &mut Work,
    ) -> Result<(), HistoryError> {
        let column = part.column(path)?;
        let wanted = match (&column, &self.of_row) {
            (Some(column), Some(of_row)) => Some(wanted(column, of_row, first)),
            _ => None,
        };
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&true)) {
            return Ok(());
        }
        // By the path's own numbers of values, the numbers they have here.
        let mut numbers = vec![0];
        let mut lists = Vec::new();
        part.each_leaf(path, b"", work, &mut |leaf| {
            if wanted.as_ref().is_some_and(|wanted| wanted.get(numbers.len()) != Some(&true)) {
                numbers.push(0);
                return ControlFlow::Continue(());
            }
            let number = counted(leaf, of_value).map_or(0, |value| {
                self.values.push(value);
                self.values.len() as u32 - 1
            });
            if column.is_some() {
                numbers.push(number);
            } else if number != 0 {
                lists.push((number, leaf.rows));
            }
            ControlFlow::Continue(())
        })?;
        match column {
            Some(column) if self.of_row.is_none() && numbers.iter().zip(0..).all(|(number, own)| *number == own) => {
                check_numbers(&column, numbers.len())?;
                self.empty = of_any_width!(&column, of_row => of_row.iter().filter(|value| **value == 0).count() as u32);
                self.of_row = Some(column);
                Ok(())
            }
            Some(column) => {
                check_numbers(&column, numbers.len())?;
                work.take(column.len() as u64 / 8)?;
                of_any_width!(&column, column => self.add_column(column.iter().map(|own| numbers[*own as usize]), first));
                Ok(())
            }
            None if lists.is_empty() => Ok(()),
            None => self.add_lists(part, &lists, first, work),
        }
    }

    fn wide(&mut self, rows: u32) -> &mut Vec<u32> {
        let wide = match self.of_row.take() {
            Some(numbers) => numbers.widened(),
            None => vec![0; rows as usize],
        };
        match self.of_row.insert(Numbers::Wide(wide)) {
            Numbers::Wide(wide) => wide,
            _ => unreachable!("it was just put there"),
        }
    }

    fn add_column(&mut self, column: impl ExactSizeIterator<Item = u32>, first: u32) {
        let mut empty = 0;
        let mut more = Vec::new();
        for ((place, value), row) in self.wide(column.len() as u32).iter_mut().zip(column).zip(0..) {
            if *place == 0 {
                *place = value;
                empty += u32::from(value == 0);
            } else if value != 0 && *place >= first {
                more.push((row, value));
            }
        }
        self.empty = empty;
        more.into_iter().for_each(|(row, value)| self.more.entry(row).or_default().push(value));
    }

    fn add_lists(&mut self, part: &dyn Part, lists: &[(u32, RowsAt)], first: u32, work: &mut Work) -> Result<(), HistoryError> {
        let mut of_value = Vec::new();
        let mut more = Vec::new();
        let mut empty = self.empty;
        let of_row = self.wide(part.rows());
        for (value, rows) in lists {
            of_value.clear();
            part.append_rows(*rows, &mut of_value)?;
            let read = if matches!(rows, RowsAt::One(_)) { 2 } else { READ_WORK };
            work.take(read + of_value.len() as u64 / 8)?;
            for row in &of_value {
                let Some(place) = of_row.get_mut(*row as usize) else { continue };
                if *place == 0 {
                    *place = *value;
                    empty -= 1;
                } else if *place >= first {
                    more.push((*row, *value));
                }
            }
        }
        self.empty = empty;
        more.into_iter().for_each(|(row, value)| self.more.entry(row).or_default().push(value));
        Ok(())
    }
}

/// The largest number of a column. Written so that many are compared at a time, which `Iterator::max` does not do.
fn largest(column: &Numbers) -> usize {
    of_any_width!(column, numbers => numbers.iter().copied().fold(0, Ord::max) as usize)
}

/// Which values of a column are in rows that take them: those that have none yet, or one of the same place.
fn wanted(column: &Numbers, of_row: &Numbers, first: u32) -> Vec<bool> {
    let most = largest(column);
    let mut wanted = vec![false; most + 1];
    of_any_width!(column, column => of_any_width!(of_row, of_row => {
        for (own, place) in column.iter().zip(of_row) {
            let place = *place as usize;
            wanted[*own as usize] |= place == 0 || place >= first as usize;
        }
    }));
    wanted[0] = false;
    wanted
}

/// A column names values that there are, unless it is damaged.
fn check_numbers(column: &Numbers, values: usize) -> Result<(), HistoryError> {
    let largest = largest(column);
    if largest < values { Ok(()) } else { Err(HistoryError::damaged("a column")) }
}

/// How often each combination of values occurs in these rows.
pub(crate) fn count_combinations(columns: &[Column], rows: &RowSet) -> Vec<(Vec<u32>, u64)> {
    match columns {
        [a, b] if fits_dense(a, b) => count_dense(a, b, rows),
        [a, b] => {
            let mut counts: HashMap<u64, u64> = HashMap::new();
            rows.each(0, a.of_row.len() as u32, |row| {
                *counts.entry(u64::from(a.of_row.get(row)) << 32 | u64::from(b.of_row.get(row))).or_default() += 1;
                true
            });
            counts.into_iter().map(|(key, count)| (vec![(key >> 32) as u32, key as u32], count)).collect()
        }
        columns => {
            let mut counts: HashMap<Vec<u32>, u64> = HashMap::new();
            let mut key = vec![0; columns.len()];
            let total = columns.first().map_or(0, |column| column.of_row.len() as u32);
            rows.each(0, total, |row| {
                key.iter_mut().zip(columns).for_each(|(value, column)| *value = column.of_row.get(row));
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

/// Whether combinations are few enough, for themselves and for the rows, to have a place each.
fn fits_dense(a: &Column, b: &Column) -> bool {
    const MOST: usize = 1 << 21;
    const SMALL: usize = 1 << 14;
    a.values.len().saturating_mul(b.values.len()) <= MOST.min(SMALL + 8 * a.of_row.len())
}

fn count_dense(a: &Column, b: &Column, rows: &RowSet) -> Vec<(Vec<u32>, u64)> {
    let kinds = b.values.len();
    let mut counts = vec![0u32; a.values.len() * kinds];
    of_any_width!(&a.of_row, left => of_any_width!(&b.of_row, right => match rows {
        RowSet::All => left.iter().zip(right).for_each(|(a, b)| counts[*a as usize * kinds + *b as usize] += 1),
        rows => rows.each(0, left.len().min(right.len()) as u32, |row| {
            counts[left[row as usize] as usize * kinds + right[row as usize] as usize] += 1;
            true
        }),
    }));
    let found = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    found.map(|(at, count)| (vec![(at / kinds) as u32, (at % kinds) as u32], u64::from(count))).collect()
}

/// Rows of one value.
pub(crate) fn rows_of(part: &dyn Part, rows: RowsAt, work: &mut Work) -> Result<RowSet, HistoryError> {
    let mut union = Union::new(part.rows());
    part.add_rows(rows, work, &mut union)?;
    Ok(union.into_set())
}
