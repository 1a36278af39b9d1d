//! Events that came before, by their eventID, within a window.

use crate::fingerprint::Fingerprints;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Remembers the ids of the last events: at least `window` of them, at most twice as many.
///
/// An id counts only from when its file was accepted. So nothing is left out because of a file that failed; and of two
/// copies in files that are worked on at the same moment both are handed over.
pub(crate) struct Seen {
    window: usize,
    fingerprints: Fingerprints,
    generations: Mutex<[HashSet<u128>; 2]>,
}

impl Seen {
    pub fn new(window: usize) -> Self {
        Self { window: window.max(1), fingerprints: Fingerprints::default(), generations: Mutex::default() }
    }

    pub fn hash(&self, id: &str) -> u128 {
        self.fingerprints.of(id)
    }

    pub fn contains(&self, hash: u128) -> bool {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.iter().any(|generation| generation.contains(&hash))
    }

    pub fn accept(&self, hashes: HashSet<u128>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            if generations[0].len() >= self.window {
                generations.swap(0, 1);
                generations[0].clear();
            }
            generations[0].insert(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_bounded() {
        let seen = Seen::new(100);
        for number in 0..1_000_u128 {
            assert!(!seen.contains(number));
            seen.accept(HashSet::from([number]));
            assert!(seen.contains(number) && seen.contains(number.saturating_sub(99)));
        }
        assert!(!seen.contains(700));
        assert_ne!(seen.hash("a"), seen.hash("b"));
    }
}
