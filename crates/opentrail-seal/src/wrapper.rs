//! How root keys are protected in their file.

use async_trait::async_trait;
use zeroize::Zeroizing;

/// Why a root key could not be wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// Wrong passphrase, wrong KMS key, or altered bytes. Trying again does not help.
    #[error("the wrapped root key does not open: wrong passphrase or key, or altered bytes")]
    Refused,
    /// Whoever unwraps could not be asked.
    #[error("{0}")]
    Unavailable(String),
    /// The passphrase is too short to protect anything.
    #[error("the passphrase has fewer than {least} characters")]
    WeakPassphrase { least: usize },
}

/// Turns root keys into what may lie in a file, and back.
///
/// An implementation gives back from [`Self::unwrap_key`] exactly what was given to [`Self::wrap_key`], or an error;
/// altered bytes are an error. Both may be called again after an error, and at the same time.
#[async_trait]
pub trait KeyWrapper: Send + Sync {
    /// The name of the protection as the key file has it, such as `passphrase`.
    fn protection(&self) -> &'static str;

    /// # Errors
    /// If the key cannot be wrapped.
    async fn wrap_key(&self, key: &[u8]) -> Result<Vec<u8>, WrapError>;

    /// # Errors
    /// If the bytes were not wrapped by this, or whoever unwraps cannot be asked.
    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrapError>;
}

/// Root keys lie in the file as they are; its mode alone protects them.
pub struct Unprotected;

impl Unprotected {
    pub(crate) const PROTECTION: &str = "none";
}

#[async_trait]
impl KeyWrapper for Unprotected {
    fn protection(&self) -> &'static str {
        Self::PROTECTION
    }

    async fn wrap_key(&self, key: &[u8]) -> Result<Vec<u8>, WrapError> {
        Ok(key.to_vec())
    }

    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        Ok(Zeroizing::new(wrapped.to_vec()))
    }
}
