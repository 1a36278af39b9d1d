//! What can go wrong with sealing.

use crate::wrapper::WrapError;
use std::path::PathBuf;

/// Why something could not be sealed, opened, or the root keys not be had.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Bytes that were not sealed here for this purpose and context, or were altered since.
    #[error("sealed bytes do not open: altered, or sealed for something else")]
    DoesNotOpen,
    /// The root key that sealed the bytes is not in the key file. Restore the file from a backup.
    #[error("the root key {id} that sealed this is not in the key file")]
    UnknownKey { id: String },
    #[error("sealed bytes have format {version}, which this version does not know")]
    UnknownFormat { version: u8 },
    #[error("at most {limit} bytes can be sealed at once")]
    TooLarge { limit: usize },
    #[error("root key file {path} could not be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error("root key file {path} is not in its format")]
    Malformed { path: PathBuf },
    /// The file names a root key that it does not hold.
    #[error("root key file {path}: the key {id} is damaged or its protection does not fit")]
    Damaged { path: PathBuf, id: String },
    /// There is sealed data, and the keys to it are gone.
    #[error("root key file {path} is missing; what is sealed under root key {expected} cannot be read without it")]
    Missing { path: PathBuf, expected: String },
    #[error("root key file {path} is protected by {stored}, but the configuration says {configured}")]
    OtherProtection { path: PathBuf, stored: String, configured: &'static str },
    #[error("wrapping or unwrapping a root key failed")]
    Wrap(#[from] WrapError),
}
