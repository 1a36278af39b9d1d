//! How often each value of a field occurs.

use crate::limits;
use std::collections::HashMap;

/// Counts values, or combinations of values of several fields.
#[derive(Debug, Default)]
pub struct Counts {
    counts: HashMap<Vec<String>, u64>,
    /// Of values that came when there were too many different ones already.
    others: u64,
}

impl Counts {
    /// Counts one occurrence. Of long values only the beginning is told apart.
    pub fn add(&mut self, mut values: Vec<String>) {
        for value in &mut values {
            if let Some((end, _)) = value.char_indices().nth(limits::COUNTED_CHARACTERS) {
                value.truncate(end);
            }
        }
        if let Some(count) = self.counts.get_mut(&values) {
            *count += 1;
        } else if self.counts.len() < limits::COUNTED_VALUES {
            self.counts.insert(values, 1);
        } else {
            self.others += 1;
        }
    }

    /// Counts of values not kept apart.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The most frequent first, equals by value.
    pub fn into_sorted(self) -> Vec<(Vec<String>, u64)> {
        let mut sorted: Vec<(Vec<String>, u64)> = self.counts.into_iter().collect();
        sorted.sort_unstable_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
        sorted
    }
}
