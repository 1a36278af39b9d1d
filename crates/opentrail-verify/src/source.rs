//! Where files come from.

use crate::bucket::Store;
use crate::error::VerifyError;
use crate::names::{self, FileName};
use crate::period::Period;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// A tree of files to check. Implementations only read.
///
/// Listing and opening see the tree as it is at that moment: a file may vanish between the two.
#[async_trait]
pub trait Source: Send + Sync {
    /// The files that matter, in any order. A source may leave out what lies well outside the period.
    async fn list(&self, period: &Period) -> Result<Listing, VerifyError>;

    /// The way to the files.
    fn files(&self) -> Files;

    /// The bucket this is, if locations are keys in one. `None` for a copy, whose bucket cannot be known.
    fn bucket(&self) -> Option<&str>;

    /// A location as people write it.
    fn display(&self, location: &str) -> String;
}

/// How files are read: on a thread, or as many requests at once as there may be.
#[derive(Clone)]
pub enum Files {
    Local(Arc<dyn LocalFiles>),
    Store(Arc<Store>),
}

/// Files of this machine. Calls block, and may run at the same time.
pub trait LocalFiles: Send + Sync {
    /// Opens a file by a location from a listing, or by an S3 key that a digest names; `None` if it is not there.
    /// Every other failure is an error: what cannot be read is not missing.
    fn open(&self, location: &str) -> Result<Option<LocalFile>, VerifyError>;

    /// User metadata of a digest, names in lower case; empty if there is none.
    fn metadata(&self, location: &str) -> Result<BTreeMap<String, String>, VerifyError>;
}

/// A file being read.
pub struct LocalFile {
    pub reader: Box<dyn Read + Send>,
    /// Its size, to reserve memory by; not to be trusted.
    pub size: u64,
}

/// What a source has, sorted by what the names say.
#[derive(Debug, Default)]
pub struct Listing {
    /// Digests and log files.
    pub files: Vec<String>,
    /// Gzip files of other names: perhaps renamed ones.
    pub odd: Vec<String>,
    /// Sign files of query results, and result files.
    pub sign_files: Vec<String>,
    pub results: Vec<String>,
    /// Folders that could not be listed.
    pub unreadable: Vec<(String, String)>,
}

impl Listing {
    /// Sorts a location in; what cannot be CloudTrail's is left out.
    pub fn add(&mut self, location: String) {
        let name = names::file_name(&location);
        if FileName::parse(name).is_some() {
            self.files.push(location);
        } else if name == names::SIGN_FILE {
            self.sign_files.push(location);
        } else if names::is_result(name) {
            self.results.push(location);
        } else if names::may_be_renamed(name) {
            self.odd.push(location);
        }
    }

    /// Makes the order the same in every run.
    pub fn sort(&mut self) {
        for list in [&mut self.files, &mut self.odd, &mut self.sign_files, &mut self.results] {
            list.sort_unstable();
        }
    }
}

/// The strings of a JSON object. A damaged side file counts as none: the signature is then missing, which is reported.
pub fn parse_metadata(json: &[u8]) -> BTreeMap<String, String> {
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json).unwrap_or_default();
    let text = |(name, value): (String, serde_json::Value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()));
    fields.into_iter().filter_map(text).collect()
}

/// Ending of the side file with a digest's user metadata.
pub const METADATA_ENDING: &str = ".metadata.json";
const ROOT_FOLDER: &str = "AWSLogs/";

/// A key without the trail's prefix, which a copy need not have.
pub fn without_prefix(key: &str) -> Option<&str> {
    let at = key.find(ROOT_FOLDER).filter(|at| *at > 0)?;
    Some(&key[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_leniently() {
        let read = parse_metadata(br#"{"Signature":"ab","n":1}"#);
        assert_eq!(read, BTreeMap::from([("signature".to_owned(), "ab".to_owned())]));
        assert!(parse_metadata(b"not json").is_empty());
    }

    #[test]
    fn listings_are_sorted_by_kind() {
        let mut listing = Listing::default();
        let log = "a/218007301253_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz";
        for location in ["b.gz", log, "q/result_sign.json", "q/result_1.csv.gz", "notes.txt", "b.gz.metadata.json"] {
            listing.add(location.to_owned());
        }
        assert_eq!((listing.files, listing.odd), (vec![log.to_owned()], vec!["b.gz".to_owned()]));
        assert_eq!((listing.sign_files.len(), listing.results.len()), (1, 1));
        assert_eq!(without_prefix("p/AWSLogs/1"), Some("AWSLogs/1"));
        assert_eq!(without_prefix("AWSLogs/1"), None);
    }
}
