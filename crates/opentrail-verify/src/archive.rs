//! A tar or zip archive as a source: listed once, then read in place. Nothing is unpacked to disk by name.

mod tar;
mod zip;

use crate::error::VerifyError;
use crate::limits;
use crate::period::Period;
use crate::source::{Files, Listing, LocalFile, LocalFiles, METADATA_ENDING, Source, parse_metadata, without_prefix};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An archive on disk.
pub struct Archive {
    content: Arc<Content>,
}

struct Content {
    path: PathBuf,
    file: Arc<File>,
    members: HashMap<Box<str>, Member>,
}

/// Where a member's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    /// As they are, from here on.
    Plain { offset: u64, size: u64 },
    /// In a zip: the header at this offset tells where the data begin.
    Zip { header: u64, stored: u64, size: u64, deflated: bool },
}

/// Part of a file, read without moving a shared position.
struct Section {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Section {
    fn new(file: &Arc<File>, offset: u64, size: u64) -> Self {
        Self { file: Arc::clone(file), offset, left: size }
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, &mut buffer[..most], self.offset)?;
        self.offset += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Archive {
    /// Opens a tar, a gzipped tar or a zip; `None` if the file is none of them.
    pub fn open(path: &Path) -> Result<Option<Self>, VerifyError> {
        let failed = |source| VerifyError::Read { path: path.to_owned(), source };
        let mut file = Arc::new(File::open(path).map_err(failed)?);
        let mut magic = [0; tar::BLOCK];
        let read = Section::new(&file, 0, tar::BLOCK as u64).read(&mut magic).map_err(failed)?;
        let mut members = HashMap::new();
        let mut keep = |name: &str, member: Member| -> io::Result<()> {
            if let Some(name) = wanted(name) {
                members.insert(name.into(), member);
            }
            if members.len() > limits::FILES {
                return Err(io::Error::other("too many files"));
            }
            Ok(())
        };
        if magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06") {
            zip::list(&file, &mut keep).map_err(failed)?;
        } else if tar::is_header(&magic[..read]) {
            tar::list(&file, &mut keep).map_err(failed)?;
        } else if magic.starts_with(b"\x1f\x8b") {
            let Some(spooled) = spool(&file).map_err(failed)? else { return Ok(None) };
            file = Arc::new(spooled);
            tar::list(&file, &mut keep).map_err(failed)?;
        } else {
            return Ok(None);
        }
        members.shrink_to_fit();
        Ok(Some(Self { content: Arc::new(Content { path: path.to_owned(), file, members }) }))
    }
}

/// Decompresses a tar into a file without a name, because gzip cannot be read from the middle; `None` if it is no tar.
fn spool(file: &Arc<File>) -> io::Result<Option<File>> {
    let mut plain = flate2::read::MultiGzDecoder::new(Section::new(file, 0, u64::MAX));
    let mut first = [0; tar::BLOCK];
    // What is no complete gzip stream is no archive either; it is reported as the file it is.
    if plain.read_exact(&mut first).is_err() || !tar::is_header(&first) {
        return Ok(None);
    }
    let mut spooled = tempfile::tempfile()?;
    io::Write::write_all(&mut spooled, &first)?;
    let copied = io::copy(&mut plain.take(limits::ARCHIVE_BYTES), &mut spooled)?;
    if copied == limits::ARCHIVE_BYTES {
        return Err(io::Error::other("the archive decompresses to more than the limit"));
    }
    Ok(Some(spooled))
}

/// The name to keep a member under; `None` if it cannot be CloudTrail's.
fn wanted(name: &str) -> Option<&str> {
    let name = name.trim_start_matches("./");
    let mut sorted = Listing::default();
    sorted.add(name.to_owned());
    let listed = !(sorted.files.is_empty() && sorted.odd.is_empty() && sorted.sign_files.is_empty() && sorted.results.is_empty());
    (listed || name.ends_with(METADATA_ENDING)).then_some(name)
}

#[async_trait]
impl Source for Archive {
    async fn list(&self, _: &Period) -> Result<Listing, VerifyError> {
        let mut listing = Listing::default();
        for name in self.content.members.keys() {
            listing.add(name.to_string());
        }
        listing.sort();
        Ok(listing)
    }

    fn files(&self) -> Files {
        Files::Local(Arc::clone(&self.content) as Arc<dyn LocalFiles>)
    }

    fn bucket(&self) -> Option<&str> {
        None
    }

    fn display(&self, location: &str) -> String {
        format!("{}!{location}", self.content.path.display())
    }
}

impl Content {
    fn find(&self, location: &str) -> Result<Option<LocalFile>, VerifyError> {
        let Some(member) = self.members.get(location) else { return Ok(None) };
        let failed = |source| VerifyError::Read { path: self.path.clone(), source };
        let (reader, size): (Box<dyn Read + Send>, u64) = match *member {
            Member::Plain { offset, size } => (Box::new(Section::new(&self.file, offset, size)), size),
            Member::Zip { header, stored, size, deflated } => {
                let section = Section::new(&self.file, zip::data_offset(&self.file, header).map_err(failed)?, stored);
                if deflated { (Box::new(flate2::read::DeflateDecoder::new(section)), size) } else { (Box::new(section), stored) }
            }
        };
        Ok(Some(LocalFile { reader, size }))
    }
}

impl LocalFiles for Content {
    fn open(&self, location: &str) -> Result<Option<LocalFile>, VerifyError> {
        match (self.find(location)?, without_prefix(location)) {
            (None, Some(tail)) => self.find(tail),
            (found, _) => Ok(found),
        }
    }

    fn metadata(&self, location: &str) -> Result<BTreeMap<String, String>, VerifyError> {
        let Some(file) = self.find(&format!("{location}{METADATA_ENDING}"))? else { return Ok(BTreeMap::new()) };
        let mut json = Vec::new();
        let read = file.reader.take(limits::METADATA_FILE_BYTES).read_to_end(&mut json);
        read.map_err(|source| VerifyError::Read { path: self.path.clone(), source })?;
        Ok(parse_metadata(&json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_cloudtrails_is_kept() {
        assert_eq!(wanted("./a/b.gz"), Some("a/b.gz"));
        assert_eq!(wanted("a/b.gz.metadata.json"), Some("a/b.gz.metadata.json"));
        assert_eq!(wanted("a/b.txt"), None);
    }
}
