//! Files to search.

use super::bucket::Bucket;
use super::directory::Directory;
use crate::error::SearchError;
use crate::query::Window;
use std::io::Read;
use std::path::Path;

/// A tree of files.
///
/// Implementations only read. Calls block, and may come from several threads at the same time, none of which runs
/// futures. Listing and opening see the tree as it is at that moment; a file that vanished in between is an error.
pub trait Source: Send + Sync {
    /// Files that may hold records of the period, in the order of their names. What could not be listed below the top
    /// is handed to `problem`.
    fn list(&self, window: &Window, problem: &mut dyn FnMut(String, SearchError)) -> Result<Vec<String>, SearchError>;

    /// Opens a file by a location from [`Self::list`].
    fn open(&self, location: &str) -> Result<Box<dyn Read + Send>, SearchError>;

    /// Stands for the bytes of a listed file, as far as can be told without reading them: another text means that they
    /// may have changed. `None` if nothing is known.
    fn version(&self, location: &str) -> Option<String>;

    /// A location as people write it.
    fn display(&self, location: &str) -> String;

    /// How many files are best read at once.
    fn workers(&self) -> usize;
}

/// A file of one of several sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub source: usize,
    pub location: String,
}

/// Opens a file, a directory or `s3://bucket/prefix`. A bucket needs a running tokio runtime.
///
/// # Errors
/// If there is no such thing, or no credentials for it.
pub fn open_source(spec: &str) -> Result<Box<dyn Source>, SearchError> {
    let invalid = || SearchError::SourceSpec { spec: spec.to_owned() };
    if let Some(rest) = spec.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid());
        }
        return Ok(Box::new(Bucket::from_environment(bucket, prefix)?));
    }
    let path = Path::new(spec);
    if !path.exists() {
        return Err(invalid());
    }
    Ok(Box::new(Directory::open(path)))
}
