//! A directory, or a single file in one, as a source.

use crate::error::VerifyError;
use crate::limits;
use crate::names::{self, FileName, Kind};
use crate::source::{Object, Source};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Component, Path, PathBuf};
use tokio::io::AsyncReadExt;

/// Ending of the side file with a digest's user metadata.
pub const METADATA_ENDING: &str = ".metadata.json";
const ROOT_FOLDER: &str = "AWSLogs/";

/// Files copied from a bucket to anywhere. Beside a digest may lie `<file>.metadata.json` with its user metadata.
pub struct Directory {
    root: PathBuf,
    /// For a single file: its location, the only one listed.
    only: Option<String>,
}

impl Directory {
    /// A directory, or a single file; then what it names is sought in the tree it lies in.
    pub fn open(path: &Path) -> Result<Self, VerifyError> {
        let read = |source| VerifyError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.is_dir() {
            return Ok(Self { root: path.to_owned(), only: None });
        }
        let path = path.canonicalize().map_err(read)?;
        let not_utf8 = || read(io::Error::new(io::ErrorKind::InvalidInput, "path is not UTF-8"));
        let location = path.to_str().ok_or_else(not_utf8)?;
        let tail = match FileName::parse(names::file_name(location)) {
            Some(name) => names::split_location(location, &name).1,
            None => names::file_name(location),
        };
        let root = PathBuf::from(&location[..location.len() - tail.len()]);
        Ok(Self { root, only: Some(tail.to_owned()) })
    }

    fn path(&self, location: &str) -> Option<PathBuf> {
        let path = Path::new(location);
        // A digest is not trusted to name files outside.
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.root.join(path))
    }

    async fn open_file(&self, location: &str) -> Result<Option<(PathBuf, tokio::fs::File)>, VerifyError> {
        let Some(path) = self.path(location) else { return Ok(None) };
        match tokio::fs::File::open(&path).await {
            Ok(file) => Ok(Some((path, file))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(VerifyError::Read { path, source }),
        }
    }
}

#[async_trait]
impl Source for Directory {
    async fn list(&self) -> Result<Vec<String>, VerifyError> {
        if let Some(only) = &self.only {
            return Ok(vec![only.clone()]);
        }
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || walk(&root)).await?
    }

    async fn open(&self, location: &str) -> Result<Option<Object>, VerifyError> {
        let mut found = self.open_file(location).await?;
        // A key that a digest names has the trail's prefix, which a copy need not have.
        if found.is_none()
            && let Some(at) = location.find(ROOT_FOLDER)
            && at > 0
        {
            found = self.open_file(&location[at..]).await?;
        }
        let Some((path, file)) = found else { return Ok(None) };
        let metadata = side_file(&path).await?;
        let body = futures::stream::try_unfold((path, file), |(path, mut file)| async move {
            let mut piece = BytesMut::with_capacity(limits::READ_CHUNK_BYTES);
            match file.read_buf(&mut piece).await {
                Ok(0) => Ok(None),
                Ok(_) => Ok(Some((Bytes::from(piece), (path, file)))),
                Err(source) => Err(VerifyError::Read { path, source }),
            }
        });
        Ok(Some(Object { body: body.boxed(), metadata }))
    }

    fn bucket(&self) -> Option<&str> {
        None
    }

    fn display(&self, location: &str) -> String {
        self.root.join(location).display().to_string()
    }
}

/// The metadata beside a digest.
async fn side_file(path: &Path) -> Result<BTreeMap<String, String>, VerifyError> {
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !matches!(FileName::parse(file_name), Some(FileName { kind: Kind::Digest { .. }, .. })) {
        return Ok(BTreeMap::new());
    }
    let path = path.with_file_name(format!("{file_name}{METADATA_ENDING}"));
    let read = |source| VerifyError::Read { path: path.clone(), source };
    let file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(read(source)),
    };
    let mut json = Vec::new();
    file.take(limits::METADATA_FILE_BYTES).read_to_end(&mut json).await.map_err(read)?;
    Ok(parse_metadata(&json))
}

/// The strings of a JSON object. A damaged side file counts as none: the signature is then missing, which is reported.
fn parse_metadata(json: &[u8]) -> BTreeMap<String, String> {
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json).unwrap_or_default();
    let text = |(name, value): (String, serde_json::Value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()));
    fields.into_iter().filter_map(text).collect()
}

/// Locations of CloudTrail files below `root`, following symbolic links but entering no folder twice.
fn walk(root: &Path) -> Result<Vec<String>, VerifyError> {
    let mut found = Vec::new();
    let mut entered = HashSet::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, location, depth)) = folders.pop() {
        let read = |source| VerifyError::Read { path: folder.clone(), source };
        if !entered.insert(folder.canonicalize().map_err(read)?) {
            continue;
        }
        for entry in std::fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            let file_name = entry.file_name();
            // CloudTrail's names are ASCII.
            let Some(name) = file_name.to_str() else { continue };
            let location = if location.is_empty() { name.to_owned() } else { format!("{location}/{name}") };
            // Follows links; one that leads nowhere is no file.
            let Ok(kind) = std::fs::metadata(entry.path()) else { continue };
            if kind.is_dir() && depth < limits::DIRECTORY_DEPTH {
                folders.push((entry.path(), location, depth + 1));
            } else if kind.is_file() && FileName::parse(name).is_some() {
                found.push(location);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "218007301253_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz";

    #[tokio::test]
    async fn lists_only_cloudtrail_files_and_survives_link_loops() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).expect("created");
        std::fs::write(deep.join(LOG), b"x").expect("written");
        std::fs::write(deep.join("notes.txt"), b"x").expect("written");
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), deep.join("loop")).expect("linked");
        let source = Directory::open(folder.path()).expect("opens");
        assert_eq!(source.list().await.expect("lists"), [format!("a/b/{LOG}")]);
        assert!(source.open(&format!("a/b/{LOG}")).await.expect("opens").is_some());
        assert!(source.open("a/b/none").await.expect("opens").is_none());
        assert!(source.open(&format!("a/../a/b/{LOG}")).await.expect("opens").is_none());
        assert!(source.open("/etc/hostname").await.expect("opens").is_none());
    }

    #[tokio::test]
    async fn a_single_file_is_listed_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(LOG);
        std::fs::write(&path, b"x").expect("written");
        let source = Directory::open(&path).expect("opens");
        assert_eq!(source.list().await.expect("lists"), [LOG]);
        assert!(Directory::open(&folder.path().join("none")).is_err());
    }

    #[test]
    fn metadata_is_read_leniently() {
        let read = parse_metadata(br#"{"Signature":"ab","n":1}"#);
        assert_eq!(read, BTreeMap::from([("signature".to_owned(), "ab".to_owned())]));
        assert!(parse_metadata(b"not json").is_empty());
    }
}
