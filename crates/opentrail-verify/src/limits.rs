//! Every limit of this crate, in one place.

use std::time::Duration as Wait;
use time::Duration;

/// Bytes of a digest, as stored and after decompression. AWS's are a few kilobytes; the largest hold thousands of lines.
pub const DIGEST_BYTES: u64 = 64 << 20;
/// Digests beyond this are read one at a time.
pub const SMALL_DIGEST_BYTES: u64 = 1 << 20;
/// Bytes of one log file after decompression. AWS closes files at 50 MB; beyond this it is a gzip bomb.
pub const LOG_FILE_BYTES: u64 = 4 << 30;
/// Log files up to these sizes, stored and decompressed, are decompressed in one go, which takes half the time.
pub const WHOLE_STORED_BYTES: u64 = 512 << 10;
pub const WHOLE_PLAIN_BYTES: usize = 8 << 20;
/// Stored log files of a bucket up to this size are checked at once, without another thread.
pub const INLINE_STORED_BYTES: usize = 16 << 10;
/// Log files up to this size after decompression are parsed when the quick look at their records was not conclusive.
pub const PARSED_BYTES: u64 = 64 << 20;
/// Bytes of the side file that carries a digest's metadata in a directory, and of an extension header in a tar.
pub const METADATA_FILE_BYTES: u64 = 64 << 10;
/// Bytes of a public keys file, a head file and a sign file.
pub const KEYS_FILE_BYTES: u64 = 16 << 20;
/// Bytes of a gzipped tar after decompression, which is spooled to a temporary file.
pub const ARCHIVE_BYTES: u64 = 1 << 40;
/// Bytes of the beginning of a file by which a renamed digest is recognised.
pub const PEEK_BYTES: u64 = 64 << 10;
/// Pieces of a body are joined up to this size before a thread is asked to hash them.
pub const PIECE_BYTES: usize = 256 << 10;
/// Files of all sources.
pub const FILES: usize = 50_000_000;
/// Log files queued for checking before further digests are read; a bound on memory when digests name very many.
pub const LOG_FILES_QUEUED: usize = 2048;
/// Log files of this machine that one thread checks in a row.
pub const LOCAL_BATCH: usize = 32;
/// Digests being read at once.
pub const DIGESTS_IN_FLIGHT: usize = 32;
/// Folders of a bucket being listed at once.
pub const LISTINGS_IN_FLIGHT: usize = 32;
/// Files that cannot be read before the whole run is given up: then it is the source, not the files.
pub const READ_FAILURES: usize = 100;
/// Folders below the given one. A symbolic link that leads back up is cut here at the latest.
pub const DIRECTORY_DEPTH: usize = 64;
/// Findings kept with their text; further ones are only counted.
pub const FINDINGS: usize = 20_000;
/// Grave findings of one code that may take the place of notes when there are too many findings.
pub const FINDINGS_OF_A_CODE: u64 = 100;
/// Findings made out for the digests missing in one hole; further ones are counted in the last of them.
pub const MISSING_DIGESTS: u64 = 1000;
/// Files of a folder that no digest could name and that are made out; further ones are counted.
pub const UNDIGESTED_FILES: u64 = 10;
/// Files hashed at the end in search of renamed ones.
pub const CONTENT_SEARCH_FILES: usize = 100_000;
/// Event IDs sorted in memory at a time; 16 bytes each.
pub const EVENT_IDS_IN_MEMORY: usize = 1 << 20;
/// Event IDs compared in one run, in temporary files of 16 bytes each. Further ones are not compared, which is a finding.
pub const EVENT_IDS: u64 = 1 << 28;
/// Pairs of files with the same events that are made out.
pub const DUPLICATE_PAIRS: usize = 1000;
/// A log file's name carries its delivery time in minutes, which AWS rounds up to the next five. Files this close to the
/// edge of the covered period may belong to the window beside it, and are not called unlisted.
pub const NAME_TIME_EARLY: Duration = Duration::minutes(5);
/// The same for a writer that cuts the seconds off.
pub const NAME_TIME_LATE: Duration = Duration::minutes(1);
/// How long before and after its validity a key may have signed a digest: digests are signed after their window.
pub const KEY_VALIDITY_SLACK: Duration = Duration::hours(2);
/// How long after the end of its window a digest may be delivered, beside the length of one window.
pub const DIGEST_DELAY: Duration = Duration::hours(1);
/// How long a store may take to answer, or to send the next piece.
pub const STALLED: Wait = Wait::from_secs(60);
/// How long a connection and a whole request may take.
pub const CONNECT: Wait = Wait::from_secs(10);
pub const REQUEST: Wait = Wait::from_secs(600);
/// Connections kept open to a store.
pub const IDLE_CONNECTIONS: usize = 128;
