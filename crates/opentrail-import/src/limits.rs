//! Every limit of this crate, in one place.

use std::time::Duration;

/// Bytes of one record; the event log takes no larger ones.
pub const RECORD_BYTES: usize = opentrail_eventlog::MAX_EVENT_BYTES;
/// Records of one entry, and about how many bytes of them.
pub const BATCH_RECORDS: usize = opentrail_eventlog::MAX_EVENTS_PER_ENTRY;
pub const BATCH_BYTES: usize = 4 << 20;
/// Entries of one file that are on their way to the disk at once.
pub const BATCHES_QUEUED: usize = 4;
/// Records of a file that are reported as unparsed with their places; further ones are only counted.
pub const UNPARSED_REPORTED: usize = 1_000;
/// Bytes of a region's name. A longer one is no region.
pub const REGION_BYTES: usize = 32;
/// Bytes of an `eventID`. A longer one counts as none.
pub const EVENT_ID_BYTES: usize = 512;
/// Events of the same second and the same few values that are compared with one that has no id.
pub const ALIKE_EVENTS: usize = 500;
/// Positions that a reader of the log passes over rather than being opened anew.
pub const READ_ON_POSITIONS: u64 = 20_000;
/// Events between the log and the history, beyond which imports wait for the history.
pub const IN_FLIGHT_EVENTS: usize = 500_000;
/// How long an import waits for a history that does not move.
pub const HISTORY_PATIENCE: Duration = Duration::from_secs(60);
/// How long an import waits for room in the log's queue.
pub const QUEUE_PATIENCE: Duration = Duration::from_secs(30);
/// Readers of files whose memory is kept for the next files.
pub const READERS_KEPT: usize = 8;
/// How often it looks, while waiting for either.
pub const PAUSE: Duration = Duration::from_millis(10);
