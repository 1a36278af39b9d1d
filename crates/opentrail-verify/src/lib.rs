//! Checks CloudTrail log files and digest chains, AWS's or OpenTrail's, wherever they were copied to. Needs no server.
//!
//! ```text
//! Source ──list──▶ Index ──group──▶ chains ──Walk::step, newest first──▶ findings ┐
//!    │                                 │ signature, place, link, schedule         ├──▶ Report
//!    └──read──▶ LogReader (gunzip, SHA-256, a look at the records) ── log files ───┤
//!                                                                                  │
//!          Coverage, EventIds ── what nobody names, what is there twice ───────────┘
//! ```
//!
//! It checks what `aws cloudtrail validate-logs` checks and more; `docs/verify.md` has the table. The rules
//! ([`chain`], [`schedule`], [`coverage`], [`digest`], [`head`], [`result_set`]) are pure; files are read by [`source`]s.
//!
//! Does not know: how files came to be, any server's API but ListPublicKeys, the clock.
//!
//! Does not promise: to see that the newest digests of a chain were removed unless told of a head or a time; that a key
//! belongs to whom the key file says; that a log file in a directory copy came from the bucket it names.

pub mod finding;
pub mod formats;
pub mod progress;
pub mod report;

pub mod chain;
pub mod claim;
pub mod coverage;
pub mod digest;
pub mod event_ids;
pub mod group;
pub mod gzip;
pub mod head;
pub mod index;
pub mod keys;
pub mod mapping;
pub mod names;
pub mod period;
pub mod records;
pub mod result_set;
pub mod schedule;

pub mod archive;
pub mod bucket;
pub mod directory;
pub mod log_content;
pub mod source;

pub mod error;
pub mod limits;

pub mod sample;

mod extras;
mod head_check;
pub mod key_service;
mod reading;
mod results;
mod run;
mod verify;

pub use error::{ErrorKind, VerifyError};
pub use finding::{Code, Finding, Severity};
pub use head::{Head, HeadFile};
pub use key_service::KeyService;
pub use keys::{KeyError, KeySet};
pub use mapping::Mapping;
pub use progress::{Checked, FileKind, Progress, Silent};
pub use report::{ChainReport, Report, Verdict};
pub use source::Source;
pub use verify::verify;

use std::path::Path;
use time::OffsetDateTime;

/// How to verify.
#[derive(Debug, Clone)]
pub struct Options {
    /// Without keys nothing can be proved, and the verdict is at best incomplete.
    pub keys: Option<KeySet>,
    /// Asked for the keys of the regions found, beside `keys`.
    pub key_service: Option<KeyService>,
    /// Only digests whose window touches the period are checked. Chains are expected to reach `to`.
    pub from: Option<OffsetDateTime>,
    pub to: Option<OffsetDateTime>,
    /// The present, to tell whether a chain ends too early. Without it, only `to` does.
    pub now: Option<OffsetDateTime>,
    /// Log files of a store being read at once.
    pub concurrency: usize,
    /// Logging was stopped on purpose: a chain that starts anew or ends is only noted.
    pub accept_gap: bool,
    /// Where files went that digests name at other places.
    pub mapping: Mapping,
    /// Digests that were the newest of their chains when they were recorded.
    pub expect_heads: Vec<Head>,
    /// Whether records are looked at, for duplicates and for accounts and regions that are not the path's.
    pub records: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: None,
            key_service: None,
            from: None,
            to: None,
            now: None,
            concurrency: 64,
            accept_gap: false,
            mapping: Mapping::default(),
            expect_heads: Vec::new(),
            records: true,
        }
    }
}

/// Opens a file, a directory, an archive or `s3://bucket/prefix`.
pub fn open_source(spec: &str) -> Result<Box<dyn Source>, VerifyError> {
    let invalid = || VerifyError::SourceSpec { spec: spec.to_owned() };
    if let Some((bucket, prefix)) = split_s3(spec) {
        if bucket.is_empty() {
            return Err(invalid());
        }
        return Ok(Box::new(bucket::Bucket::from_environment(bucket, prefix)?));
    }
    let path = Path::new(spec);
    if !path.exists() {
        return Err(invalid());
    }
    if path.is_file()
        && let Some(archive) = archive::Archive::open(path)?
    {
        return Ok(Box::new(archive));
    }
    Ok(Box::new(directory::Directory::open(path)?))
}

/// Reads a small file: a path, `s3://bucket/key` or an http address.
pub async fn read_small(spec: &str) -> Result<Vec<u8>, VerifyError> {
    if spec.starts_with("http://") || spec.starts_with("https://") {
        return key_service::get(spec).await;
    }
    if let Some((bucket, key)) = split_s3(spec) {
        let source::Files::Store(store) = bucket::Bucket::from_environment(bucket, "")?.files() else {
            return Err(VerifyError::SourceSpec { spec: spec.to_owned() });
        };
        let read = store.read(key, limits::KEYS_FILE_BYTES).await?;
        return read.ok_or_else(|| VerifyError::NotThere { file: spec.to_owned() });
    }
    let read = |source| VerifyError::Read { path: spec.into(), source };
    if std::fs::metadata(spec).map_err(read)?.len() > limits::KEYS_FILE_BYTES {
        return Err(VerifyError::TooLarge { file: spec.to_owned(), limit: limits::KEYS_FILE_BYTES });
    }
    std::fs::read(spec).map_err(read)
}

fn split_s3(spec: &str) -> Option<(&str, &str)> {
    let rest = spec.strip_prefix("s3://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}
