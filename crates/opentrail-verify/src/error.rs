//! Why a verification could not run. What it found out is not an error but a [`crate::finding::Finding`].

use crate::keys::KeyError;
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
pub enum VerifyError {
    #[error("source {spec} is not a file, a directory, an archive or s3://bucket/prefix")]
    SourceSpec { spec: String },
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("reading s3://{bucket}/{key}")]
    Bucket { bucket: String, key: String, source: object_store::Error },
    #[error("s3://{bucket}/{key}: the store does not answer")]
    Stalled { bucket: String, key: String },
    #[error("{file} is larger than {limit} bytes")]
    TooLarge { file: String, limit: u64 },
    #[error("{file} is not there")]
    NotThere { file: String },
    #[error("more than {limit} files: give --from and --to, or a part of the tree")]
    TooManyFiles { limit: usize },
    #[error("gave up after {count} files that could not be read, the last one {file}")]
    GaveUp { count: usize, file: String, source: Box<VerifyError> },
    #[error("{file} is no head file: expected {{\"version\": 1, \"heads\": [...]}}")]
    HeadFile { file: String, source: serde_json::Error },
    #[error("asking {url}")]
    Http { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("reading public keys")]
    Keys(#[from] KeyError),
    #[error("checking a file was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl VerifyError {
    /// The error and its causes in one line, for a finding.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::SourceSpec { .. }
            | Self::Environment(_)
            | Self::TooLarge { .. }
            | Self::NotThere { .. }
            | Self::TooManyFiles { .. }
            | Self::HeadFile { .. }
            | Self::Keys(_) => ErrorKind::FixRequest,
            Self::Read { .. } | Self::Bucket { .. } | Self::Stalled { .. } | Self::GaveUp { .. } | Self::Http { .. } => {
                ErrorKind::Retry
            }
            Self::Interrupted(_) => ErrorKind::ReportBug,
        }
    }
}
