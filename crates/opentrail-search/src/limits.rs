//! Every limit of this crate, in one place.

use time::Duration;

/// Bytes of one record. CloudTrail's go to 1 MB.
pub const RECORD_BYTES: usize = 16 << 20;
/// Bytes of a file after decompression that are held at a time. A record may be cut by the end of one such block, so it
/// is as large as the largest record.
pub const BLOCK_BYTES: usize = RECORD_BYTES;
/// Bytes of memory for a block that a reader keeps for the next file.
pub const BLOCK_KEPT_BYTES: usize = 1 << 20;
/// Bytes that a file may decompress to, given how many are stored. Logs come to ten times as much, very uniform ones to
/// a hundred times.
pub const fn plain_bytes(stored: u64) -> u64 {
    (64 << 20) + stored.saturating_mul(250)
}
/// Bytes read from a file at a time.
pub const READ_BYTES: usize = 256 << 10;
/// Pieces of an object from a bucket that wait to be decompressed.
pub const PIECES_WAITING: usize = 16;
/// Files of all sources together. Narrow the prefix, or the time, when there are more.
pub const FILES: usize = 5_000_000;
/// Folders below the given one. A symbolic link that leads back up is cut here at the latest.
pub const DIRECTORY_DEPTH: usize = 64;
/// Files of a bucket being read at once: reading waits for the network.
pub const BUCKET_WORKERS: usize = 16;
/// Files after which a worker tells how far it is.
pub const FILES_REPORTED: usize = 64;
/// Batches of found records that wait for the output.
pub const BATCHES_WAITING: usize = 16;
/// Records of one batch, and their bytes.
pub const BATCH_RECORDS: usize = 256;
pub const BATCH_BYTES: usize = 1 << 20;
/// Problems of one file that are reported; after these the file is given up.
pub const PROBLEMS_PER_FILE: usize = 100;
/// Problems kept with their text; further ones are only counted.
pub const PROBLEMS: usize = 10_000;

/// Records in a table.
pub const TABLE_ROWS: usize = 1_000;
/// Characters of one cell of a table.
pub const CELL_CHARACTERS: usize = 60;
/// Values one cell joins.
pub const CELL_VALUES: usize = 100;
/// Different values that are counted; the rest is counted together.
pub const COUNTED_VALUES: usize = 100_000;
/// Characters of a value that is counted; the rest does not tell it from others.
pub const COUNTED_CHARACTERS: usize = 1_000;
/// Lines of a chart.
pub const CHART_LINES: usize = 50;
/// Bars of a histogram.
pub const HISTOGRAM_BARS: usize = 48;
/// Different times a histogram keeps before it makes them coarser.
pub const HISTOGRAM_TIMES: usize = 100_000;

/// How long after an event its file may be named, when files are left out by their name. AWS delivers within
/// minutes, after an outage within hours.
pub const DELIVERY_DELAY: Duration = Duration::hours(24);
/// How far the clock that names files may be behind the one that stamps events.
pub const CLOCK_SKEW: Duration = Duration::minutes(15);
