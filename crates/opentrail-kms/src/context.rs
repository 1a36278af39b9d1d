//! The encryption context: pairs of texts that are bound to a ciphertext and must be given again to decrypt it.

use crate::error::KmsError;
use opentrail_seal::append_texts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest encryption context: names and values together.
pub const MAX_CONTEXT_BYTES: usize = 8192;

/// Names and values, case-sensitive, in no order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncryptionContext(pub BTreeMap<String, String>);

impl EncryptionContext {
    /// # Errors
    /// [`KmsError::Validation`] if it is larger than [`MAX_CONTEXT_BYTES`].
    pub fn check(self) -> Result<Self, KmsError> {
        let size: usize = self.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > MAX_CONTEXT_BYTES {
            return Err(KmsError::Validation(format!("EncryptionContext must be at most {MAX_CONTEXT_BYTES} bytes long")));
        }
        Ok(self)
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The bytes that are authenticated with a ciphertext.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        append_texts(bytes, self.0.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    }
}
