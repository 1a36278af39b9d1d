//! Every size and count that this crate bounds, and why it is what it is.

/// Largest stored file. CloudTrail closes its files at about 50 MB.
pub const STORED_FILE_BYTES: u64 = 256 << 20;
/// Largest decompressed file: what a file that was made to do harm can cost.
pub const PLAIN_FILE_BYTES: u64 = 4 << 30;
/// A file up to this size, decompressed, is in memory whole; a larger one passes through a block of this size.
pub const BLOCK_BYTES: usize = 4 << 20;
/// Largest single event. CloudTrail's own limit is 256 KB, that of oversize events 1 MB.
pub const EVENT_BYTES: usize = 32 << 20;
/// Deepest nesting of brackets in an event, as `serde_json` has it.
pub const NESTING: u32 = 128;
/// Longest message that is read. SQS takes 1 MiB.
pub const MESSAGE_BYTES: usize = 1 << 20;
/// Most files that one message may announce.
pub const FILES_OF_MESSAGE: usize = 10_000;
/// Most messages of one receive: SQS's own limit.
pub const RECEIVE_MESSAGES: usize = 10;
/// Longest wait of one receive, in seconds: SQS's own limit.
pub const RECEIVE_WAIT_SECONDS: u64 = 20;
/// Longest time a message may be kept from other receivers: SQS's own limit.
pub const VISIBILITY_SECONDS: u64 = 43_200;
/// Largest answer of a service that is no file.
pub const ANSWER_BYTES: usize = 16 << 20;
/// Keys of one page of a listing.
pub const PAGE_KEYS: usize = 1_000;
/// Messages whose history (files accepted, faults that were nobody's) is remembered.
pub const MESSAGES_REMEMBERED: usize = 100_000;
/// Folders below each other that a directory is searched for.
pub const DIRECTORY_DEPTH: usize = 32;
/// Times a file is fetched again because what came was damaged, before it counts as a failed attempt.
pub const DAMAGED_DOWNLOADS: u32 = 3;
/// Files of a listing that wait for their turn or for another attempt.
pub const FILES_WAITING: usize = 100;
