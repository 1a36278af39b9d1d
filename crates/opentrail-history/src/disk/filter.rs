//! Which values a segment can have: a Bloom filter in blocks of a cache line, read one block at a time.

use crate::folding::folded_hash;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;
/// Bits a value takes on average, and bits it sets.
const BITS_PER_VALUE: usize = 10;
const PROBES: u32 = 6;

/// Seeds, part of the format.
const PATH_SEED: u64 = 0x7061_7468;
const UUID_SEED: u64 = 0x7575_6964;
const LAST_GROUP_SEED: u64 = 0x6c61_7374;

/// The key of a value of a path.
pub(crate) fn text_key(path: &[u8], value: &[u8]) -> u64 {
    folded_hash(folded_hash(PATH_SEED, path), value)
}

/// The key of a UUID of a path.
pub(crate) fn uuid_key(path: &[u8], uuid: u128) -> u64 {
    folded_hash(folded_hash(UUID_SEED, path), &hex(uuid))
}

/// The key of the last group of a UUID of any path.
pub(crate) fn last_group_key(group: u64) -> u64 {
    folded_hash(LAST_GROUP_SEED, &hex(u128::from(group)))
}

/// Four bits a byte, so that no two numbers fold into one.
fn hex(number: u128) -> [u8; 32] {
    let bytes = number.to_be_bytes();
    let mut out = [0; 32];
    for (at, byte) in bytes.iter().enumerate() {
        out[2 * at] = byte >> 4;
        out[2 * at + 1] = byte & 0xf;
    }
    out
}

/// The number of the block, of so many, that a key is in.
pub(crate) fn block_of(key: u64, blocks: u64) -> u64 {
    u64::try_from((u128::from(key) * u128::from(blocks)) >> 64).unwrap_or(0)
}

/// Whether a block has a key.
pub(crate) fn has(block: &[u8; BLOCK], key: u64) -> bool {
    bits(key).all(|bit| block[bit / 8] >> (bit % 8) & 1 == 1)
}

fn bits(key: u64) -> impl Iterator<Item = usize> {
    let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..PROBES).map(move |probe| (spread >> (probe * 9 + 8)) as usize % (BLOCK * 8))
}

/// A filter being made for at most so many values.
pub(crate) struct FilterWriter {
    pub bytes: Vec<u8>,
}

impl FilterWriter {
    pub fn new(values: usize) -> Self {
        Self { bytes: vec![0; (values * BITS_PER_VALUE / 8 / BLOCK + 1) * BLOCK] }
    }

    pub fn add(&mut self, key: u64) {
        let start = usize::try_from(block_of(key, (self.bytes.len() / BLOCK) as u64)).unwrap_or(0) * BLOCK;
        for bit in bits(key) {
            self.bytes[start + bit / 8] |= 1 << (bit % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_taken_for_others() {
        let mut filter = FilterWriter::new(10_000);
        (0..10_000u128).for_each(|n| filter.add(uuid_key(b"a", n)));
        let has = |n: u128| {
            let key = uuid_key(b"a", n);
            let start = usize::try_from(block_of(key, (filter.bytes.len() / BLOCK) as u64)).expect("small") * BLOCK;
            has(filter.bytes[start..start + BLOCK].try_into().expect("a block"), key)
        };
        assert!((0..10_000).all(has));
        let wrong = (10_000..20_000).filter(|n| has(*n)).count();
        assert!(wrong < 300, "{wrong}");
    }
}
