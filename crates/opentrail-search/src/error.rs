//! Why a search could not run. What could not be read of single files is not an error but a [`crate::search::Problem`].

use crate::query::SyntaxError;
use opentrail_aws_environment::EnvironmentError;
use std::path::PathBuf;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command names something that does not exist or cannot be understood.
    FixRequest,
    /// A source failed while it was read; the same command may work later.
    Retry,
    /// A defect of this program.
    ReportBug,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    #[error("query: {0}")]
    Syntax(#[from] SyntaxError),
    #[error("source {spec} is not a file, a directory or s3://bucket/prefix")]
    SourceSpec { spec: String },
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("reading s3://{bucket}/{key}")]
    Bucket { bucket: String, key: String, source: object_store::Error },
    #[error("more than {limit} files: name a narrower prefix or time")]
    TooManyFiles { limit: usize },
    #[error("a bucket is read with a runtime, which does not run")]
    NoRuntime { source: tokio::runtime::TryCurrentError },
    #[error("writing the result")]
    Output(#[from] std::io::Error),
}

impl SearchError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Syntax(_) | Self::SourceSpec { .. } | Self::Environment(_) | Self::TooManyFiles { .. } => ErrorKind::FixRequest,
            Self::Read { .. } | Self::Bucket { .. } | Self::Output(_) => ErrorKind::Retry,
            Self::NoRuntime { .. } => ErrorKind::ReportBug,
        }
    }
}
