//! The port to a store of files.

use crate::error::{ErrorKind, PortError};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::BTreeMap;
use std::time::Duration;

/// A file being read.
pub struct Opened {
    /// Stored bytes, if the store tells.
    pub size: Option<u64>,
    /// User metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
    pub body: BoxStream<'static, Result<Bytes, PortError>>,
}

/// A file of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    pub size: u64,
}

/// Files in the order of their keys' bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub files: Vec<Listed>,
    /// Whether files follow after the last one.
    pub more: bool,
}

/// Files by bucket and key.
///
/// Implementations only read, are used from many tasks at once and do not retry by themselves.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens a file. Its body is as stored: nothing is decompressed. A body that ends early is an error of its stream.
    async fn open(&self, bucket: &str, key: &str) -> Result<Opened, PortError>;

    /// Files whose keys begin with `prefix` and come after `after`, at most [`crate::limits::PAGE_KEYS`] of them.
    async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Page, PortError>;

    /// A file as people write it, for reports.
    fn display(&self, bucket: &str, key: &str) -> String;
}

impl Opened {
    /// All stored bytes. Less than was announced is an error to be tried again, and so is a pause longer than `patience`.
    pub async fn read(mut self, attempted: &str, limit: u64, patience: Duration) -> Result<Vec<u8>, PortError> {
        let too_large = || PortError::new(ErrorKind::Invalid, attempted, format!("the file is larger than {limit} bytes"));
        if self.size.is_some_and(|size| size > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size.unwrap_or(0)).unwrap_or(0));
        loop {
            match tokio::time::timeout(patience, self.body.next()).await {
                Err(_) => return Err(PortError::transient(attempted, "no byte came in time")),
                Ok(None) => break,
                Ok(Some(piece)) => bytes.extend_from_slice(&piece?),
            }
            if bytes.len() as u64 > limit {
                return Err(too_large());
            }
        }
        match self.size {
            Some(size) if size != bytes.len() as u64 => {
                Err(PortError::transient(attempted, format!("{} of {size} bytes came", bytes.len())))
            }
            _ => Ok(bytes),
        }
    }
}
