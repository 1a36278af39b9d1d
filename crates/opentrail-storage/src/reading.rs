//! Reading an object's bytes.

use crate::blob::BlobStore;
use crate::blob_cipher::{CHUNK_BYTES, ChunkCipher, HEADER_BYTES, STORED_CHUNK_BYTES, TAG_BYTES, damaged, unsealed};
use crate::entity::{BlobEncryption, BlobRef, Object};
use crate::error::StoreError;
use crate::pins::Pinned;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::stream;
use opentrail_seal::DerivingKey;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

const READ_BYTES: usize = 128 * 1024;

/// Bytes as they are read from disk.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>;

/// An object whose bytes stay readable while this is held, whatever happens to its key.
pub struct OpenObject {
    pub object: Arc<Object>,
    blobs: BlobStore,
    pinned: Pinned,
    /// The data key of an object under a KMS key, or the customer's key.
    data_key: Option<DerivingKey>,
}

/// A stretch of one file.
struct Piece {
    id: String,
    path: PathBuf,
    /// Of the plaintext, within the whole plaintext of the file.
    range: Range<u64>,
    size: u64,
    data_key: Option<DerivingKey>,
}

/// A file being read.
enum Current {
    Plain { file: File, left: u64 },
    Encrypted(EncryptedFile),
}

struct EncryptedFile {
    file: File,
    cipher: ChunkCipher,
    /// Plaintext that is still wanted.
    range: Range<u64>,
    /// Plaintext of the whole file.
    size: u64,
}

struct Reader {
    pieces: VecDeque<Piece>,
    current: Option<Current>,
    /// Read ahead when the object was opened.
    first: Option<Bytes>,
    /// Held until the last byte is read.
    _pinned: Pinned,
}

impl OpenObject {
    pub(crate) fn new(object: Arc<Object>, blobs: BlobStore) -> Self {
        let pinned = blobs.pins.pin(object.blobs.iter().map(|blob| (blob.id.clone(), blobs.path(&blob.id))).collect());
        Self { object, blobs, pinned, data_key: None }
    }

    /// Gives the data key that KMS decrypted; needed for what [`Object::kms`] is told of.
    pub fn unlock(&mut self, data_key: DerivingKey) {
        self.data_key = Some(data_key);
    }

    /// The range that part `number` (from 1) takes; of an object in one piece, part 1 is all of it.
    pub fn part_range(&self, number: usize) -> Option<Range<u64>> {
        let blob = self.object.blobs.get(number.checked_sub(1)?)?;
        let start: u64 = self.object.blobs[..number - 1].iter().map(|blob| blob.size).sum();
        Some(start..start + blob.size)
    }

    /// The bytes of a range, which must lie within the object. The first chunk is read here, so that what is missing or
    /// altered shows before an answer begins; what is altered later on ends the stream with an error.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if the bytes are not there, [`StoreError::Locked`] if their data key was not given.
    pub async fn read(self, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let mut pieces = VecDeque::new();
        let mut start = 0;
        for blob in &self.object.blobs {
            let end = start + blob.size;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                pieces.push_back(self.piece(blob, from - start..to - start)?);
            }
            start = end;
        }
        let object = Arc::clone(&self.object);
        let mut reader = Reader { pieces, current: None, first: None, _pinned: self.pinned };
        reader.first = reader.next_chunk().await.map_err(|error| {
            tracing::error!(bucket = object.bucket, key = object.key, %error, "an object's bytes cannot be read");
            StoreError::Lost { bucket: object.bucket.clone(), key: object.key.clone() }
        })?;
        Ok(Box::pin(stream::try_unfold((reader, object), |(mut reader, object)| async move {
            let chunk = match reader.first.take() {
                Some(first) => Some(first),
                None => reader.next_chunk().await.inspect_err(|error| {
                    tracing::error!(bucket = object.bucket, key = object.key, %error, "an object's bytes cannot be read");
                })?,
            };
            Ok(chunk.map(|bytes| (bytes, (reader, object))))
        })))
    }

    fn piece(&self, blob: &BlobRef, range: Range<u64>) -> Result<Piece, StoreError> {
        let (bucket, key) = (&self.object.bucket, &self.object.key);
        let data_key = match &blob.encryption {
            None => None,
            Some(BlobEncryption::Store { data_key }) => {
                let opened = unsealed(&blob.id, data_key, &self.blobs.seal);
                Some(opened.ok_or_else(|| StoreError::Lost { bucket: bucket.clone(), key: key.clone() })?)
            }
            Some(BlobEncryption::Kms(_) | BlobEncryption::Customer(_) | BlobEncryption::AsFirst) => {
                let given = self.data_key.clone();
                Some(given.ok_or_else(|| StoreError::Locked { bucket: bucket.clone(), key: key.clone() })?)
            }
        };
        Ok(Piece { id: blob.id.clone(), path: self.blobs.path(&blob.id), range, size: blob.size, data_key })
    }
}

