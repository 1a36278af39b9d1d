//! Ciphertext blobs: opaque to callers, they name the key and its material, so that nobody else has to.
//!
//! ```text
//! blob = version (1 byte: 1) ‖ length of the ARN (1) ‖ ARN of the key ‖ material id (32) ‖ message
//! ```

use crate::entity::Key;
use crate::error::KmsError;

/// Largest `CiphertextBlob` of the API.
pub const MAX_BLOB_BYTES: usize = 6144;

const VERSION: u8 = 1;
const MATERIAL_ID_BYTES: usize = 32;

/// A ciphertext blob taken apart. Nothing in it is proved until it decrypts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<'a> {
    pub key_arn: &'a str,
    /// 64 hex digits.
    pub material_id: String,
    /// What is authenticated besides the encryption context.
    pub(crate) header: &'a [u8],
    pub(crate) message: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// # Errors
    /// [`KmsError::InvalidCiphertext`].
    pub fn parse(blob: &'a [u8]) -> Result<Self, KmsError> {
        let read = || {
            let (&version, rest) = blob.split_first().filter(|_| blob.len() <= MAX_BLOB_BYTES)?;
            let (&length, rest) = rest.split_first()?;
            let (arn, rest) = rest.split_at_checked(usize::from(length))?;
            let (material, message) = rest.split_at_checked(MATERIAL_ID_BYTES)?;
            let header = &blob[..blob.len() - message.len()];
            let envelope = Self { key_arn: std::str::from_utf8(arn).ok()?, material_id: hex::encode(material), header, message };
            (version == VERSION).then_some(envelope)
        };
        read().ok_or(KmsError::InvalidCiphertext)
    }

    /// What a blob made with the newest material of a key begins with.
    pub(crate) fn header_of(key: &Key) -> Vec<u8> {
        let arn = key.arn();
        let material = hex::decode(&key.newest().id).expect("material ids are hex digits");
        let length = u8::try_from(arn.len()).expect("an ARN of 12 digits, a UUID and a region name is short");
        [&[VERSION, length], arn.as_bytes(), &material].concat()
    }
}
