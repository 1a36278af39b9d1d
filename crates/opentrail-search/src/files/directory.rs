//! A directory, or a single file, as a source.

use super::names;
use super::source::Source;
use crate::error::SearchError;
use crate::limits;
use crate::query::Window;
use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files below a directory, or one file, which is read whatever its name.
pub struct Directory {
    root: PathBuf,
    single: bool,
}

impl Directory {
    pub fn open(path: &Path) -> Self {
        Self { root: path.to_owned(), single: !path.is_dir() }
    }

    fn path(&self, location: &str) -> PathBuf {
        if self.single { self.root.clone() } else { self.root.join(location) }
    }

    fn walk(&self, window: &Window, problem: &mut dyn FnMut(String, SearchError)) -> Result<Vec<String>, SearchError> {
        // Folders above the given one may say which day it is.
        let above = self.root.canonicalize().ok().and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_default();
        let mut found = Vec::new();
        let mut linked = HashSet::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let path = self.root.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(source) if folder.is_empty() => return Err(SearchError::Read { path, source }),
                Err(source) => {
                    problem(path.display().to_string(), SearchError::Read { path, source });
                    continue;
                }
            };
            for entry in entries.flatten() {
                let file_name = entry.file_name();
                let Some(name) = file_name.to_str() else { continue };
                let location = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let Ok(mut kind) = entry.file_type() else { continue };
                if kind.is_symlink() {
                    // One that leads nowhere is no file; a folder is entered through links only once.
                    let Ok(metadata) = fs::metadata(entry.path()) else { continue };
                    kind = metadata.file_type();
                    let target = entry.path().canonicalize().unwrap_or_default();
                    if kind.is_dir() && (self.leads_up(&target) || !linked.insert(target)) {
                        continue;
                    }
                }
                let wanted = || names::may_be_in(window, &format!("{above}/{location}"));
                if kind.is_dir() && depth < limits::DIRECTORY_DEPTH && wanted() {
                    folders.push((location, depth + 1));
                } else if kind.is_file() && names::may_hold_records(&location) && wanted() {
                    found.push(location);
                }
            }
            if found.len() > limits::FILES {
                return Err(SearchError::TooManyFiles { limit: limits::FILES });
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn leads_up(&self, target: &Path) -> bool {
        self.root.canonicalize().is_ok_and(|root| root.starts_with(target))
    }
}

impl Source for Directory {
    fn list(&self, window: &Window, problem: &mut dyn FnMut(String, SearchError)) -> Result<Vec<String>, SearchError> {
        if !self.single {
            return self.walk(window, problem);
        }
        let name = self.root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(if names::may_be_in(window, &name) { vec![name] } else { Vec::new() })
    }

    fn open(&self, location: &str) -> Result<Box<dyn Read + Send>, SearchError> {
        let path = self.path(location);
        match fs::File::open(&path) {
            Ok(file) => Ok(Box::new(file)),
            Err(source) => Err(SearchError::Read { path, source }),
        }
    }

    fn version(&self, location: &str) -> Option<String> {
        let metadata = fs::metadata(self.path(location)).ok()?;
        let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("{} bytes at {}", metadata.len(), modified.as_nanos()))
    }

    fn display(&self, location: &str) -> String {
        self.path(location).display().to_string()
    }

    fn workers(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_files_of_records_and_survives_link_loops() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).expect("created");
        for name in ["x.json", "y.ndjson.gz", "notes.txt"] {
            fs::write(deep.join(name), b"{}").expect("written");
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), deep.join("loop")).expect("linked");
        let list = |path: &Path| {
            Directory::open(path).list(&Window::default(), &mut |place, error| panic!("{place}: {error}")).expect("lists")
        };
        assert_eq!(list(folder.path()), ["a/b/x.json", "a/b/y.ndjson.gz"]);
        assert_eq!(list(&deep.join("notes.txt")), ["notes.txt"]);
        let single = Directory::open(&deep.join("notes.txt"));
        assert!(single.open("notes.txt").is_ok());
        let before = single.version("notes.txt").expect("known");
        assert_eq!(single.version("notes.txt").as_ref(), Some(&before));
        fs::write(deep.join("notes.txt"), b"{ }").expect("written");
        assert_ne!(single.version("notes.txt"), Some(before));
    }
}
