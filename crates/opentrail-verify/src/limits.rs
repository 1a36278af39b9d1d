//! Every limit of this crate, in one place.

use time::Duration;

/// Bytes of a digest, as stored and after decompression. AWS's are a few kilobytes; the largest hold thousands of lines.
pub const DIGEST_BYTES: u64 = 64 << 20;
/// Bytes of one log file after decompression. AWS closes files at 50 MB; beyond this it is a gzip bomb.
pub const LOG_FILE_BYTES: u64 = 4 << 30;
/// Bytes of the side file that carries a digest's metadata in a directory.
pub const METADATA_FILE_BYTES: u64 = 64 << 10;
/// Bytes of a public keys file.
pub const KEYS_FILE_BYTES: u64 = 16 << 20;
/// Bytes read from a file at a time.
pub const READ_CHUNK_BYTES: usize = 256 << 10;
/// Digests of one chain held in memory at a time, with the log files they name.
pub const DIGESTS_PER_BATCH: usize = 64;
/// Log files queued for checking at a time; a bound on memory when digests name very many.
pub const LOG_FILES_PER_BATCH: usize = 4096;
/// Digests being read at once; each can take [`DIGEST_BYTES`] of memory.
pub const DIGESTS_IN_FLIGHT: usize = 16;
/// Folders below the given one. A symbolic link that leads back up is cut here at the latest.
pub const DIRECTORY_DEPTH: usize = 64;
/// Findings kept with their text; further ones are only counted.
pub const FINDINGS: usize = 100_000;
/// A log file's name carries its delivery time in minutes, which AWS rounds up to the next five. Files this close to the
/// edge of the covered period may belong to the window beside it, and are not called unlisted.
pub const NAME_TIME_EARLY: Duration = Duration::minutes(5);
/// The same for a writer that cuts the seconds off.
pub const NAME_TIME_LATE: Duration = Duration::minutes(1);
