//! Sixteen bytes that stand for a text within one process.

use std::hash::{BuildHasher, RandomState};

/// Two independent keyed hashes make one of 128 bits: two texts with the same one do not occur, nor can they be made.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints([RandomState; 2]);

impl Fingerprints {
    pub fn of(&self, text: &str) -> u128 {
        let [high, low] = &self.0;
        u128::from(high.hash_one(text)) << 64 | u128::from(low.hash_one(text))
    }
}
