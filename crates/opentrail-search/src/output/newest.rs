//! The newest of many, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use time::OffsetDateTime;

/// Keeps the newest `limit` items. Items of the same time stay in the order in which they came.
pub struct Newest<T> {
    limit: usize,
    /// The oldest kept is on top.
    heap: BinaryHeap<Reverse<Kept<T>>>,
    came: u64,
}

struct Kept<T> {
    /// Unknown times are older than all others.
    time: Option<OffsetDateTime>,
    came: Reverse<u64>,
    item: T,
}

impl<T> Kept<T> {
    fn key(&self) -> (Option<OffsetDateTime>, Reverse<u64>) {
        (self.time, self.came)
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Kept<T> {}

impl<T> PartialOrd for Kept<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Kept<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Newest<T> {
    pub fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new(), came: 0 }
    }

    pub fn push(&mut self, time: Option<OffsetDateTime>, item: T) {
        self.came += 1;
        self.heap.push(Reverse(Kept { time, came: Reverse(self.came), item }));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// How many came in all.
    pub fn came(&self) -> u64 {
        self.came
    }

    /// The newest first.
    pub fn into_sorted(self) -> Vec<T> {
        // Ascending by `Reverse` is the newest first.
        self.heap.into_sorted_vec().into_iter().map(|Reverse(kept)| kept.item).collect()
    }
}
