//! An S3 bucket as a source.

use super::names;
use super::source::Source;
use crate::error::SearchError;
use crate::limits;
use crate::query::Window;
use bytes::{Buf, Bytes};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use opentrail_aws_environment::AwsSettings;
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Objects of one bucket, in any store that speaks S3.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
    prefix: Option<Path>,
    runtime: Handle,
    /// Of listed objects, by key.
    versions: Mutex<HashMap<String, String>>,
}

impl Bucket {
    /// A bucket of the account and endpoint that the usual AWS environment variables name.
    pub fn from_environment(name: &str, prefix: &str) -> Result<Self, SearchError> {
        let builder = AwsSettings::from_environment(name)?.apply(AmazonS3Builder::from_env(), name);
        let failed = |source| SearchError::Bucket { bucket: name.to_owned(), key: prefix.to_owned(), source };
        Self::new(Arc::new(builder.build().map_err(failed)?), name, prefix)
    }

    /// A bucket reached through any store. Call it where a tokio runtime runs.
    pub fn new(store: Arc<dyn ObjectStore>, name: &str, prefix: &str) -> Result<Self, SearchError> {
        let prefix = match prefix.trim_matches('/') {
            "" => None,
            text => Some(Path::parse(text).map_err(|error| SearchError::Bucket {
                bucket: name.to_owned(),
                key: prefix.to_owned(),
                source: error.into(),
            })?),
        };
        let runtime = Handle::try_current().map_err(|source| SearchError::NoRuntime { source })?;
        Ok(Self { store, name: name.to_owned(), prefix, runtime, versions: Mutex::default() })
    }

    fn error(&self, key: &str, source: object_store::Error) -> SearchError {
        SearchError::Bucket { bucket: self.name.clone(), key: key.to_owned(), source }
    }

    fn note_version(&self, key: &str, object: &ObjectMeta) {
        let tag = object.e_tag.as_deref().unwrap_or_default();
        let version = format!("{} bytes at {} {tag}", object.size, object.last_modified.timestamp_millis());
        self.versions.lock().expect("no holder panics").insert(key.to_owned(), version);
    }

    async fn keys(&self, window: &Window) -> Result<Vec<String>, SearchError> {
        let mut objects = self.store.list(self.prefix.as_ref());
        let mut keys = Vec::new();
        let prefix = self.prefix.as_ref().map(Path::to_string).unwrap_or_default();
        while let Some(object) = objects.try_next().await.map_err(|source| self.error(&prefix, source))? {
            let key = object.location.to_string();
            if names::may_hold_records(&key) && names::may_be_in(window, &key) {
                self.note_version(&key, &object);
                keys.push(key);
            }
            if keys.len() > limits::FILES {
                return Err(SearchError::TooManyFiles { limit: limits::FILES });
            }
        }
        // A prefix may be the whole key, which listing below it does not answer.
        if keys.is_empty()
            && let Some(only) = &self.prefix
            && let Ok(object) = self.store.head(only).await
        {
            self.note_version(only.as_ref(), &object);
            keys.push(only.to_string());
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

impl Source for Bucket {
    fn list(&self, window: &Window, _problem: &mut dyn FnMut(String, SearchError)) -> Result<Vec<String>, SearchError> {
        self.runtime.block_on(self.keys(window))
    }

    fn open(&self, location: &str) -> Result<Box<dyn Read + Send>, SearchError> {
        let path = Path::parse(location).map_err(|error| self.error(location, error.into()))?;
        let object = self.runtime.block_on(self.store.get(&path)).map_err(|source| self.error(location, source))?;
        let mut stream = object.into_stream();
        let (sender, pieces) = mpsc::channel(limits::PIECES_WAITING);
        self.runtime.spawn(async move {
            while let Some(piece) = stream.next().await {
                // Nobody waits for the rest of an object that was given up.
                if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Box::new(Pieces { pieces, current: Bytes::new() }))
    }

    fn version(&self, location: &str) -> Option<String> {
        self.versions.lock().expect("no holder panics").get(location).cloned()
    }

    fn display(&self, location: &str) -> String {
        format!("s3://{}/{location}", self.name)
    }

    fn workers(&self) -> usize {
        limits::BUCKET_WORKERS
    }
}

/// A stream as a blocking reader.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.current.len());
        self.current.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}
