//! A key that any number of messages can be encrypted under: each under a key of its own, derived with a random salt.
//!
//! ```text
//! message = salt (24 bytes) ‖ ciphertext and tag
//! key and nonce = HKDF-SHA256(key, salt, label), for AES-256-GCM
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

const SALT_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
/// Length of a key, and of the keys derived from it.
pub const KEY_BYTES: usize = 32;
/// How much longer a message is than its plaintext.
pub const MESSAGE_OVERHEAD_BYTES: usize = SALT_BYTES + TAG_BYTES;

/// 256 bits of key, overwritten when dropped.
#[derive(Clone)]
pub struct DerivingKey(Zeroizing<[u8; KEY_BYTES]>);

impl DerivingKey {
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        aws_lc_rs::rand::fill(&mut *bytes).expect("the system's random generator works");
        Self(bytes)
    }

    /// `None` if the bytes are too few or too many.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Fills `output` with what the key, a salt and labels determine.
    ///
    /// # Panics
    /// If more than 8160 bytes are asked for.
    pub fn derive(&self, salt: &[u8], labels: &[&[u8]], output: &mut [u8]) {
        struct Length(usize);
        impl KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        Salt::new(HKDF_SHA256, salt)
            .extract(self.as_bytes())
            .expand(labels, Length(output.len()))
            .and_then(|okm| okm.fill(output))
            .expect("the length is within HKDF's limit");
    }

    fn message_key(&self, salt: &[u8], label: &[u8]) -> (LessSafeKey, Nonce) {
        let mut derived = Zeroizing::new([0; KEY_BYTES + NONCE_BYTES]);
        self.derive(salt, &[label], &mut *derived);
        let (key, nonce) = derived.split_at(KEY_BYTES);
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the algorithm's length");
        (LessSafeKey::new(key), Nonce::try_assume_unique_for_key(nonce).expect("the nonce has the algorithm's length"))
    }

    /// Encrypts; `additional` is authenticated and not kept.
    ///
    /// # Panics
    /// If the plaintext is longer than AES-GCM takes (64 GiB).
    pub fn encrypt(&self, label: &[u8], additional: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(plaintext.len() + MESSAGE_OVERHEAD_BYTES);
        message.resize(SALT_BYTES, 0);
        aws_lc_rs::rand::fill(&mut message).expect("the system's random generator works");
        let (key, nonce) = self.message_key(&message, label);
        message.extend_from_slice(plaintext);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(additional), &mut message[SALT_BYTES..])
            .expect("the plaintext is below the algorithm's limit");
        message.extend_from_slice(tag.as_ref());
        message
    }

    /// Decrypts what [`Self::encrypt`] made with the same label and additional data; `None` if it was not, or was altered.
    pub fn decrypt(&self, label: &[u8], additional: &[u8], message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, ciphertext) = message.split_at_checked(SALT_BYTES)?;
        let (key, nonce) = self.message_key(salt, label);
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let length = key.open_in_place(nonce, Aad::from(additional), &mut plaintext).ok()?.len();
        plaintext.truncate(length);
        Some(plaintext)
    }
}
