//! What can go wrong in the store.

use opentrail_catalog::CatalogError;
use opentrail_seal::SealError;
use std::io;
use std::path::PathBuf;

/// Everything after [`StoreError::Lost`] is the request's fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("{what} {path} failed")]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("a data key could not be sealed")]
    Seal(#[from] SealError),
    /// The object is under a KMS key, and its data key was not given.
    #[error("the data key of {bucket}/{key} is not there")]
    Locked { bucket: String, key: String },
    #[error("the bytes of {bucket}/{key} are missing or altered")]
    Lost { bucket: String, key: String },
    #[error("over the limit of {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    #[error("object lock holds the version")]
    Held,
    #[error("no such upload")]
    NoSuchUpload,
    #[error("a part is missing or is not what the request says")]
    InvalidPart,
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    #[error("a part other than the last is smaller than {minimum} bytes")]
    PartTooSmall { minimum: u64 },
}

impl StoreError {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { what, path: path.into(), source }
    }
}
