//! What can go wrong with the log, and what the caller should do about it.

use std::io;
use std::path::PathBuf;

/// What a caller can do about a [`LogError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogErrorKind {
    /// Nothing was recorded; the same submission may succeed later.
    Retry,
    /// The submission itself is at fault.
    FixRequest,
    /// The log needs an operator: nothing will be accepted until the cause is removed and the process restarted.
    CallOperator,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the intake queue is full")]
    Overloaded,
    #[error("no space for another log segment in {path}")]
    DiskFull { path: PathBuf, source: io::Error },
    #[error("event of {size} bytes is over the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
    #[error("the log stopped accepting after an earlier failure")]
    Stopped,
    #[error("writing log segment {path} failed")]
    Write { path: PathBuf, source: io::Error },
    #[error("reading log segment {path} failed")]
    Read { path: PathBuf, source: io::Error },
    #[error("log segment {path} is corrupt at byte {offset}: {what}")]
    Corrupt { path: PathBuf, offset: u64, what: &'static str },
    #[error("position {position} is no longer in the log, which begins at {first}")]
    Trimmed { position: u64, first: u64 },
    #[error("applying a state change failed")]
    Apply(#[source] ApplyError),
}

/// Why the applier could not apply.
pub type ApplyError = Box<dyn std::error::Error + Send + Sync>;

impl LogError {
    pub fn kind(&self) -> LogErrorKind {
        match self {
            Self::Overloaded | Self::DiskFull { .. } => LogErrorKind::Retry,
            Self::TooLarge { .. } => LogErrorKind::FixRequest,
            _ => LogErrorKind::CallOperator,
        }
    }
}
