//! The file of root keys.
//!
//! ```json
//! {"format": "opentrail-root-keys-1", "keys": [{"id": "…", "protection": "none", "value": "…base64…"}]}
//! ```
//!
//! The last key seals; the ones before it open what was sealed under them. A key is never removed.

use crate::error::SealError;
use crate::sealed::{RootKey, Seal};
use crate::secret_file::write_secret_file;
use crate::wrapper::{KeyWrapper, Unprotected};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const FORMAT: &str = "opentrail-root-keys-1";
/// A root key file with hundreds of keys is smaller than this.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: String,
    protection: String,
    value: Zeroizing<String>,
}

/// Where root keys are kept, usually `DATA_DIR/keys/root.key`.
pub struct RootKeyFile {
    path: PathBuf,
}

/// The name of a new root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatedTo(pub String);

impl RootKeyFile {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Reads the root keys, or makes the first one, durable before this returns. Keys that lie there unprotected are
    /// wrapped if `wrapper` protects.
    ///
    /// `expected` is the name of the root key under which something is known to be sealed, if anything is: then a missing
    /// file is an error, never a reason for a new key.
    ///
    /// # Errors
    /// If the file cannot be read, written or unwrapped, or does not hold what it should.
    pub async fn open(&self, wrapper: &dyn KeyWrapper, expected: Option<&str>) -> Result<Seal, SealError> {
        let keys = match (self.read()?, expected) {
            (Some(stored), _) => self.unwrap_all(stored, wrapper).await?,
            (None, Some(expected)) => {
                return Err(SealError::Missing { path: self.path.clone(), expected: expected.to_owned() });
            }
            (None, None) => {
                let keys = vec![RootKey::random()];
                self.write(&keys, wrapper).await?;
                keys
            }
        };
        let seal = Seal::of(keys);
        match expected.filter(|id| !seal.knows_key(id)) {
            Some(id) => Err(SealError::UnknownKey { id: id.to_owned() }),
            None => Ok(seal),
        }
    }

    /// Adds a root key that seals from the next start on. What is sealed under the others stays readable.
    ///
    /// # Errors
    /// As [`Self::open`]; there must be a file.
    pub async fn rotate(&self, wrapper: &dyn KeyWrapper) -> Result<RotatedTo, SealError> {
        let Some(stored) = self.read()? else {
            let source = std::io::Error::from(ErrorKind::NotFound);
            return Err(SealError::File { path: self.path.clone(), source });
        };
        let mut keys = self.unwrap_all(stored, wrapper).await?;
        let new = RootKey::random();
        let id = new.id();
        keys.push(new);
        self.write(&keys, wrapper).await?;
        Ok(RotatedTo(id))
    }

    fn failed(&self, source: std::io::Error) -> SealError {
        SealError::File { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<Option<Stored>, SealError> {
        let file = match fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let mut text = Zeroizing::new(Vec::new());
        file.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(|error| self.failed(error))?;
        let malformed = || SealError::Malformed { path: self.path.clone() };
        let stored: Stored = serde_json::from_slice(&text).map_err(|_| malformed())?;
        if stored.format != FORMAT || stored.keys.is_empty() {
            return Err(malformed());
        }
        Ok(Some(stored))
    }

    async fn unwrap_all(&self, stored: Stored, wrapper: &dyn KeyWrapper) -> Result<Vec<RootKey>, SealError> {
        let mut keys = Vec::with_capacity(stored.keys.len());
        let mut rewrite = false;
        for key in stored.keys {
            let unprotected = key.protection == Unprotected::PROTECTION;
            if !unprotected && key.protection != wrapper.protection() {
                let (path, configured) = (self.path.clone(), wrapper.protection());
                return Err(SealError::OtherProtection { path, stored: key.protection, configured });
            }
            let malformed = |_| SealError::Malformed { path: self.path.clone() };
            let value = Zeroizing::new(STANDARD.decode(key.value.as_bytes()).map_err(malformed)?);
            let value = if unprotected { value } else { wrapper.unwrap_key(&value).await? };
            let root = RootKey::from_bytes(&value).filter(|root| root.id() == key.id);
            keys.push(root.ok_or(SealError::Damaged { path: self.path.clone(), id: key.id })?);
            rewrite |= unprotected && wrapper.protection() != Unprotected::PROTECTION;
        }
        if rewrite {
            self.write(&keys, wrapper).await?;
        }
        Ok(keys)
    }

    async fn write(&self, keys: &[RootKey], wrapper: &dyn KeyWrapper) -> Result<(), SealError> {
        let mut stored = Stored { format: FORMAT.to_owned(), keys: Vec::with_capacity(keys.len()) };
        for key in keys {
            let wrapped = Zeroizing::new(wrapper.wrap_key(key.bytes()).await?);
            let value = Zeroizing::new(STANDARD.encode(&*wrapped));
            stored.keys.push(StoredKey { id: key.id(), protection: wrapper.protection().to_owned(), value });
        }
        let text = Zeroizing::new(serde_json::to_vec_pretty(&stored).expect("texts serialise"));
        write_secret_file(&self.path, &text).map_err(|error| self.failed(error))
    }
}
