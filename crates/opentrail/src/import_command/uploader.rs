//! Sends files, one after the other, until the server has each.

use super::Work;
use crate::client::{Body, Caller, Client};
use crate::pieces::Pieces;
use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Files up to this many bytes are read once and kept until they are sent; larger ones are read twice, for their hash
/// and for sending.
const MEMORY_BYTES: usize = 8 << 20;
/// Bytes read of a large file at a time, and pieces of it that wait to be sent.
const PIECE_BYTES: usize = 256 << 10;
const PIECES_WAITING: usize = 4;
/// Pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A file that is done with.
pub struct Uploaded {
    /// Its place in the list.
    pub file: usize,
    /// What the server said, or why there was nothing to send.
    pub answer: Result<Value, String>,
}

pub struct Uploader {
    work: Arc<Work>,
    endpoint: String,
    caller: Caller,
    patience: Duration,
    client: Option<Client>,
}

/// A file ready to be sent.
struct Loaded {
    hash: String,
    length: u64,
    /// `None` if it is too large to be kept.
    bytes: Option<Bytes>,
}

/// What came of one try.
enum Try {
    Done(Result<Value, String>),
    /// It may succeed later.
    Later(anyhow::Error),
}

impl Uploader {
    pub fn new(work: Arc<Work>, endpoint: &str, caller: Caller, patience: Duration) -> Self {
        Self { work, endpoint: endpoint.to_owned(), caller, patience, client: None }
    }

    /// Sends files until there are none left, or one cannot be sent for a reason that will be every file's.
    pub async fn run(mut self, news: mpsc::Sender<anyhow::Result<Uploaded>>) {
        loop {
            let file = self.work.next.fetch_add(1, Ordering::Relaxed);
            if file >= self.work.files.len() {
                return;
            }
            let uploaded = self.upload(file).await.map(|answer| Uploaded { file, answer });
            let failed = uploaded.is_err();
            // Nobody listens any more when another uploader has failed.
            if news.send(uploaded).await.is_err() || failed {
                return;
            }
        }
    }

    async fn upload(&mut self, file: usize) -> anyhow::Result<Result<Value, String>> {
        let mut loaded = match self.load(file).await? {
            Ok(loaded) => loaded,
            Err(reason) => return Ok(Err(reason)),
        };
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.attempt(file, &loaded).await? {
                Try::Done(answer) => return Ok(answer),
                Try::Later(error) if began.elapsed() + pause > self.patience => return Err(error),
                Try::Later(error) => tracing::debug!(%error, "will try again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if loaded.bytes.is_none() {
                // It may have changed in between, which is one of the reasons to be here.
                match self.load(file).await? {
                    Ok(again) => loaded = again,
                    Err(reason) => return Ok(Err(reason)),
                }
            }
        }
    }

    /// Reads a file; the inner error is why it cannot be read.
    async fn load(&self, file: usize) -> anyhow::Result<Result<Loaded, String>> {
        let work = Arc::clone(&self.work);
        let read = move || -> anyhow::Result<Loaded> {
            let file = &work.files[file];
            let mut reader = work.sources[file.source].open(&file.location)?;
            let mut hash = Context::new(&SHA256);
            let mut kept = Some(Vec::new());
            let mut piece = vec![0; PIECE_BYTES];
            let mut length = 0;
            loop {
                let read = match reader.read(&mut piece) {
                    Ok(0) => break,
                    Ok(read) => &piece[..read],
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error.into()),
                };
                hash.update(read);
                length += read.len() as u64;
                kept = kept.filter(|bytes| bytes.len() + read.len() <= MEMORY_BYTES);
                if let Some(bytes) = &mut kept {
                    bytes.extend_from_slice(read);
                }
            }
            Ok(Loaded { hash: hex::encode(hash.finish()), length, bytes: kept.map(Bytes::from) })
        };
        let read = tokio::task::spawn_blocking(read).await.context("reading a file was interrupted")?;
        Ok(read.map_err(|error| format!("cannot be read: {error:#}")))
    }

    /// # Errors
    /// If it makes no sense to try again, nor to send any other file.
    async fn attempt(&mut self, file: usize, loaded: &Loaded) -> anyhow::Result<Try> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => match Client::connect(&self.endpoint).await {
                Ok(client) => client,
                Err(error) => return Ok(Try::Later(error)),
            },
        };
        let name = &self.work.files[file].name;
        let target = format!("{}?source={}", crate::upload::PATH, encoded(name));
        let body = match &loaded.bytes {
            Some(bytes) => Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync(),
            None => self.stream(file),
        };
        let sent = client.send_stream(&self.caller, "opentrail", &target, &loaded.hash, loaded.length, body).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Ok(Try::Later(error.context(format!("sending {name}")))),
        };
        self.client = Some(client);
        match answer.status {
            200 => Ok(Try::Done(Ok(answer.json()?))),
            413 => Ok(Try::Done(Err(answer.text()))),
            // A hash that does not fit: the file changed while it was sent.
            400 if answer.text().contains("x-amz-content-sha256") => Ok(Try::Later(anyhow::anyhow!("{}", answer.text()))),
            429 | 500..=599 => Ok(Try::Later(anyhow::anyhow!("the server answered {}: {}", answer.status, answer.text()))),
            status => bail!("the server refused {name} with {status}: {}", answer.text()),
        }
    }

    /// A large file, read on while it is sent.
    fn stream(&self, file: usize) -> Body {
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        let work = Arc::clone(&self.work);
        tokio::task::spawn_blocking(move || {
            let file = &work.files[file];
            let mut reader = match work.sources[file.source].open(&file.location) {
                Ok(reader) => reader,
                Err(error) => {
                    let _ = sender.blocking_send(Err(io::Error::other(error)));
                    return;
                }
            };
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let read = reader.read(&mut piece).map(|length| {
                    piece.truncate(length);
                    Bytes::from(piece)
                });
                let last = !matches!(&read, Ok(piece) if !piece.is_empty());
                // Whoever sent it has given up, or it is at its end.
                if read.as_ref().is_ok_and(Bytes::is_empty) || sender.blocking_send(read).is_err() || last {
                    return;
                }
            }
        });
        Pieces(pieces).boxed_unsync()
    }
}

/// Percent-encoded for a query.
fn encoded(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.~".contains(b);
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
