//! The embedded object store, and the port through which trails reach their buckets.
//!
//! ```text
//! writing: bytes ─▶ BlobWriter (encrypt ▸ temp file ▸ fsync ▸ rename ▸ fsync) ─▶ Blob
//!          lock_object ▸ stage_… ─▶ Staged { changes, dropped }
//!          caller: Intake::submit(event, changes) ▸ discard(dropped)
//!
//! reading: open_object ─▶ OpenObject ─▶ stream of a range
//!
//! rules:   LifecycleWorker ▸ list_versions ▸ lock_object ▸ stage_… ▸ Intake::submit
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
//! Does not promise: more than one process on a directory.

mod checksum;
mod customer_key;
mod entity;
mod error;
mod lifecycle_rules;
mod object_lock;
mod settings;
mod storage_class;

mod blob;
mod blob_cipher;
mod pins;
mod reading;

mod hold_clock;
mod listing;
mod multipart;
mod restoration;
mod store;
mod version_listing;
mod versions;

mod lifecycle;
mod lifecycle_record;

mod notifier;

mod log_bucket;

mod embedded_log_buckets;
mod remote_log_buckets;
mod service_record;

#[cfg(test)]
mod tests;

pub use blob::{Blob, BlobWriter, MAX_BLOB_BYTES};
pub use blob_cipher::BlobKey;
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
pub use customer_key::CustomerKeyMark;
pub use embedded_log_buckets::EmbeddedLogBuckets;
pub use entity::{
    BlobEncryption, BlobRef, Bucket, KmsEncryption, NULL_VERSION, Object, ObjectHeaders, ObjectSettings, Part, Upload,
};
pub use error::StoreError;
pub use lifecycle::{LifecycleConfig, LifecycleError, LifecycleRound, LifecycleWorker};
pub use lifecycle_rules::{
    Expiration, ExpirationTime, FilterForm, Lifecycle, LifecycleFilter, LifecycleRule, NoncurrentExpiration,
    NoncurrentTransition, Transition, TransitionMinimum, TransitionTime,
};
pub use listing::{After, Listing, ListingQuery};
pub use log_bucket::{BucketFault, LogBuckets, LogObject, TrailBinding};
pub use multipart::{MAX_PARTS, MIN_PART_BYTES, RequestedPart};
pub use notifier::{Cause, DestinationFault, Happening, NoNotifier, Notifier};
pub use object_lock::{
    DefaultRetention, MAX_RETENTION_DAYS, MAX_RETENTION_YEARS, ObjectLockSettings, Retention, RetentionMode, RetentionPeriod,
};
pub use reading::{ByteStream, OpenObject};
pub use remote_log_buckets::{RemoteConfig, RemoteLogBuckets};
pub use settings::{
    BucketSettings, DefaultEncryption, EncryptionAlgorithm, NotificationTarget, Notifications, ObjectOwnership,
    PublicAccessBlock, TargetKind, Versioning,
};
pub use storage_class::{Restored, StorageClass};
pub use store::{BucketDeletionLock, EmbeddedStore, ObjectLock, Staged};
pub use version_listing::{AfterVersion, VersionListing, VersionQuery};
pub use versions::{Deletion, Remover, is_version_id};
