//! Every limit of the history, in one place.

/// Events of a live part that make it be written to disk.
pub const LIVE_ROWS: u32 = 48 << 10;
/// Memory of all live parts together at which the largest are written to disk.
pub const LIVE_BYTES: usize = 96 << 20;
/// How much of that memory is written to disk at a time, so that many small parts share their syncs.
pub const FLUSHED_BYTES: usize = 48 << 20;
/// How long events wait in memory, by the times of the log's entries, until they are written to disk however few they are.
pub const LIVE_MS: u64 = 30 * 60 * 1000;

/// Segments of one day and similar size that make a merge.
pub const MERGE_SEGMENTS: usize = 6;
/// Events of the largest segment.
pub const SEGMENT_ROWS: u32 = 288 << 10;
/// Segments up to this size are of the lowest tier.
pub const LOWEST_TIER_ROWS: u32 = 1 << 10;

/// Records compressed together, and their bytes.
pub const BLOCK_RECORDS: usize = 48;
pub const BLOCK_RECORD_BYTES: usize = 96 << 10;
/// Level of zstd for records.
pub const RECORD_LEVEL: i32 = 1;
/// Values of a dictionary compressed together.
pub const BLOCK_VALUES: u32 = 256;

/// Bytes of a value kept in a segment's dictionary; of a longer one only the beginning is, and the record decides.
pub const VALUE_BYTES: usize = 256;
/// Bytes of a word that tell it from others.
pub const WORD_BYTES: usize = 48;
/// Bytes of a path, and different paths of one part; what is beyond is found by reading the records.
pub const PATH_BYTES: usize = 1_000;
pub const PATHS: usize = 32 << 10;
/// Bytes of a value that LookupEvents can ask for.
pub const LOOKUP_VALUE_BYTES: usize = 8_000;

/// Work of one search, in units of about ten nanoseconds; beyond it the search is refused.
pub const WORK: u64 = 300_000_000;
/// What reading one record costs; and per KiB of it testing it at all, and each term of the query.
pub const RECORD_WORK: u64 = 2_000;
pub const RECORD_KIB_WORK: u64 = 300;
pub const RECORD_KIB_TERM_WORK: u64 = 100;
/// What a read from a file costs that was not foreseen.
pub const READ_WORK: u64 = 50;
/// Bytes of a value times bytes of a pattern that are tested for one unit.
pub const TESTED_BYTES: u64 = 64;
/// Different values or combinations that are counted.
pub const COUNTED_VALUES: usize = 200_000;
/// Values of a field looked at for completion.
pub const COMPLETED_VALUES: u64 = 200_000;
/// Bars of a histogram.
pub const HISTOGRAM_BARS: usize = 10_000;
/// How far an event's time may lie after the time it was written before the latter is used instead.
pub const AHEAD: time::Duration = time::Duration::days(1);
