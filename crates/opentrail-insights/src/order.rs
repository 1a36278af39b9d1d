//! The command `sort`: rows in order, no more than are wanted.

use crate::error::ExecutionFault;
use crate::evaluate::Scope;
use crate::query::Item;
use crate::row::Row;
use crate::value::Value;
use std::cmp::Ordering;

/// Most bytes of rows that are kept at a time.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Rows so far.
#[derive(Debug)]
pub struct Sorter<'q> {
    keys: &'q [(Item, bool)],
    /// How many rows are enough.
    wanted: usize,
    rows: Vec<(Vec<Value>, Row)>,
    bytes: usize,
}

impl<'q> Sorter<'q> {
    pub fn new(keys: &'q [(Item, bool)], wanted: usize) -> Self {
        Self { keys, wanted, rows: Vec::new(), bytes: 0 }
    }

    pub fn add(&mut self, row: Row, now: i64) -> Result<(), ExecutionFault> {
        let scope = Scope { row: &row, now, aggregates: &[] };
        let keys = self.keys.iter().map(|(item, _)| scope.item(item)).collect();
        self.bytes += row.bytes();
        self.rows.push((keys, row));
        if self.rows.len() >= self.wanted.saturating_mul(2).max(1000) || self.bytes > MAX_BYTES {
            self.cut();
        }
        if self.bytes > MAX_BYTES { Err(ExecutionFault::TooLarge(MAX_BYTES)) } else { Ok(()) }
    }

    /// Sorts, and lets go of what is too much.
    fn cut(&mut self) {
        let keys = self.keys;
        let order = |left: &(Vec<Value>, Row), right: &(Vec<Value>, Row)| {
            let pairs = keys.iter().zip(left.0.iter().zip(&right.0));
            let mut orders =
                pairs.map(|((_, descends), (left, right))| if *descends { right.order(left) } else { left.order(right) });
            orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        self.rows.sort_by(order);
        if self.rows.len() > self.wanted {
            self.rows.truncate(self.wanted);
            self.bytes = self.rows.iter().map(|(_, row)| row.bytes()).sum();
        }
    }

    /// The rows in order.
    pub fn rows(&mut self) -> Vec<Row> {
        self.cut();
        std::mem::take(&mut self.rows).into_iter().map(|(_, row)| row).collect()
    }
}
