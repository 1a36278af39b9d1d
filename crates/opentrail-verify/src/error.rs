//! Why a verification could not run. What it found out is not an error but a [`crate::finding::Finding`].

use crate::keys::KeyError;
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
    #[error("source {spec} is not a file, a directory or s3://bucket/prefix")]
    SourceSpec { spec: String },
    #[error("no credentials for s3://{bucket}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_SHARED_CREDENTIALS_FILE")]
    NoCredentials { bucket: String },
    #[error("reading credentials file {}", path.display())]
    CredentialsFile { path: PathBuf, source: std::io::Error },
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("reading s3://{bucket}/{key}")]
    Bucket { bucket: String, key: String, source: object_store::Error },
    #[error("reading public keys")]
    Keys(#[from] KeyError),
    #[error("checking a file was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl VerifyError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::SourceSpec { .. } | Self::NoCredentials { .. } | Self::CredentialsFile { .. } | Self::Keys(_) => {
                ErrorKind::FixRequest
            }
            Self::Read { .. } | Self::Bucket { .. } => ErrorKind::Retry,
            Self::Interrupted(_) => ErrorKind::ReportBug,
        }
    }
}
