//! The newest events of a window of time, collected in any order.

use crate::lookup::Cursor;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Which events a lookup wants: from `start` to `end`, both included, and before `after` in the order of the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub start: i64,
    pub end: i64,
    pub after: Option<Cursor>,
}

impl Window {
    /// Whether events between these two times can be wanted.
    pub fn overlaps(&self, oldest: i64, newest: i64) -> bool {
        oldest <= self.latest() && newest >= self.start
    }

    fn latest(&self) -> i64 {
        self.after.map_or(self.end, |cursor| cursor.time.min(self.end))
    }

    fn admits(&self, time: i64, position: u64) -> bool {
        self.after.is_none_or(|cursor| (time, position) < (cursor.time, cursor.position))
    }
}

/// An event, by where it is stored. Ordered by time, then position; positions are unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub time: i64,
    pub position: u64,
    pub segment: usize,
    pub doc: u32,
}

/// Keeps the newest `limit` candidates of those it is shown.
pub(crate) struct Newest {
    pub window: Window,
    limit: usize,
    kept: BinaryHeap<Reverse<Candidate>>,
}

impl Newest {
    pub fn new(window: Window, limit: usize) -> Self {
        Self { window, limit, kept: BinaryHeap::new() }
    }

    /// Whether events at `time` can still be among the newest. Never turns true again.
    pub fn wants(&self, time: i64) -> bool {
        self.kept.len() < self.limit || self.kept.peek().is_some_and(|Reverse(oldest)| time >= oldest.time)
    }

    /// Shows an event; its position is read only if its time alone does not decide.
    pub fn show(&mut self, time: i64, segment: usize, doc: u32, position: impl FnOnce() -> u64) {
        if time < self.window.start || time > self.window.latest() || !self.wants(time) {
            return;
        }
        let candidate = Candidate { time, position: position(), segment, doc };
        if !self.window.admits(time, candidate.position) {
            return;
        }
        self.kept.push(Reverse(candidate));
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    /// What was kept, newest first.
    pub fn into_sorted(self) -> Vec<Candidate> {
        self.kept.into_sorted_vec().into_iter().map(|Reverse(candidate)| candidate).collect()
    }
}
