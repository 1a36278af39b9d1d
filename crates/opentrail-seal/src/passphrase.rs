//! Root keys under a passphrase: PBKDF2-HMAC-SHA256 with a salt per key, then AES-256-GCM.
//!
//! ```text
//! wrapped = iterations (4 bytes, big endian) ‖ salt (16) ‖ nonce (12) ‖ ciphertext and tag
//! ```

use crate::wrapper::{KeyWrapper, WrapError};
use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// Shortest passphrase that is taken.
pub const MIN_PASSPHRASE_BYTES: usize = 12;

/// Source: OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA256.
const ITERATIONS: u32 = 600_000;
/// More than this in a file is not ours, and would keep the start busy for minutes.
const MAX_ITERATIONS: u32 = 10_000_000;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const HEADER_BYTES: usize = 4 + SALT_BYTES + NONCE_BYTES;

/// Wraps root keys under a passphrase.
pub struct PassphraseWrapper {
    passphrase: Zeroizing<String>,
    iterations: u32,
}

impl PassphraseWrapper {
    /// # Errors
    /// If it is shorter than [`MIN_PASSPHRASE_BYTES`].
    pub fn new(passphrase: Zeroizing<String>) -> Result<Self, WrapError> {
        if passphrase.len() < MIN_PASSPHRASE_BYTES {
            return Err(WrapError::WeakPassphrase { least: MIN_PASSPHRASE_BYTES });
        }
        Ok(Self { passphrase, iterations: ITERATIONS })
    }

    #[cfg(test)]
    pub(crate) fn quick(passphrase: &str) -> Self {
        Self { passphrase: Zeroizing::new(passphrase.to_owned()), iterations: 10 }
    }

    /// The key that the header's salt and iterations make of the passphrase.
    fn key(&self, header: &[u8; HEADER_BYTES]) -> Result<(LessSafeKey, Nonce), WrapError> {
        let iterations = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        let iterations = NonZeroU32::new(iterations).filter(|n| n.get() <= MAX_ITERATIONS).ok_or(WrapError::Refused)?;
        let mut key = Zeroizing::new([0; 32]);
        let salt = &header[4..4 + SALT_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, self.passphrase.as_bytes(), &mut *key);
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| WrapError::Refused)?;
        let nonce = Nonce::try_assume_unique_for_key(&header[4 + SALT_BYTES..]).map_err(|_| WrapError::Refused)?;
        Ok((LessSafeKey::new(key), nonce))
    }
}

#[async_trait]
impl KeyWrapper for PassphraseWrapper {
    fn protection(&self) -> &'static str {
        "passphrase"
    }

    async fn wrap_key(&self, key: &[u8]) -> Result<Vec<u8>, WrapError> {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&self.iterations.to_be_bytes());
        aws_lc_rs::rand::fill(&mut header[4..]).expect("the system's random generator works");
        let (sealing, nonce) = self.key(&header)?;
        let mut sealed = key.to_vec();
        sealing.seal_in_place_append_tag(nonce, Aad::from(header), &mut sealed).map_err(|_| WrapError::Refused)?;
        Ok([&header[..], &sealed].concat())
    }

    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let (header, sealed) = wrapped.split_first_chunk::<HEADER_BYTES>().ok_or(WrapError::Refused)?;
        let (opening, nonce) = self.key(header)?;
        let mut key = Zeroizing::new(sealed.to_vec());
        let length = opening.open_in_place(nonce, Aad::from(*header), &mut key).map_err(|_| WrapError::Refused)?.len();
        key.truncate(length);
        Ok(key)
    }
}
