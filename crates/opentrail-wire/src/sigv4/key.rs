//! Signing keys: derivation, comparison and a bounded cache.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

use super::Claim;

/// Most keys remembered. A full cache is emptied: keys change every day, so old ones have no worth.
pub const MAX_CACHED_KEYS: usize = 1_024;

#[derive(Clone)]
pub(super) struct SigningKey(hmac::Key);

impl SigningKey {
    pub(super) fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let start = hmac::Key::new(HMAC_SHA256, Zeroizing::new(format!("AWS4{secret}")).as_bytes());
        let derived = [date, region, service, "aws4_request"].iter().fold(start, |key, part| {
            let tag = hmac::sign(&key, part.as_bytes());
            hmac::Key::new(HMAC_SHA256, tag.as_ref())
        });
        SigningKey(derived)
    }

    pub(super) fn sign_hex(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.0, text.as_bytes()))
    }

    /// Constant in time for signatures of the right shape.
    pub(super) fn verifies(&self, text: &str, signature_hex: &str) -> bool {
        let mut signature = [0_u8; SHA256_OUTPUT_LEN];
        hex::decode_to_slice(signature_hex, &mut signature).is_ok() && hmac::verify(&self.0, text.as_bytes(), &signature).is_ok()
    }
}

/// Remembers derived keys by access key, date, region and service.
///
/// An entry also holds a digest of what the secret was kept as, so a replaced secret takes effect at once. Whether the
/// access key is still active is the caller's question, as it is without a cache.
#[derive(Default)]
pub struct SigningKeyCache(Mutex<HashMap<String, CachedKey>>);

struct CachedKey {
    kept_digest: digest::Digest,
    key: SigningKey,
}

impl SigningKeyCache {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn clear(&self) {
        self.entries().clear();
    }

    pub(super) fn get(&self, claim: &Claim, kept: &[u8]) -> Option<SigningKey> {
        let kept_digest = digest::digest(&SHA256, kept);
        let entries = self.entries();
        let entry = entries.get(&cache_key(claim))?;
        constant_time::verify_slices_are_equal(entry.kept_digest.as_ref(), kept_digest.as_ref()).ok()?;
        Some(entry.key.clone())
    }

    pub(super) fn insert(&self, claim: &Claim, kept: &[u8], key: SigningKey) {
        let kept_digest = digest::digest(&SHA256, kept);
        let mut entries = self.entries();
        if entries.len() >= MAX_CACHED_KEYS {
            entries.clear();
        }
        entries.insert(cache_key(claim), CachedKey { kept_digest, key });
    }

    /// Each change of the map is one call, so a panic elsewhere cannot leave it half done.
    fn entries(&self) -> MutexGuard<'_, HashMap<String, CachedKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys must not reach a log.
impl fmt::Debug for SigningKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyCache").field("len", &self.entries().len()).finish()
    }
}

/// Unambiguous: no part holds a slash.
fn cache_key(claim: &Claim) -> String {
    format!("{}/{}", claim.access_key, claim.scope())
}
