//! A directory, or a single file in one, as a source.

use crate::error::VerifyError;
use crate::limits;
use crate::names::{self, FileName};
use crate::period::Period;
use crate::source::{Files, Listing, LocalFile, LocalFiles, METADATA_ENDING, Source, parse_metadata, without_prefix};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Files copied from a bucket to anywhere. Beside a digest may lie `<file>.metadata.json` with its user metadata.
pub struct Directory {
    tree: Arc<Tree>,
    /// For a single file: its location, the only one listed.
    only: Option<String>,
}

struct Tree {
    root: PathBuf,
}

impl Directory {
    /// A directory, or a single file; then what it names is sought in the tree it lies in.
    pub fn open(path: &Path) -> Result<Self, VerifyError> {
        let read = |source| VerifyError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.is_dir() {
            return Ok(Self { tree: Arc::new(Tree { root: path.to_owned() }), only: None });
        }
        let path = path.canonicalize().map_err(read)?;
        let not_utf8 = || read(io::Error::new(io::ErrorKind::InvalidInput, "path is not UTF-8"));
        let location = path.to_str().ok_or_else(not_utf8)?;
        let tail = match FileName::parse(names::file_name(location)) {
            Some(name) => names::split_location(location, &name).1,
            None => names::file_name(location),
        };
        let root = PathBuf::from(&location[..location.len() - tail.len()]);
        Ok(Self { tree: Arc::new(Tree { root }), only: Some(tail.to_owned()) })
    }
}

#[async_trait]
impl Source for Directory {
    async fn list(&self, _: &Period) -> Result<Listing, VerifyError> {
        if let Some(only) = &self.only {
            let mut listing = Listing::default();
            listing.add(only.clone());
            return Ok(listing);
        }
        let tree = Arc::clone(&self.tree);
        tokio::task::spawn_blocking(move || walk(&tree.root)).await?
    }

    fn files(&self) -> Files {
        Files::Local(Arc::clone(&self.tree) as Arc<dyn LocalFiles>)
    }

    fn bucket(&self) -> Option<&str> {
        None
    }

    fn display(&self, location: &str) -> String {
        self.tree.root.join(location).display().to_string()
    }
}

impl Tree {
    fn open_file(&self, location: &str) -> Result<Option<(PathBuf, File)>, VerifyError> {
        let path = Path::new(location);
        // A digest is not trusted to name files outside.
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        let path = self.root.join(path);
        match File::open(&path) {
            Ok(file) => Ok(Some((path, file))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            // Longer than the system allows a name to be: no such file can exist.
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => Ok(None),
            Err(source) => Err(VerifyError::Read { path, source }),
        }
    }
}

impl LocalFiles for Tree {
    fn open(&self, location: &str) -> Result<Option<LocalFile>, VerifyError> {
        let mut found = self.open_file(location)?;
        if found.is_none()
            && let Some(tail) = without_prefix(location)
        {
            found = self.open_file(tail)?;
        }
        let Some((path, file)) = found else { return Ok(None) };
        let about = file.metadata().map_err(|source| VerifyError::Read { path: path.clone(), source })?;
        // A pipe or device would never end, and a folder cannot be read.
        if !about.is_file() {
            return Ok(None);
        }
        Ok(Some(LocalFile { reader: Box::new(file), size: about.len() }))
    }

    fn metadata(&self, location: &str) -> Result<BTreeMap<String, String>, VerifyError> {
        let Some((path, file)) = self.open_file(&format!("{location}{METADATA_ENDING}"))? else { return Ok(BTreeMap::new()) };
        let mut json = Vec::new();
        let read = file.take(limits::METADATA_FILE_BYTES).read_to_end(&mut json);
        read.map_err(|source| VerifyError::Read { path, source })?;
        Ok(parse_metadata(&json))
    }
}

/// Locations of files below `root`, following symbolic links but entering no folder twice.
fn walk(root: &Path) -> Result<Listing, VerifyError> {
    let mut listing = Listing::default();
    let mut entered = HashSet::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, location, depth)) = folders.pop() {
        match walk_folder(&folder, &location, depth, &mut entered, &mut listing) {
            Ok(below) => folders.extend(below),
            Err(source) if location.is_empty() => return Err(VerifyError::Read { path: folder, source }),
            Err(source) => listing.unreadable.push((location, source.to_string())),
        }
        if listing.files.len() + listing.odd.len() > limits::FILES {
            return Err(VerifyError::TooManyFiles { limit: limits::FILES });
        }
    }
    listing.sort();
    Ok(listing)
}

/// Lists one folder; the folders in it.
fn walk_folder(
    folder: &Path,
    location: &str,
    depth: usize,
    entered: &mut HashSet<PathBuf>,
    listing: &mut Listing,
) -> io::Result<Vec<(PathBuf, String, usize)>> {
    let mut folders = Vec::new();
    if !entered.insert(folder.canonicalize()?) {
        return Ok(folders);
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        // CloudTrail's names are ASCII.
        let Some(name) = file_name.to_str() else { continue };
        let location = if location.is_empty() { name.to_owned() } else { format!("{location}/{name}") };
        let mut kind = entry.file_type()?;
        if kind.is_symlink() {
            // One that leads nowhere is no file.
            let Ok(target) = std::fs::metadata(entry.path()) else { continue };
            kind = target.file_type();
        }
        if kind.is_dir() && depth < limits::DIRECTORY_DEPTH {
            folders.push((entry.path(), location, depth + 1));
        } else if kind.is_file() {
            listing.add(location);
        }
    }
    Ok(folders)
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
        assert_eq!(source.list(&Period::default()).await.expect("lists").files, [format!("a/b/{LOG}")]);
        let is_there = |location: &str| source.tree.open(location).expect("opens").is_some();
        assert!(is_there(&format!("a/b/{LOG}")));
        assert!(!is_there("a/b/none") && !is_there("a/b") && !is_there(&"a".repeat(5000)));
        assert!(!is_there(&format!("a/../a/b/{LOG}")) && !is_there("/etc/hostname"));
    }

    #[tokio::test]
    async fn a_single_file_is_listed_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(LOG);
        std::fs::write(&path, b"x").expect("written");
        let source = Directory::open(&path).expect("opens");
        assert_eq!(source.list(&Period::default()).await.expect("lists").files, [LOG]);
        assert!(Directory::open(&folder.path().join("none")).is_err());
    }
}
