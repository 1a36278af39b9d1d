//! Sealing and opening.
//!
//! ```text
//! sealed = version (1 byte: 1) ‖ root key id (8) ‖ salt (24) ‖ ciphertext and tag
//! key and nonce = HKDF-SHA256(root key, salt, "opentrail-seal-1" ‖ purpose)
//! additional data = version, id and salt ‖ purpose ‖ context, each text with its length before it
//! ```

use crate::error::SealError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use std::fmt;
use zeroize::Zeroizing;

/// Largest plaintext: this is for keys, tokens and settings, not for files.
pub const MAX_PLAINTEXT_BYTES: usize = 1024 * 1024;
/// How much longer sealed bytes are than their plaintext.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const SALT_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + ID_BYTES + SALT_BYTES;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const DERIVATION: &[u8] = b"opentrail-seal-1";

/// A root key with the name that sealed bytes carry.
pub(crate) struct RootKey {
    id: [u8; ID_BYTES],
    value: Zeroizing<[u8; KEY_BYTES]>,
}

impl RootKey {
    pub(crate) fn random() -> Self {
        let mut value = Zeroizing::new([0; KEY_BYTES]);
        aws_lc_rs::rand::fill(&mut *value).expect("the system's random generator works");
        Self::named(value)
    }

    /// `None` if the bytes are no key.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::named(Zeroizing::new(bytes.try_into().ok()?)))
    }

    fn named(value: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let name = digest(&SHA256, &[b"opentrail root key id".as_slice(), &*value].concat());
        let id = name.as_ref()[..ID_BYTES].try_into().expect("a digest is longer than an id");
        Self { id, value }
    }

    pub(crate) fn id(&self) -> String {
        hex::encode(self.id)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &*self.value
    }

    /// Key and nonce for the message with this salt.
    fn derive(&self, salt: &[u8], purpose: &str) -> (LessSafeKey, Nonce) {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                KEY_BYTES + NONCE_BYTES
            }
        }
        let mut derived = Zeroizing::new([0; KEY_BYTES + NONCE_BYTES]);
        Salt::new(HKDF_SHA256, salt)
            .extract(&*self.value)
            .expand(&[DERIVATION, purpose.as_bytes()], Length)
            .and_then(|okm| okm.fill(&mut *derived))
            .expect("the lengths are those of the algorithm");
        let (key, nonce) = derived.split_at(KEY_BYTES);
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the algorithm's length");
        (LessSafeKey::new(key), Nonce::try_assume_unique_for_key(nonce).expect("the nonce has the algorithm's length"))
    }
}

/// Seals and opens with the root keys of this server. Share it by `Arc`.
pub struct Seal {
    /// The last one seals.
    keys: Vec<RootKey>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(RootKey::id)).finish()
    }
}

impl Seal {
    pub(crate) fn of(keys: Vec<RootKey>) -> Self {
        assert!(!keys.is_empty(), "there is a root key to seal with");
        Self { keys }
    }

    /// A seal whose root key is in memory only: what it seals is lost with it. For tests and measurements.
    pub fn ephemeral() -> Self {
        Self::of(vec![RootKey::random()])
    }

    /// The name of the root key that seals now: sixteen hex digits.
    pub fn key_id(&self) -> String {
        self.newest().id()
    }

    /// Whether this root key is among those that open.
    pub fn knows_key(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }

    fn newest(&self) -> &RootKey {
        self.keys.last().expect("there is a root key, see `of`")
    }

    /// Seals bytes for one purpose (such as `sts-session`) in one context (such as account and user, in any order). Both
    /// are bound to them, neither is kept in them.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] beyond [`MAX_PLAINTEXT_BYTES`].
    pub fn seal(&self, purpose: &str, context: &[(&str, &str)], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > MAX_PLAINTEXT_BYTES {
            return Err(SealError::TooLarge { limit: MAX_PLAINTEXT_BYTES });
        }
        let root = self.newest();
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).expect("the system's random generator works");
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
        sealed.push(VERSION);
        sealed.extend_from_slice(&root.id);
        sealed.extend_from_slice(&salt);
        let additional = additional_data(&sealed, purpose, context);
        sealed.extend_from_slice(plaintext);
        let (key, nonce) = root.derive(&salt, purpose);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(additional), &mut sealed[HEADER_BYTES..])
            .expect("the plaintext is far below the algorithm's limit");
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same purpose and context.
    ///
    /// # Errors
    /// [`SealError::DoesNotOpen`], [`SealError::UnknownKey`] or [`SealError::UnknownFormat`].
    pub fn open(&self, purpose: &str, context: &[(&str, &str)], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        match sealed.first() {
            Some(&VERSION) => {}
            Some(&version) => return Err(SealError::UnknownFormat { version }),
            None => return Err(SealError::DoesNotOpen),
        }
        let (header, ciphertext) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(SealError::DoesNotOpen)?;
        if ciphertext.len() > MAX_PLAINTEXT_BYTES + TAG_BYTES {
            return Err(SealError::DoesNotOpen);
        }
        let (id, salt) = header[1..].split_at(ID_BYTES);
        let root = self.keys.iter().find(|key| key.id == id).ok_or_else(|| SealError::UnknownKey { id: hex::encode(id) })?;
        let (key, nonce) = root.derive(salt, purpose);
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let additional = additional_data(header, purpose, context);
        let opened = key.open_in_place(nonce, Aad::from(additional), &mut plaintext).map_err(|_| SealError::DoesNotOpen)?;
        let length = opened.len();
        plaintext.truncate(length);
        Ok(plaintext)
    }
}

/// What is authenticated beside the plaintext. No two purposes and contexts give the same bytes.
fn additional_data(header: &[u8], purpose: &str, context: &[(&str, &str)]) -> Vec<u8> {
    let mut pairs = context.to_vec();
    pairs.sort_unstable();
    let mut bytes = header.to_vec();
    let texts = std::iter::once(purpose).chain(pairs.iter().flat_map(|(name, value)| [*name, *value]));
    for text in texts {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}
