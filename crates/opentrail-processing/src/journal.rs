//! Which files of a directory or prefix are done with, kept in a file.
//!
//! A line for each: what became of it, and its key. Lines are written as files are done, so a killed process loses none;
//! they are synced now and then, so a power failure repeats the files of the last moments.

use crate::error::ProcessingError;
use crate::fingerprint::Fingerprints;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The files that are done with. In memory it costs sixteen bytes a file and some.
pub struct Journal {
    inner: Mutex<Inner>,
    fingerprints: Fingerprints,
    path: Option<PathBuf>,
}

struct Inner {
    done: HashSet<u128>,
    file: Option<File>,
}

impl Journal {
    /// One that is forgotten at the end of the run.
    #[must_use]
    pub fn in_memory() -> Self {
        let inner = Inner { done: HashSet::new(), file: None };
        Self { inner: Mutex::new(inner), fingerprints: Fingerprints::default(), path: None }
    }

    /// Opens or makes one; nobody else may use it meanwhile.
    ///
    /// # Errors
    /// If it is in use, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, ProcessingError> {
        let failed = |source| ProcessingError::Journal { path: path.to_owned(), source };
        let mut journal = Self::in_memory();
        let file = journal.load(path).map_err(failed)?;
        journal.path = Some(path.to_owned());
        journal.lock().file = Some(file);
        Ok(journal)
    }

    fn load(&self, path: &Path) -> io::Result<File> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another process uses it"),
            std::fs::TryLockError::Error(error) => error,
        })?;
        let mut good = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            // A line without its end was being written when the power failed.
            if length == 0 || line.last() != Some(&b'\n') {
                break;
            }
            good += length as u64;
            let text = String::from_utf8_lossy(&line[..length - 1]);
            if let Some((_, key)) = text.split_once('\t') {
                self.lock().done.insert(self.fingerprints.of(&unescaped(key)));
            }
        }
        drop(reader);
        file.set_len(good)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    }

    /// Whether a file is done with.
    pub fn contains(&self, key: &str) -> bool {
        let hash = self.fingerprints.of(key);
        self.lock().done.contains(&hash)
    }

    /// Keeps that a file is done with: `done`, `skipped` or `parked`.
    pub(crate) fn add(&self, key: &str, outcome: &str) -> Result<(), ProcessingError> {
        let hash = self.fingerprints.of(key);
        let mut inner = self.lock();
        if inner.done.insert(hash)
            && let Some(file) = &mut inner.file
        {
            let line = format!("{outcome}\t{}\n", escaped(key));
            file.write_all(line.as_bytes()).map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    /// Makes everything added durable.
    pub(crate) fn sync(&self) -> Result<(), ProcessingError> {
        self.lock().file.as_ref().map_or(Ok(()), File::sync_data).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ProcessingError {
        ProcessingError::Journal { path: self.path.clone().unwrap_or_default(), source }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn escaped(key: &str) -> String {
    key.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescaped(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('n' | '\\'))) => {
                key.push(if next == 'n' { '\n' } else { '\\' });
                chars.next();
            }
            _ => key.push(c),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let keys = ["a/b.json.gz", "tab\there", "line\nbreak", "back\\nslash"];
        let journal = Journal::open(&path).expect("opens");
        for key in keys {
            assert!(!journal.contains(key));
            journal.add(key, "done").expect("written");
        }
        assert!(Journal::open(&path).is_err(), "two at once");
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"done\ttorn").expect("written");
        drop(file);
        let journal = Journal::open(&path).expect("opens");
        assert!(keys.iter().all(|key| journal.contains(key)));
        assert!(!journal.contains("torn"));
        journal.add("next", "parked").and_then(|()| journal.sync()).expect("written");
        drop(journal);
        assert!(Journal::open(&path).expect("opens").contains("next"));
    }
}
