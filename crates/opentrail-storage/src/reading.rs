//! Reading an object's bytes.

use crate::blob::BlobStore;
use crate::entity::Object;
use crate::error::StoreError;
use crate::pins::Pinned;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::stream;
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
#[derive(Debug)]
pub struct OpenObject {
    pub object: Arc<Object>,
    blobs: BlobStore,
    pinned: Pinned,
}

/// A stretch of one file.
struct Piece {
    path: PathBuf,
    offset: u64,
    length: u64,
}

struct Reader {
    pieces: VecDeque<Piece>,
    current: Option<(File, u64)>,
    /// Held until the last byte is read.
    _pinned: Pinned,
}

impl OpenObject {
    pub(crate) fn new(object: Arc<Object>, blobs: BlobStore) -> Self {
        let pinned = blobs.pins.pin(object.blobs.iter().map(|blob| (blob.id.clone(), blobs.path(&blob.id))).collect());
        Self { object, blobs, pinned }
    }

    /// The range that part `number` (from 1) takes; of an object in one piece, part 1 is all of it.
    pub fn part_range(&self, number: usize) -> Option<Range<u64>> {
        let blob = self.object.blobs.get(number.checked_sub(1)?)?;
        let start: u64 = self.object.blobs[..number - 1].iter().map(|blob| blob.size).sum();
        Some(start..start + blob.size)
    }

    /// The bytes of a range, which must lie within the object. The first file is opened here, so that what is missing shows
    /// before an answer begins.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if the bytes are not there.
    pub async fn read(self, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let mut pieces = VecDeque::new();
        let mut start = 0;
        for blob in &self.object.blobs {
            let end = start + blob.size;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                pieces.push_back(Piece { path: self.blobs.path(&blob.id), offset: from - start, length: to - from });
            }
            start = end;
        }
        let mut reader = Reader { pieces, current: None, _pinned: self.pinned };
        reader.open_next().await.map_err(|error| {
            tracing::error!(bucket = self.object.bucket, key = self.object.key, %error, "an object's bytes cannot be opened");
            StoreError::Lost { bucket: self.object.bucket.clone(), key: self.object.key.clone() }
        })?;
        Ok(Box::pin(stream::try_unfold(reader, |mut reader| async move {
            let chunk = reader.next_chunk().await?;
            Ok(chunk.map(|bytes| (bytes, reader)))
        })))
    }
}

impl Reader {
    async fn open_next(&mut self) -> io::Result<()> {
        if let Some(piece) = self.pieces.pop_front() {
            let mut file = File::open(&piece.path).await?;
            file.seek(SeekFrom::Start(piece.offset)).await?;
            self.current = Some((file, piece.length));
        }
        Ok(())
    }

    async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let Some((file, left)) = &mut self.current else { return Ok(None) };
            if *left == 0 {
                self.current = None;
                self.open_next().await?;
                continue;
            }
            let wanted = usize::try_from(*left).map_or(READ_BYTES, |left| left.min(READ_BYTES));
            let mut buffer = BytesMut::with_capacity(wanted);
            let got = file.take(wanted as u64).read_buf(&mut buffer).await?;
            if got == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            *left -= got as u64;
            return Ok(Some(buffer.freeze()));
        }
    }
}
