//! Sealing and opening.
//!
//! ```text
//! sealed = version (1 byte: 1) ‖ root key id (8) ‖ message of the root key (see deriving_key.rs)
//! label = "opentrail-seal-1" ‖ purpose
//! additional data = version and id ‖ purpose ‖ context, each text with its length before it
//! ```

use crate::deriving_key::{DerivingKey, MESSAGE_OVERHEAD_BYTES};
use crate::error::SealError;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;
use zeroize::Zeroizing;

/// Largest plaintext: this is for keys, tokens and settings, not for files.
pub const MAX_PLAINTEXT_BYTES: usize = 1024 * 1024;
/// How much longer sealed bytes are than their plaintext.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + MESSAGE_OVERHEAD_BYTES;

const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const HEADER_BYTES: usize = 1 + ID_BYTES;
const LABEL: &str = "opentrail-seal-1";

/// A root key with the name that sealed bytes carry.
pub(crate) struct RootKey {
    id: [u8; ID_BYTES],
    key: DerivingKey,
}

impl RootKey {
    pub(crate) fn random() -> Self {
        Self::named(DerivingKey::random())
    }

    /// `None` if the bytes are no key.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        DerivingKey::from_bytes(bytes).map(Self::named)
    }

    fn named(key: DerivingKey) -> Self {
        let text = Zeroizing::new([b"opentrail root key id".as_slice(), key.as_bytes()].concat());
        let name = digest(&SHA256, &text);
        let id = name.as_ref()[..ID_BYTES].try_into().expect("a digest is longer than an id");
        Self { id, key }
    }

    pub(crate) fn id(&self) -> String {
        hex::encode(self.id)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.key.as_bytes()
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
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&root.id);
        let additional = additional_data(&sealed, purpose, context);
        sealed.extend_from_slice(&root.key.encrypt(&label(purpose), &additional, plaintext));
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
        let (header, message) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(SealError::DoesNotOpen)?;
        if message.len() > MAX_PLAINTEXT_BYTES + MESSAGE_OVERHEAD_BYTES {
            return Err(SealError::DoesNotOpen);
        }
        let id = &header[1..];
        let root = self.keys.iter().find(|key| key.id == id).ok_or_else(|| SealError::UnknownKey { id: hex::encode(id) })?;
        let additional = additional_data(header, purpose, context);
        root.key.decrypt(&label(purpose), &additional, message).ok_or(SealError::DoesNotOpen)
    }
}

fn label(purpose: &str) -> Vec<u8> {
    [LABEL, purpose].concat().into_bytes()
}

/// What is authenticated beside the plaintext. No two purposes and contexts give the same bytes.
fn additional_data(header: &[u8], purpose: &str, context: &[(&str, &str)]) -> Vec<u8> {
    let mut pairs = context.to_vec();
    pairs.sort_unstable();
    let mut bytes = header.to_vec();
    append_texts(&mut bytes, std::iter::once(purpose).chain(pairs.iter().flat_map(|(name, value)| [*name, *value])));
    bytes
}

/// Appends texts so that no other list of texts gives the same bytes: each with its length before it.
pub fn append_texts<'a>(bytes: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    for text in texts {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
}
