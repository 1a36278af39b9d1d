//! Files below a directory.

use crate::error::{ErrorKind, PortError};
use crate::limits;
use crate::store::{Listed, Opened, Page, Store};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Larger files are read in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// What a digest's metadata is kept in, beside a copy of the digest.
const METADATA_ENDING: &str = ".metadata.json";

/// A directory as a store. Keys are paths below it with slashes; buckets mean nothing. Hidden files, and names that are
/// not UTF-8, are left out; links are followed.
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

fn failed(attempted: String, error: io::Error) -> PortError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::Missing,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Transient { retry_after: None },
    };
    PortError::new(kind, attempted, error)
}

#[async_trait]
impl Store for Directory {
    async fn open(&self, bucket: &str, key: &str) -> Result<Opened, PortError> {
        let attempted = format!("reading {}", self.display(bucket, key));
        if key.split('/').any(|part| part == "..") || key.starts_with('/') {
            return Err(PortError::new(ErrorKind::Invalid, attempted, "the name leads out of the directory"));
        }
        let path = self.root.join(key);
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        let opened = opened.map_err(io::Error::other).and_then(|opened| opened);
        let (first, file, size, metadata) = opened.map_err(|error| failed(attempted.clone(), error))?;
        let rest = stream::try_unfold(file, move |file| {
            let attempted = attempted.clone();
            async move {
                let Some(mut file) = file else { return Ok(None) };
                let read = tokio::task::spawn_blocking(move || piece(&mut file).map(|piece| (piece, file))).await;
                let read = read.map_err(io::Error::other).and_then(|read| read);
                let (piece, file) = read.map_err(|error| failed(attempted, error))?;
                Ok((!piece.is_empty()).then_some((piece, Some(file))))
            }
        });
        let body = stream::once(async { Ok(first) }).chain(rest).boxed();
        Ok(Opened { size: Some(size), metadata, body })
    }

    async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Page, PortError> {
        let attempted = format!("listing {}", self.display(bucket, prefix));
        let (root, prefix, after) = (self.root.clone(), prefix.to_owned(), after.map(str::to_owned));
        let listed = tokio::task::spawn_blocking(move || {
            let mut page = Page::default();
            let walk = Walk { root: &root, prefix: &prefix, after: after.as_deref() };
            walk.folder("", 0, &mut page).map(|()| page)
        });
        let listed = listed.await.map_err(io::Error::other).and_then(|listed| listed);
        listed.map_err(|error| failed(attempted, error))
    }

    fn display(&self, _bucket: &str, key: &str) -> String {
        self.root.join(key).display().to_string()
    }
}

type OpenedFile = (Bytes, Option<std::fs::File>, u64, BTreeMap<String, String>);

/// A small file is read at once: passing work between threads costs as much as reading it.
fn open(path: &Path) -> io::Result<OpenedFile> {
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut metadata = BTreeMap::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.contains("_CloudTrail-Digest_") {
        let side = path.with_file_name(format!("{name}{METADATA_ENDING}"));
        if let Ok(text) = std::fs::read(side) {
            let read: BTreeMap<String, String> = serde_json::from_slice(&text).unwrap_or_default();
            metadata = read.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        }
    }
    let first = piece(&mut file)?;
    let whole = first.len() as u64 == size;
    Ok((first, (!whole).then_some(file), size, metadata))
}

fn piece(file: &mut std::fs::File) -> io::Result<Bytes> {
    use io::Read;
    let mut piece = Vec::new();
    let mut limited = file.take(PIECE_BYTES as u64);
    limited.read_to_end(&mut piece)?;
    Ok(piece.into())
}

/// Walks in the order of keys, into no folder that lies wholly outside what is wanted.
struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: Option<&'a str>,
}

impl Walk<'_> {
    fn folder(&self, folder: &str, depth: usize, page: &mut Page) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                // One that leads nowhere is no file.
                let Ok(target) = std::fs::metadata(entry.path()) else { continue };
                kind = target.file_type();
            }
            if kind.is_dir() && depth < limits::DIRECTORY_DEPTH {
                entries.push(format!("{folder}{name}/"));
            } else if kind.is_file() {
                entries.push(format!("{folder}{name}"));
            }
        }
        entries.sort_unstable();
        for key in entries {
            if key.ends_with('/') {
                let wanted = key.starts_with(self.prefix) || self.prefix.starts_with(&key);
                let passed = self.after.is_some_and(|after| key.as_str() < after && !after.starts_with(&key));
                if wanted && !passed {
                    self.folder(&key, depth + 1, page)?;
                }
            } else if key.starts_with(self.prefix) && self.after.is_none_or(|after| key.as_str() > after) {
                if page.files.len() == limits::PAGE_KEYS {
                    page.more = true;
                } else if let Ok(metadata) = std::fs::metadata(self.root.join(&key)) {
                    page.files.push(Listed { key, size: metadata.len() });
                }
            }
            if page.more {
                return Ok(());
            }
        }
        Ok(())
    }
}
