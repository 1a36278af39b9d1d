//! A block: one group commit, checksummed as a whole.
//!
//! ```text
//! header (40 bytes) = magic u32 ▪ payload length u32 ▪ crc32 u32 ▪ entry count u32
//!                     ▪ first position u64 ▪ sequence u64 ▪ written at (ms) u64
//! block             = header ▪ payload ▪ zero bytes up to a multiple of 8
//! ```
//!
//! The checksum covers the header without itself, then the payload. Sequence numbers rise by one from block to block, so
//! that a bad block with a good one behind it is known to be damage, and a bad block at the very end a torn write.

use crate::entry::Position;

pub(crate) const MAGIC: u32 = 0x3142_544f; // "OTB1"
pub(crate) const HEADER_BYTES: usize = 40;
/// Largest payload of one block. One entry fits: intake bounds it to less.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 30 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub payload_len: u32,
    pub crc: u32,
    pub entries: u32,
    pub first_position: Position,
    pub sequence: u64,
    pub written_ms: u64,
}

impl BlockHeader {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&self.payload_len.to_le_bytes());
        out[8..12].copy_from_slice(&self.crc.to_le_bytes());
        out[12..16].copy_from_slice(&self.entries.to_le_bytes());
        out[16..24].copy_from_slice(&self.first_position.to_le_bytes());
        out[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        out[32..40].copy_from_slice(&self.written_ms.to_le_bytes());
        out
    }

    /// `None` if the bytes cannot be a header.
    pub(crate) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let header = Self {
            payload_len: u32_at(4),
            crc: u32_at(8),
            entries: u32_at(12),
            first_position: u64_at(16),
            sequence: u64_at(24),
            written_ms: u64_at(32),
        };
        (u32_at(0) == MAGIC && header.payload_len as usize <= MAX_PAYLOAD_BYTES).then_some(header)
    }

    /// The checksum this header should carry over `payload`.
    pub(crate) fn checksum(&self, payload: &[u8]) -> u32 {
        let bytes = self.to_bytes();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[0..8]);
        hasher.update(&bytes[12..]);
        hasher.update(payload);
        hasher.finalize()
    }

    /// Bytes the block takes in its segment.
    pub(crate) fn block_len(&self) -> u64 {
        padded(HEADER_BYTES + self.payload_len as usize) as u64
    }
}

pub(crate) fn padded(len: usize) -> usize {
    len.next_multiple_of(8)
}
