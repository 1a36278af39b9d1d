//! Files of bytes: written once, encrypted (see blob_cipher.rs), read in ranges, removed.
//!
//! ```text
//! DIR/blobs/tmp/<id>   being written, or left by a crash
//! DIR/blobs/ab/<id>    complete and synced; `ab` are the first two characters of the id
//! ```

use crate::blob_cipher::{BlobKey, CHUNK_BYTES, ChunkCipher, STORED_CHUNK_BYTES};
use crate::checksum::{ChecksumAlgorithm, Hasher};
use crate::entity::{BlobEncryption, BlobRef};
use crate::error::StoreError;
use crate::pins::Pins;
use md5::{Digest, Md5};
use opentrail_seal::Seal;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncWriteExt, BufWriter};

/// Largest blob: S3's limit for one PUT and for one part.
pub const MAX_BLOB_BYTES: u64 = 5 * 1024 * 1024 * 1024;

const WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// The directory of blobs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct BlobStore {
    dir: PathBuf,
    pub(crate) pins: Pins,
    pub(crate) seal: Arc<Seal>,
}

/// A complete, durable blob that no entity names yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub id: String,
    pub size: u64,
    pub md5: [u8; 16],
    /// What the ETag is made of: the MD5, or something random.
    pub entity_tag: [u8; 16],
    /// In base64, of the algorithms asked for.
    pub checksums: Vec<(ChecksumAlgorithm, String)>,
    pub encryption: Option<BlobEncryption>,
}

impl Blob {
    pub fn reference(&self) -> BlobRef {
        BlobRef { id: self.id.clone(), size: self.size, encryption: self.encryption.clone() }
    }

    /// The hex MD5; of bytes under a KMS key something random, so that it tells nothing about them.
    pub fn etag(&self) -> String {
        hex::encode(self.entity_tag)
    }

    pub fn checksum(&self, algorithm: ChecksumAlgorithm) -> Option<&str> {
        self.checksums.iter().find(|(of, _)| *of == algorithm).map(|(_, value)| value.as_str())
    }
}

impl BlobStore {
    pub(crate) fn open(dir: &Path, seal: Arc<Seal>) -> Result<Self, StoreError> {
        let dir = dir.join("blobs");
        for name in (0..=u8::MAX).map(|byte| hex::encode([byte])).chain(["tmp".to_owned()]) {
            let path = dir.join(name);
            fs::create_dir_all(&path).map_err(|source| StoreError::file("creating directory", path, source))?;
        }
        sync_dir(&dir).map_err(|source| StoreError::file("syncing directory", dir.clone(), source))?;
        Ok(Self { dir, pins: Pins::default(), seal })
    }

    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.dir.join(id.get(..2).unwrap_or("00")).join(id)
    }

    pub(crate) async fn writer(
        &self,
        limit: u64,
        checksums: &[ChecksumAlgorithm],
        key: &BlobKey,
    ) -> Result<BlobWriter, StoreError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (data_key, encryption) = key.of_blob(&id, &self.seal)?.unzip();
        let temp = TempFile { path: self.dir.join("tmp").join(&id), armed: true };
        let file = tokio::fs::File::create_new(&temp.path)
            .await
            .map_err(|source| StoreError::file("creating", temp.path.clone(), source))?;
        let mut file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        let mut cipher = None;
        if let Some(data_key) = data_key {
            let (begun, header) = ChunkCipher::begin(&data_key, &id);
            file.write_all(&header).await.map_err(|source| StoreError::file("writing", temp.path.clone(), source))?;
            cipher = Some(Encrypting { cipher: begun, number: 0, pending: Vec::with_capacity(STORED_CHUNK_BYTES) });
        }
        Ok(BlobWriter {
            file,
            cipher,
            encryption,
            target: self.path(&id),
            temp,
            id,
            size: 0,
            limit,
            md5: Md5::new(),
            hashers: checksums.iter().map(|algorithm| (*algorithm, Hasher::new(*algorithm))).collect(),
        })
    }

    /// Removes a blob, now or when its last reader is gone. A blob that stays behind is an orphan for the next sweep.
    pub(crate) fn discard(&self, id: &str) {
        if self.pins.doom(id) {
            remove(&self.path(id));
        }
    }

    /// Blobs that were complete before `before`, and whatever lies in `tmp` since before then.
    pub(crate) fn older_than(&self, before: SystemTime) -> io::Result<(HashSet<String>, Vec<PathBuf>)> {
        let mut blobs = HashSet::new();
        let mut temporary = Vec::new();
        for folder in fs::read_dir(&self.dir)? {
            let folder = folder?;
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                if file.metadata()?.modified()? >= before {
                    continue;
                }
                if folder.file_name() == "tmp" {
                    temporary.push(file.path());
                } else if let Some(name) = file.file_name().to_str() {
                    blobs.insert(name.to_owned());
                }
            }
        }
        Ok((blobs, temporary))
    }
}

