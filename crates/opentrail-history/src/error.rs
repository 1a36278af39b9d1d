//! What can go wrong, and what to do about it.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    #[error("using the history's file {path} failed")]
    File { path: PathBuf, source: std::io::Error },
    #[error("writing a file of the history failed")]
    Writing(#[source] std::io::Error),
    #[error("compressing failed")]
    Compressing(#[source] std::io::Error),
    #[error("{what} in {file} is not as it was written")]
    Damaged { file: String, what: &'static str },
    #[error("the search is too expensive: {advice}")]
    TooExpensive { advice: &'static str },
}

/// What the caller of a failed function can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryErrorKind {
    /// Disk or memory: try again later, tell the operator if it lasts.
    Unavailable,
    /// The damaged part is set aside and filled from the log when the history goes on.
    Damaged,
    /// The question asks too much: narrow it.
    FixRequest,
}

impl HistoryError {
    pub fn kind(&self) -> HistoryErrorKind {
        match self {
            Self::File { .. } | Self::Writing(_) | Self::Compressing(_) => HistoryErrorKind::Unavailable,
            Self::Damaged { .. } => HistoryErrorKind::Damaged,
            Self::TooExpensive { .. } => HistoryErrorKind::FixRequest,
        }
    }

    pub(crate) fn damaged(what: &'static str) -> Self {
        Self::Damaged { file: "a segment".into(), what }
    }
}
