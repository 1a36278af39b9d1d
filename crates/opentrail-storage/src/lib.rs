//! The embedded object store, and the port through which trails reach their buckets.
//!
//! ```text
//! writing: bytes ─▶ BlobWriter (encrypt ▸ temp file ▸ fsync ▸ rename ▸ fsync) ─▶ Blob
//!          lock_object ▸ stage_… ─▶ Staged { changes, dropped }
//!          caller: Intake::submit(event, changes) ▸ discard(dropped)
//!
//! reading: open_object ─▶ OpenObject ─▶ stream of a range
//!
//! trails:  LogBuckets ◀── EmbeddedLogBuckets (this store) | RemoteLogBuckets (any S3)
//! ```
//!
//! Bytes are files, everything said about them is entities of the catalog. A blob is written and synced before the change
//! that names it is submitted, and removed after the change that drops it is applied; a crash in between leaves an orphan,
//! which [`EmbeddedStore::sweep_orphans`] removes.
//!
//! Does not know: HTTP, S3's wire format, who may do what (apart from trails, whose bucket policies it evaluates).
//!
//! Does not promise: versions of objects, more than one process on a directory.

mod checksum;
mod entity;
mod error;

mod blob;
mod blob_cipher;
mod pins;
mod reading;

mod listing;
mod multipart;
mod store;

mod log_bucket;

mod embedded_log_buckets;
mod remote_log_buckets;
mod service_record;

#[cfg(test)]
mod tests;

pub use blob::{Blob, BlobWriter, MAX_BLOB_BYTES};
pub use blob_cipher::BlobKey;
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
pub use embedded_log_buckets::EmbeddedLogBuckets;
pub use entity::{BlobEncryption, BlobRef, Bucket, KmsEncryption, Object, ObjectHeaders, Part, Upload};
pub use error::StoreError;
pub use listing::{After, Listing, ListingQuery};
pub use log_bucket::{BucketFault, LogBuckets, LogObject, TrailBinding};
pub use multipart::{MAX_PARTS, MIN_PART_BYTES, RequestedPart};
pub use reading::{ByteStream, OpenObject};
pub use remote_log_buckets::{RemoteConfig, RemoteLogBuckets};
pub use store::{BucketDeletionLock, EmbeddedStore, ObjectLock, Staged};
