//! Where files come from.

use crate::error::VerifyError;
use crate::names::{self, FileName, Kind, Place};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use std::collections::{BTreeMap, HashMap};

/// A tree of files to check.
///
/// Implementations only read. Calls may run at the same time. Listing and opening see the tree as it is at that moment:
/// a file may vanish between the two, which `open` answers with `None`.
#[async_trait]
pub trait Source: Send + Sync {
    /// Locations of all files whose names are those of digests or log files, in any order.
    async fn list(&self) -> Result<Vec<String>, VerifyError>;

    /// Opens a file by a location from [`Self::list`], or by an S3 key that a digest names; `None` if it is not there.
    /// Every other failure is an error: what cannot be read is not missing.
    async fn open(&self, location: &str) -> Result<Option<Object>, VerifyError>;

    /// The bucket this is, if locations are keys in one. `None` for a copy, whose bucket cannot be known.
    fn bucket(&self) -> Option<&str>;

    /// A location as people write it.
    fn display(&self, location: &str) -> String;
}

/// The stored bytes of a file, in pieces.
pub type Body = BoxStream<'static, Result<Bytes, VerifyError>>;

/// A file being read.
pub struct Object {
    pub body: Body,
    /// User metadata of a digest, names in lower case; empty if there is none or the file is no digest.
    pub metadata: BTreeMap<String, String>,
}

/// One file of one source.
#[derive(Debug, Clone)]
pub struct Entry {
    pub source: usize,
    pub location: String,
    pub name: FileName,
    pub place: Place,
}

/// All files of all sources. Pure: built from listings.
#[derive(Debug, Default)]
pub struct Index {
    pub entries: Vec<Entry>,
    /// The bucket of each source.
    buckets: Vec<Option<String>>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Index {
    /// Adds a source and its listing. Names that are not CloudTrail's are left out.
    pub fn add_source(&mut self, bucket: Option<&str>, locations: Vec<String>) {
        let source = self.buckets.len();
        self.buckets.push(bucket.map(str::to_owned));
        for location in locations {
            let file_name = names::file_name(&location).to_owned();
            let Some(name) = FileName::parse(&file_name) else { continue };
            let (place, _) = names::split_location(&location, &name);
            self.by_name.entry(file_name).or_default().push(self.entries.len());
            self.entries.push(Entry { source, location, name, place });
        }
    }

    /// The file a digest names, sought first in the tree the digest itself was found in.
    pub fn find(&self, bucket: &str, key: &str, near: &Entry) -> Option<usize> {
        let candidates = self.by_name.get(names::file_name(key))?;
        let matching = candidates.iter().copied().filter(|id| self.is_at(*id, bucket, key));
        matching.max_by_key(|id| {
            let entry = &self.entries[*id];
            (entry.source == near.source, entry.place == near.place, std::cmp::Reverse(*id))
        })
    }

    /// Whether a file is where `bucket` and `key` say. In a copy only the tail of the key can be compared.
    pub fn is_at(&self, id: usize, bucket: &str, key: &str) -> bool {
        let entry = &self.entries[id];
        match &self.buckets[entry.source] {
            Some(own) => own == bucket && entry.location == key,
            None => {
                let (_, tail) = names::split_location(&entry.location, &entry.name);
                key.strip_suffix(tail).is_some_and(|head| head.is_empty() || head.ends_with('/'))
            }
        }
    }

    /// Number of digests and log files.
    pub fn counts(&self) -> (usize, usize) {
        let digests = self.entries.iter().filter(|e| matches!(e.name.kind, Kind::Digest { .. })).count();
        (digests, self.entries.len() - digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "p/AWSLogs/1/CloudTrail/r/2023/07/10/218007301253_CloudTrail_r_20230710T1145Z_7xgocspSowgK0Gto.json.gz";

    #[test]
    fn buckets_compare_exactly_and_copies_by_tail() {
        let key = KEY.replace("/1/", "/218007301253/");
        let file = names::file_name(&key).to_owned();
        let mut index = Index::default();
        index.add_source(Some("b"), vec![key.clone(), "other".into()]);
        index.add_source(None, vec![format!("one/{}", &key[2..]), format!("two/{}", &key[2..]), file]);
        let check = |bucket: &str, key: &str, near: usize, expect: Option<usize>| {
            assert_eq!(index.find(bucket, key, &index.entries[near]), expect);
        };
        check("b", &key, 0, Some(0));
        check("c", &key, 0, Some(1));
        check("b", &key, 1, Some(1));
        check("b", &key, 2, Some(2));
        check("b", &key.replace("07/10", "07/11"), 2, Some(3));
        check("b", &key.replace("T1145", "T1146"), 2, None);
        assert!(!index.is_at(1, "b", &key.replace("07/10", "07/11")));
        assert_eq!(index.counts(), (0, 4));
    }
}
