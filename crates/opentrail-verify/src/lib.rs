//! Checks CloudTrail log files and digest chains, AWS's or OpenTrail's, wherever they were copied to. Needs no server.
//!
//! ```text
//! Source ──list──▶ Index ──group──▶ chains ──Walk::step, newest first──▶ findings ┐
//!    │                                 │ signature, place, link to the previous   ├──▶ Report
//!    └──open──▶ Member (gunzip) ──SHA-256──▶ log files each digest names ─────────┘
//! ```
//!
//! It checks what `aws cloudtrail validate-logs` checks, and that each digest's `previousDigestHashValue` and
//! `previousDigestSignature` are those of the digest before it.
//!
//! Does not know: how files came to be, what records say, any server's API, the clock.
//!
//! Does not promise: to see that the newest digests of a chain were removed, or that a trail has no digests at all;
//! that a key belongs to whom the key file says; that a log file in a directory copy came from the bucket it names.

pub mod finding;
pub mod progress;
pub mod report;

pub mod chain;
pub mod digest;
pub mod gzip;
pub mod keys;
pub mod names;

pub mod bucket;
pub mod directory;
pub mod source;

pub mod error;
pub mod limits;

pub mod aws_settings;
mod reading;
mod verify;

pub use error::{ErrorKind, VerifyError};
pub use finding::{Code, Finding, Severity};
pub use keys::{KeyError, KeySet};
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
    /// Only digests whose window touches the period are checked.
    pub from: Option<OffsetDateTime>,
    pub to: Option<OffsetDateTime>,
    /// Log files being read at once.
    pub concurrency: usize,
    /// Logging was stopped on purpose: a chain that starts anew is only noted.
    pub accept_gap: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { keys: None, from: None, to: None, concurrency: 64, accept_gap: false }
    }
}

/// Opens a file, a directory or `s3://bucket/prefix`.
pub fn open_source(spec: &str) -> Result<Box<dyn Source>, VerifyError> {
    let invalid = || VerifyError::SourceSpec { spec: spec.to_owned() };
    if let Some(rest) = spec.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid());
        }
        return Ok(Box::new(bucket::Bucket::from_environment(bucket, prefix)?));
    }
    let path = Path::new(spec);
    if !path.exists() {
        return Err(invalid());
    }
    Ok(Box::new(directory::Directory::open(path)?))
}
