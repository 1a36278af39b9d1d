//! Opening a log after whatever happened to it.
//!
//! Only the last segment can have a torn end: earlier ones were complete before the next began. A block that does not
//! check out is a torn write if nothing valid follows (blocks are written one after another, each synced before the
//! next); it is then cut. With a valid block behind it, it is damage, and the log refuses to open.

use crate::block::{self, BlockHeader};
use crate::entry::{Entry, Position};
use crate::error::LogError;
use crate::segment::{HEADER_BYTES, SegmentFile};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// What opening found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Bytes of an unfinished, never acknowledged write that were cut off; 0 after a clean end.
    pub torn_bytes: u64,
}

/// Where the next block goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub offset: u64,
    pub position: Position,
    pub sequence: u64,
}

/// Finds the end of the last segment and cuts a torn write.
pub(crate) fn recover_tail(segment: &SegmentFile, file: &File) -> Result<(Tail, RecoveryReport), LogError> {
    let on_error = |source| LogError::Read { path: segment.path.clone(), source };
    let size = usize::try_from(file.metadata().map_err(on_error)?.len()).expect("segments fit in memory");
    let mut content = vec![0; size];
    file.read_exact_at(&mut content, 0).map_err(on_error)?;
    let content = Bytes::from(content);

    let mut offset = HEADER_BYTES as usize;
    let mut tail = Tail { offset: HEADER_BYTES, position: segment.first_position, sequence: 0 };
    let mut first = true;
    while let Some(header) = valid_block(&content, offset) {
        if header.first_position != tail.position || (!first && header.sequence != tail.sequence) {
            return Err(segment.corrupt(offset as u64, "block out of order"));
        }
        first = false;
        let span = span_of(&content, offset, &header);
        let span = span.ok_or_else(|| segment.corrupt(offset as u64, "entry is not well-formed"))?;
        offset += usize::try_from(header.block_len()).expect("blocks fit in memory");
        tail = Tail { offset: offset as u64, position: tail.position + span, sequence: header.sequence + 1 };
    }
    let rest = content.get(offset..).unwrap_or_default();
    let used = rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if used == 0 {
        return Ok((tail, RecoveryReport::default()));
    }
    let valid_behind = (offset + 8..content.len()).step_by(8).any(|at| valid_block(&content, at).is_some());
    if valid_behind {
        return Err(segment.corrupt(offset as u64, "damaged block with valid blocks behind it"));
    }
    let on_error = |source| LogError::Write { path: segment.path.clone(), source };
    file.write_all_at(&vec![0; used], offset as u64).map_err(on_error)?;
    file.sync_data().map_err(on_error)?;
    Ok((tail, RecoveryReport { torn_bytes: used as u64 }))
}

fn valid_block(content: &[u8], offset: usize) -> Option<BlockHeader> {
    let header = BlockHeader::from_bytes(content.get(offset..offset + block::HEADER_BYTES)?.try_into().ok()?)?;
    let start = offset + block::HEADER_BYTES;
    let payload = content.get(start..start + header.payload_len as usize)?;
    (header.checksum(payload) == header.crc).then_some(header)
}

/// Positions the entries of a block take; `None` if they are not well-formed.
fn span_of(content: &Bytes, offset: usize, header: &BlockHeader) -> Option<u64> {
    let start = offset + block::HEADER_BYTES;
    let mut payload = content.slice(start..start + header.payload_len as usize);
    let mut span = 0;
    for _ in 0..header.entries {
        span += Entry::decode(&mut payload, true)?.span();
    }
    Some(span)
}