/// Removes a file; failing that, says so.
pub(crate) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a dropped blob could not be removed and stays until the next sweep");
        }
        _ => {}
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Removes the file unless it was renamed away.
struct TempFile {
    path: PathBuf,
    armed: bool,
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.armed {
            remove(&self.path);
        }
    }
}

/// Bytes on their way through the cipher.
struct Encrypting {
    cipher: ChunkCipher,
    /// Of the chunk that is pending.
    number: u32,
    pending: Vec<u8>,
}

impl Encrypting {
    /// Takes what fits into the chunk; answers the rest.
    fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.pending.len()));
        self.pending.extend_from_slice(now);
        rest
    }

    async fn flush(&mut self, last: bool, file: &mut BufWriter<tokio::fs::File>) -> io::Result<()> {
        self.cipher.encrypt(self.number, last, &mut self.pending);
        file.write_all(&self.pending).await?;
        self.pending.clear();
        self.number += 1;
        Ok(())
    }
}

/// Writes one blob. Dropping it leaves nothing behind.
pub struct BlobWriter {
    file: BufWriter<tokio::fs::File>,
    cipher: Option<Encrypting>,
    encryption: Option<BlobEncryption>,
    temp: TempFile,
    target: PathBuf,
    id: String,
    size: u64,
    limit: u64,
    md5: Md5,
    hashers: Vec<(ChecksumAlgorithm, Hasher)>,
}

impl BlobWriter {
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limit, or if the file cannot be written.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        self.md5.update(bytes);
        for (_, hasher) in &mut self.hashers {
            hasher.update(bytes);
        }
        let written = match &mut self.cipher {
            None => self.file.write_all(bytes).await,
            Some(encrypting) => {
                let mut rest = encrypting.fill(bytes);
                // A full chunk is kept until more comes: only then it is known not to be the last.
                loop {
                    if rest.is_empty() {
                        break Ok(());
                    }
                    if let Err(error) = encrypting.flush(false, &mut self.file).await {
                        break Err(error);
                    }
                    rest = encrypting.fill(rest);
                }
            }
        };
        written.map_err(|source| StoreError::file("writing", self.temp.path.clone(), source))
    }

    /// Makes the blob durable under its name.
    ///
    /// # Errors
    /// If it cannot be synced or renamed.
    pub async fn finish(mut self) -> Result<Blob, StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::file("storing", path, source)
        };
        if let Some(encrypting) = &mut self.cipher {
            encrypting.flush(true, &mut self.file).await.map_err(failed(&self.temp.path))?;
        }
        self.file.flush().await.map_err(failed(&self.temp.path))?;
        self.file.get_ref().sync_all().await.map_err(failed(&self.temp.path))?;
        // A crash until here leaves a file in `tmp`, one after here an orphan.
        let (temp, target) = (self.temp.path.clone(), self.target.clone());
        tokio::task::spawn_blocking(move || {
            fs::rename(&temp, &target)?;
            sync_dir(target.parent().unwrap_or(Path::new("/")))
        })
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(failed(&self.target))?;
        self.temp.armed = false;
        let md5: [u8; 16] = self.md5.finalize().into();
        let mut entity_tag = md5;
        if matches!(self.encryption, Some(BlobEncryption::Kms(_) | BlobEncryption::Customer(_))) {
            aws_lc_rs::rand::fill(&mut entity_tag).expect("the system's random generator works");
        }
        Ok(Blob {
            id: self.id,
            size: self.size,
            md5,
            entity_tag,
            encryption: self.encryption,
            checksums: self.hashers.into_iter().map(|(algorithm, hasher)| (algorithm, hasher.finish())).collect(),
        })
    }
}
