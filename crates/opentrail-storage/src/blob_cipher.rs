//! How a blob's bytes are encrypted: in chunks, so that any range can be read and checked by itself.
//!
//! ```text
//! file  = header ‖ chunk 0 ‖ chunk 1 ‖ …
//! header = "OTB1" (4) ‖ reserved (4) ‖ salt (24)
//! chunk = AES-256-GCM of up to 128 KiB ‖ tag (16); only the last one may be shorter, and there is always one
//! key and nonce prefix = HKDF-SHA256(data key, salt, "opentrail-blob-1" ‖ blob id)
//! nonce = prefix (7) ‖ number of the chunk (4, big endian) ‖ 1 for the last chunk, else 0
//! ```
//!
//! The id binds a file to its name, the number a chunk to its place, the mark of the last one to the end: bytes that are
//! altered, moved, missing or too many are noticed when they are read. A data key serves any number of blobs.

use crate::entity::BlobEncryption;
use crate::error::StoreError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_seal::{DerivingKey, KEY_BYTES, Seal};
use std::io;
use zeroize::Zeroizing;

/// Plaintext of a full chunk.
pub(crate) const CHUNK_BYTES: usize = 128 * 1024;
pub(crate) const TAG_BYTES: usize = 16;
/// What a full chunk takes in the file.
pub(crate) const STORED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
pub(crate) const HEADER_BYTES: usize = 32;

const MAGIC: &[u8; 8] = b"OTB1\0\0\0\0";
const SALT_BYTES: usize = HEADER_BYTES - MAGIC.len();
const PREFIX_BYTES: usize = 7;
const LABEL: &[u8] = b"opentrail-blob-1";
/// What data keys of the store are sealed for.
const PURPOSE: &str = "blob-data-key";

/// What new bytes are encrypted with.
#[derive(Clone)]
pub enum BlobKey {
    /// A data key of the store's own for each blob, sealed under the root key (SSE-S3).
    OfStore,
    /// A data key that was given, and what is kept to get it again.
    Given(DerivingKey, BlobEncryption),
    /// None, as versions before encryption wrote. For measurements and for tests that read such blobs.
    Unencrypted,
}

impl BlobKey {
    /// The data key of one blob and what is kept of it; `None` for none.
    pub(crate) fn of_blob(&self, id: &str, seal: &Seal) -> Result<Option<(DerivingKey, BlobEncryption)>, StoreError> {
        match self {
            Self::Unencrypted => Ok(None),
            Self::Given(key, kept) => Ok(Some((key.clone(), kept.clone()))),
            Self::OfStore => {
                let key = DerivingKey::random();
                let sealed = seal.seal(PURPOSE, &[("blob", id)], key.as_bytes())?;
                Ok(Some((key, BlobEncryption::Store { data_key: STANDARD.encode(sealed) })))
            }
        }
    }
}

/// The data key of a blob whose encryption is the store's own.
pub(crate) fn unsealed(id: &str, data_key: &str, seal: &Seal) -> Option<DerivingKey> {
    let sealed = STANDARD.decode(data_key).ok()?;
    DerivingKey::from_bytes(&seal.open(PURPOSE, &[("blob", id)], &sealed).ok()?)
}

/// Encrypts or decrypts the chunks of one blob.
pub(crate) struct ChunkCipher {
    key: LessSafeKey,
    prefix: [u8; PREFIX_BYTES],
}

impl ChunkCipher {
    /// For a new blob, with the header its file begins with.
    pub(crate) fn begin(data_key: &DerivingKey, id: &str) -> (Self, [u8; HEADER_BYTES]) {
        let mut header = [0; HEADER_BYTES];
        header[..MAGIC.len()].copy_from_slice(MAGIC);
        aws_lc_rs::rand::fill(&mut header[MAGIC.len()..]).expect("the system's random generator works");
        (Self::derive(data_key, id, &header), header)
    }

    /// For a file with this header; `None` if it is not in this format.
    pub(crate) fn resume(data_key: &DerivingKey, id: &str, header: &[u8; HEADER_BYTES]) -> Option<Self> {
        header.starts_with(MAGIC).then(|| Self::derive(data_key, id, header))
    }

    fn derive(data_key: &DerivingKey, id: &str, header: &[u8; HEADER_BYTES]) -> Self {
        let salt: &[u8; SALT_BYTES] = header.last_chunk().expect("the salt ends the header");
        let mut derived = Zeroizing::new([0; KEY_BYTES + PREFIX_BYTES]);
        data_key.derive(salt, &[LABEL, id.as_bytes()], &mut *derived);
        let (key, prefix) = derived.split_at(KEY_BYTES);
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the algorithm's length");
        Self { key: LessSafeKey::new(key), prefix: prefix.try_into().expect("the rest is the prefix") }
    }

    fn nonce(&self, number: u32, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..PREFIX_BYTES + 4].copy_from_slice(&number.to_be_bytes());
        nonce[PREFIX_BYTES + 4] = u8::from(last);
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts a chunk in place and appends its tag.
    pub(crate) fn encrypt(&self, number: u32, last: bool, chunk: &mut Vec<u8>) {
        let nonce = self.nonce(number, last);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk).expect("a chunk is short");
        chunk.extend_from_slice(tag.as_ref());
    }

    /// Decrypts a chunk in place; answers the length of the plaintext.
    ///
    /// # Errors
    /// `InvalidData` if it is not what was written there.
    pub(crate) fn decrypt(&self, number: u32, last: bool, chunk: &mut [u8]) -> io::Result<usize> {
        let opened = self.key.open_in_place(self.nonce(number, last), Aad::empty(), chunk);
        opened.map(|plaintext| plaintext.len()).map_err(|_| damaged())
    }
}

/// What a read of altered bytes ends with.
pub(crate) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the stored bytes are not those that were written")
}
