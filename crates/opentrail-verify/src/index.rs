//! All files of all sources, found by name. Pure: built from listings. Small, because there may be millions.

use crate::mapping::Mapping;
use crate::names::{self, FileName, Kind, Place};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What the files of one folder have in common. Log files of all trails lie together there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shelf {
    pub source: usize,
    pub place: Place,
    pub account: String,
    pub region: String,
}

/// One file of one source.
#[derive(Debug, Clone)]
pub struct Entry {
    pub location: Box<str>,
    /// Its place in [`Index::shelves`].
    pub shelf: u32,
    /// Where the part of the location begins that a copy keeps; the length if the file was renamed.
    tail_at: u32,
    pub kind: Kind,
}

impl Entry {
    /// Whether it lies under another name than its content says.
    pub fn is_renamed(&self) -> bool {
        self.tail_at as usize == self.location.len()
    }

    pub fn digest_end(&self) -> Option<time::OffsetDateTime> {
        match &self.kind {
            Kind::Digest(name) => Some(name.end),
            Kind::Log { .. } => None,
        }
    }

    pub fn is_digest(&self) -> bool {
        matches!(self.kind, Kind::Digest(_))
    }
}

#[derive(Debug, Default)]
pub struct Index {
    pub entries: Vec<Entry>,
    pub shelves: Vec<Shelf>,
    pub mapping: Mapping,
    /// The bucket of each source.
    buckets: Vec<Option<String>>,
    shelf_ids: HashMap<Shelf, u32>,
    /// Hash of the file name and the entry, sorted by [`Self::finish`].
    by_name: Vec<(u64, u32)>,
}

impl Index {
    /// Adds a source; its number.
    pub fn add_source(&mut self, bucket: Option<&str>) -> usize {
        self.buckets.push(bucket.map(str::to_owned));
        self.buckets.len() - 1
    }

    /// Adds a file by its own name; `false` if that is not CloudTrail's.
    pub fn add(&mut self, source: usize, location: String) -> bool {
        let Some(name) = FileName::parse(names::file_name(&location)) else { return false };
        let (place, tail) = names::split_location(&location, &name);
        let tail_at = location.len() - tail.len();
        self.insert(source, location, tail_at, place, name);
        true
    }

    /// Adds a digest that lies under any name, by the key its content gives.
    pub fn add_renamed(&mut self, source: usize, location: String, key: &str) -> bool {
        let Some(name) = FileName::parse(names::file_name(key)) else { return false };
        let (place, _) = names::split_location(key, &name);
        let end = location.len();
        self.insert(source, location, end, place, name);
        let last = self.by_name.len() - 1;
        self.by_name[last].0 = hash_of(names::file_name(key));
        true
    }

    fn insert(&mut self, source: usize, location: String, tail_at: usize, place: Place, name: FileName) {
        let shelf = Shelf { source, place, account: name.account, region: name.region };
        let shelf = match self.shelf_ids.get(&shelf) {
            Some(id) => *id,
            None => {
                let id = number(self.shelves.len());
                self.shelves.push(shelf.clone());
                self.shelf_ids.insert(shelf, id);
                id
            }
        };
        self.by_name.push((hash_of(names::file_name(&location)), number(self.entries.len())));
        let location = location.into_boxed_str();
        self.entries.push(Entry { location, shelf, tail_at: number(tail_at), kind: name.kind });
    }

    /// Makes names findable; to be called after the last file is added.
    pub fn finish(&mut self) {
        self.by_name.sort_unstable();
        self.entries.shrink_to_fit();
    }

    pub fn shelf(&self, id: usize) -> &Shelf {
        &self.shelves[self.entries[id].shelf as usize]
    }

    /// The file a digest names, sought first in the tree the digest itself was found in.
    pub fn find(&self, bucket: &str, key: &str, near: Option<u32>) -> Option<usize> {
        let hash = hash_of(names::file_name(key));
        let first = self.by_name.partition_point(|(known, _)| *known < hash);
        let candidates = self.by_name[first..].iter().take_while(|(known, _)| *known == hash);
        let matching = candidates.map(|(_, id)| *id as usize).filter(|id| self.is_at(*id, bucket, key));
        let near = near.map(|id| self.shelf(id as usize));
        matching.max_by_key(|id| {
            let shelf = self.shelf(*id);
            let near = near.map(|near| (shelf.source == near.source, shelf.place == near.place));
            (!self.entries[*id].is_renamed(), near, std::cmp::Reverse(*id))
        })
    }

    /// Whether a file is where `bucket` and `key` say. In a copy only the tail of the key can be compared, and a renamed
    /// file is wherever its content says.
    pub fn is_at(&self, id: usize, bucket: &str, key: &str) -> bool {
        let entry = &self.entries[id];
        let (bucket, key) = self.mapping.apply(bucket, key);
        match &self.buckets[self.shelf(id).source] {
            Some(own) => *own == bucket && *entry.location == *key,
            None => {
                let tail = &entry.location[entry.tail_at as usize..];
                key.strip_suffix(tail).is_some_and(|head| head.is_empty() || tail.is_empty() || head.ends_with('/'))
            }
        }
    }

    /// Number of digests and log files.
    pub fn counts(&self) -> (usize, usize) {
        let digests = self.entries.iter().filter(|entry| entry.is_digest()).count();
        (digests, self.entries.len() - digests)
    }
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn number(value: usize) -> u32 {
    u32::try_from(value).expect("listings are limited to fewer files than this")
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
        let bucket = index.add_source(Some("b"));
        assert!(index.add(bucket, key.clone()) && !index.add(bucket, "other".into()));
        let copy = index.add_source(None);
        for location in [format!("one/{}", &key[2..]), format!("two/{}", &key[2..]), file] {
            assert!(index.add(copy, location));
        }
        index.finish();
        let check = |bucket: &str, key: &str, near: u32, expect: Option<usize>| {
            assert_eq!(index.find(bucket, key, Some(near)), expect);
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

    #[test]
    fn renamed_files_are_found_by_what_they_say() {
        let mut index = Index::default();
        let source = index.add_source(None);
        let key = "AWSLogs/1/CloudTrail-Digest/r/2023/10/15/327878933619_CloudTrail-Digest_r_t_h_20231015T230404Z.json.gz";
        assert!(index.add_renamed(source, "odd.gz".into(), key) && !index.add_renamed(source, "x.gz".into(), "odd"));
        index.finish();
        assert_eq!(index.find("b", key, None), Some(0));
        assert!(index.entries[0].is_renamed() && index.entries[0].is_digest());
    }
}
