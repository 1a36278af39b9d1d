//! What can go wrong, and what to do about it.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("using the history's file {path} failed")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the index of slice {slice} failed")]
    Index { slice: String, source: tantivy::TantivyError },
    #[error("the index of slice {slice} lacks what was written into it: {what}")]
    Damaged { slice: String, what: &'static str },
    #[error("the search is too expensive: {advice}")]
    TooExpensive { advice: &'static str },
}

/// What the caller of a failed function can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryErrorKind {
    /// Disk or memory: try again later, tell the operator if it lasts.
    Unavailable,
    /// Restart: opening sets damaged slices aside.
    Damaged,
    /// The question asks too much: narrow it.
    FixRequest,
}

impl HistoryError {
    pub fn kind(&self) -> HistoryErrorKind {
        match self {
            Self::File { .. } => HistoryErrorKind::Unavailable,
            Self::Index { source, .. } if is_damage(source) => HistoryErrorKind::Damaged,
            Self::Index { .. } => HistoryErrorKind::Unavailable,
            Self::Damaged { .. } => HistoryErrorKind::Damaged,
            Self::TooExpensive { .. } => HistoryErrorKind::FixRequest,
        }
    }
}

/// Whether an index is unreadable for good, rather than for want of disk, memory or permission.
pub(crate) fn is_damage(error: &tantivy::TantivyError) -> bool {
    use tantivy::TantivyError as E;
    use tantivy::directory::error::OpenReadError;
    matches!(
        error,
        E::DataCorruption(_)
            | E::SchemaError(_)
            | E::IncompatibleIndex(_)
            | E::DeserializeError(_)
            | E::OpenReadError(OpenReadError::FileDoesNotExist(_) | OpenReadError::IncompatibleIndex(_))
    )
}
