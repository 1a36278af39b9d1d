//! Why KMS refuses, with the texts that its clients know.

use opentrail_catalog::CatalogError;
use opentrail_seal::SealError;
use std::path::PathBuf;

/// Why a key could not be found or used. Texts are KMS's own.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    InvalidArn(String),
    /// The ARN of the key.
    #[error("{0} is disabled.")]
    Disabled(String),
    #[error("{0}")]
    InvalidState(String),
    /// Altered, of another key, or of another encryption context: KMS does not tell which.
    #[error("")]
    InvalidCiphertext,
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    #[error("{0}")]
    AccessDenied(String),
    #[error("{0}")]
    Validation(String),
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("what is done to keys could not be recorded")]
    Log(#[from] opentrail_eventlog::LogError),
    #[error("key material {path} could not be used")]
    Material { path: PathBuf, source: std::io::Error },
    #[error("key material {path} could not be unsealed")]
    Sealed { path: PathBuf, source: SealError },
    #[error("key material {path} is not the one it is named after")]
    WrongMaterial { path: PathBuf },
}

impl KmsError {
    /// The error code of the JSON API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NotFoundException",
            Self::InvalidArn(_) => "InvalidArnException",
            Self::Disabled(_) => "DisabledException",
            Self::InvalidState(_) => "KMSInvalidStateException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::Validation(_) => "ValidationException",
            Self::Catalog(_) | Self::Log(_) | Self::Material { .. } | Self::Sealed { .. } | Self::WrongMaterial { .. } => {
                "KMSInternalException"
            }
        }
    }

    /// The error code that records have.
    pub fn recorded_code(&self) -> &'static str {
        match self {
            Self::AccessDenied(_) => "AccessDenied",
            other => other.code(),
        }
    }

    /// Whether the fault is ours; its text is for the log then, not for the caller.
    pub fn is_internal(&self) -> bool {
        self.code() == "KMSInternalException"
    }
}