impl Piece {
    async fn open(self) -> io::Result<Current> {
        let mut file = File::open(&self.path).await?;
        let Some(data_key) = &self.data_key else {
            file.seek(SeekFrom::Start(self.range.start)).await?;
            return Ok(Current::Plain { file, left: self.range.end - self.range.start });
        };
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).await?;
        let cipher = ChunkCipher::resume(data_key, &self.id, &header).ok_or_else(damaged)?;
        let chunk = self.range.start / CHUNK_BYTES as u64;
        file.seek(SeekFrom::Start(HEADER_BYTES as u64 + chunk * STORED_CHUNK_BYTES as u64)).await?;
        Ok(Current::Encrypted(EncryptedFile { file, cipher, range: self.range, size: self.size }))
    }
}

impl EncryptedFile {
    /// The wanted plaintext of the next chunk; `None` at the end.
    async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let whole = CHUNK_BYTES as u64;
        let number = self.range.start / whole;
        let chunk_start = number * whole;
        let chunk_end = (chunk_start + whole).min(self.size);
        let plain = usize::try_from(chunk_end - chunk_start).map_err(io::Error::other)?;
        let mut buffer = BytesMut::with_capacity(plain + TAG_BYTES);
        while buffer.len() < plain + TAG_BYTES {
            let missing = plain + TAG_BYTES - buffer.len();
            if (&mut self.file).take(missing as u64).read_buf(&mut buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
        let number = u32::try_from(number).map_err(io::Error::other)?;
        let length = self.cipher.decrypt(number, chunk_end == self.size, &mut buffer)?;
        buffer.truncate(length);
        let wanted_end = self.range.end.min(chunk_end);
        let from = usize::try_from(self.range.start - chunk_start).map_err(io::Error::other)?;
        let to = usize::try_from(wanted_end - chunk_start).map_err(io::Error::other)?;
        self.range.start = wanted_end;
        Ok(Some(buffer.freeze().slice(from..to)))
    }
}

impl Reader {
    async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let chunk = match &mut self.current {
                None => match self.pieces.pop_front() {
                    None => return Ok(None),
                    Some(piece) => {
                        self.current = Some(piece.open().await?);
                        continue;
                    }
                },
                Some(Current::Encrypted(file)) => file.next_chunk().await?,
                Some(Current::Plain { left: 0, .. }) => None,
                Some(Current::Plain { file, left }) => {
                    let wanted = usize::try_from(*left).map_or(READ_BYTES, |left| left.min(READ_BYTES));
                    let mut buffer = BytesMut::with_capacity(wanted);
                    let got = file.take(wanted as u64).read_buf(&mut buffer).await?;
                    if got == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
                    }
                    *left -= got as u64;
                    Some(buffer.freeze())
                }
            };
            match chunk {
                Some(chunk) => return Ok(Some(chunk)),
                None => self.current = None,
            }
        }
    }
}
