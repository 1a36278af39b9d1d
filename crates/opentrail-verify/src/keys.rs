//! Public keys, as `aws cloudtrail list-public-keys` prints them, and the check of a signature with one.

use crate::limits;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("not a public keys file: expected {{\"PublicKeyList\": [...]}}")]
    Format(#[from] serde_json::Error),
    #[error("value of key {fingerprint} is not base64")]
    Base64 { fingerprint: String, source: base64::DecodeError },
    #[error("key {fingerprint} is neither a PKCS#1 nor a SubjectPublicKeyInfo RSA public key")]
    NotRsa { fingerprint: String },
    #[error("key {fingerprint} does not have this fingerprint but {actual}")]
    Fingerprint { fingerprint: String, actual: String },
}

/// One public key, reduced to PKCS#1.
#[derive(Debug, Clone)]
pub struct PublicKey {
    pkcs1: Vec<u8>,
    /// Begin and end of its validity, where the file says.
    validity: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl PublicKey {
    /// Reads the DER of an `RSAPublicKey` or of a `SubjectPublicKeyInfo` around one.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let pkcs1 = pkcs1_of(der)?.to_vec();
        let parses = aws_lc_rs::signature::ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &pkcs1);
        parses.is_ok().then_some(Self { pkcs1, validity: None })
    }

    /// Whether it was valid at a digest's end. Digests are signed some time after; keys of different times overlap.
    pub fn is_valid_at(&self, end: OffsetDateTime) -> bool {
        let slack = limits::KEY_VALIDITY_SLACK;
        self.validity.is_none_or(|(from, to)| from.saturating_sub(slack) <= end && end <= to.saturating_add(slack))
    }

    /// Whether `signature` is this key's over `message`: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.unparsed().verify(message, signature).is_ok()
    }

    /// [`Self::verifies`] for a message of which only the SHA-256 is known.
    pub fn verifies_hash(&self, hash: &[u8; 32], signature: &[u8]) -> bool {
        aws_lc_rs::digest::Digest::import_less_safe(hash, &aws_lc_rs::digest::SHA256)
            .is_ok_and(|digest| self.unparsed().verify_digest(&digest, signature).is_ok())
    }

    fn unparsed(&self) -> UnparsedPublicKey<&[u8]> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.pkcs1)
    }
}

/// Public keys by fingerprint.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: BTreeMap<String, PublicKey>,
}

impl KeySet {
    /// Reads a public keys file. Every key must have the fingerprint written beside it.
    pub fn from_json(json: &[u8]) -> Result<Self, KeyError> {
        let file: KeysFile = serde_json::from_slice(json)?;
        let mut keys = BTreeMap::new();
        for entry in file.public_key_list {
            let fingerprint = entry.fingerprint.to_ascii_lowercase();
            // AWS's tools print base64 on one line; files edited by hand may have line breaks in it.
            let text: String = entry.value.split_ascii_whitespace().collect();
            let der = STANDARD.decode(text).map_err(|source| KeyError::Base64 { fingerprint: fingerprint.clone(), source })?;
            let actual = hex::encode(Md5::digest(&der));
            if actual != fingerprint {
                return Err(KeyError::Fingerprint { fingerprint, actual });
            }
            let Some(mut key) = PublicKey::from_der(&der) else {
                return Err(KeyError::NotRsa { fingerprint });
            };
            key.validity = entry.validity_start_time.and_then(instant).zip(entry.validity_end_time.and_then(instant));
            keys.insert(fingerprint, key);
        }
        Ok(Self { keys })
    }

    /// [`Self::from_json`] on the content of a file.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let read = |source| KeyError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.len() > limits::KEYS_FILE_BYTES {
            return Err(KeyError::TooLarge { path: path.to_owned(), limit: limits::KEYS_FILE_BYTES });
        }
        Self::from_json(&std::fs::read(path).map_err(read)?)
    }

    /// Adds the keys of `other`, for keys of several regions in several files.
    pub fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }

    pub fn get(&self, fingerprint: &str) -> Option<&PublicKey> {
        self.keys.get(&fingerprint.to_ascii_lowercase())
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeysFile {
    public_key_list: Vec<KeyEntry>,
}

/// A time as the API sends it, in seconds, or as the AWS CLI prints it.
fn instant(value: serde_json::Value) -> Option<OffsetDateTime> {
    match value {
        serde_json::Value::Number(seconds) => OffsetDateTime::from_unix_timestamp(seconds.as_f64()? as i64).ok(),
        serde_json::Value::String(text) => OffsetDateTime::parse(&text, &Rfc3339).ok(),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyEntry {
    value: String,
    fingerprint: String,
    #[serde(default)]
    validity_start_time: Option<serde_json::Value>,
    #[serde(default)]
    validity_end_time: Option<serde_json::Value>,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// `AlgorithmIdentifier` content: OID rsaEncryption and NULL parameters.
const RSA_ENCRYPTION: [u8; 13] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The PKCS#1 part of either form: a sequence that begins with an integer is PKCS#1 itself, one that begins with a
/// sequence is `SubjectPublicKeyInfo` and holds PKCS#1 in its bit string.
fn pkcs1_of(der: &[u8]) -> Option<&[u8]> {
    let (body, rest) = element(der, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    if *body.first()? == INTEGER {
        return Some(der);
    }
    let (algorithm, rest) = element(body, SEQUENCE)?;
    let (bits, rest) = element(rest, BIT_STRING)?;
    let (unused_bits, key) = bits.split_first()?;
    (algorithm == RSA_ENCRYPTION && rest.is_empty() && *unused_bits == 0).then_some(key)
}

/// Splits one DER element of type `tag` off the front: its content and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else { return None };
    if *found != tag {
        return None;
    }
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7f => (short, rest),
        // Long form with one to four length bytes; an RSA key needs two.
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(long - 0x80)?;
            (bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;
