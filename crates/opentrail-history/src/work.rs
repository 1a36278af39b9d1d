//! What a search may do: one budget, shared by its threads, counted in work and not in time, so that a question is
//! refused or answered alike on every machine.
//!
//! Everything a search does is taken from the budget beforehand, or, where how much there is shows on the way, stopped
//! when the budget is used up. A unit is about ten nanoseconds.

use crate::error::HistoryError;
use crate::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Units that a thread draws from the budget at a time.
const DRAWN: u64 = 100_000;

/// What a thread of a search may still do.
#[derive(Debug)]
pub(crate) struct Work {
    /// Drawn by this thread and not used yet.
    drawn: u64,
    budget: Arc<AtomicU64>,
}

impl Work {
    /// The budget of one search.
    pub fn new() -> Self {
        Self::of(limits::WORK)
    }

    /// A budget of so many units.
    pub fn of(units: u64) -> Self {
        Self { drawn: 0, budget: Arc::new(AtomicU64::new(units)) }
    }

    /// A share in the same budget, for another thread.
    pub fn shared(&self) -> Self {
        Self { drawn: 0, budget: Arc::clone(&self.budget) }
    }

    /// Units that are left to this thread, if no other takes any.
    pub fn left(&self) -> u64 {
        self.drawn + self.budget.load(Ordering::Relaxed)
    }

    /// Takes units.
    ///
    /// # Errors
    /// If there are not so many left.
    pub fn take(&mut self, units: u64) -> Result<(), HistoryError> {
        if self.drawn < units {
            self.draw(units - self.drawn);
        }
        self.drawn = self.drawn.checked_sub(units).ok_or(HistoryError::TooExpensive {
            advice: "name a shorter time, a field with the value, or longer words with fewer wildcards",
        })?;
        Ok(())
    }

    /// Draws at least so many units, or all there are.
    fn draw(&mut self, units: u64) {
        let wanted = units.max(DRAWN);
        let before = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        self.drawn += before.unwrap_or(0).min(wanted);
    }
}

impl Drop for Work {
    /// What was drawn and not used is for the others.
    fn drop(&mut self) {
        self.budget.fetch_add(self.drawn, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_one_budget() {
        let work = Work::of(1_000_000);
        let run = || {
            let mut own = work.shared();
            (0..).take_while(|_| own.take(10).is_ok()).count()
        };
        let steps: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(steps, 100_000);
        assert_eq!(work.left(), 0);
    }

    #[test]
    fn what_is_not_used_goes_back() {
        let mut work = Work::of(150);
        let mut other = work.shared();
        assert!(other.take(50).is_ok());
        assert!(work.take(1).is_err(), "the other thread holds it");
        drop(other);
        assert!(work.take(101).is_err());
        assert!(work.take(100).is_ok() && work.take(1).is_err() && work.take(0).is_ok());
    }
}
