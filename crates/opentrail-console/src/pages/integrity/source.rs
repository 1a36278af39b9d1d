//! A trail's bucket as a source of the check: every request is the person's.

use crate::bucket::{self, MAX_LISTED};
use crate::visitor::Visitor;
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use opentrail_verify::period::Period;
use opentrail_verify::source::{Files, Listing, LocalFile, LocalFiles};
use opentrail_verify::{Source, VerifyError};
use opentrail_wire::ApiError;
use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, PoisonError};
use time::{Date, Duration};
use tokio::runtime::Handle;

/// Most files of one check or bundle.
pub const MOST_FILES: usize = 20_000;
/// The largest file that is read, as it is stored.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Most folders that are looked into.
const MOST_FOLDERS: usize = 5_000;
/// Days at both ends whose folders may hold files of the period.
const MARGIN: Duration = Duration::days(1);

/// The bucket and prefix of a trail.
pub struct TrailFiles {
    tree: Arc<Tree>,
    prefix: String,
}

struct Tree {
    visitor: Visitor,
    bucket: String,
    handle: Handle,
    /// Metadata of digests that were read, until it is asked for.
    metadata: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    refused: Mutex<Option<ApiError>>,
}

impl TrailFiles {
    /// Has to be called on the runtime.
    pub fn new(visitor: Visitor, bucket: &str, prefix: &str) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let tree = Tree {
            visitor,
            bucket: bucket.to_owned(),
            handle: Handle::current(),
            metadata: Mutex::default(),
            refused: Mutex::default(),
        };
        Self { tree: Arc::new(tree), prefix }
    }

    /// What remembers why a request was refused, when the check itself is gone.
    pub fn refusal(&self) -> impl FnOnce() -> Option<ApiError> + use<> {
        let tree = Arc::clone(&self.tree);
        move || tree.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The keys of digests and log files whose folders lie in the period.
    ///
    /// # Errors
    /// What S3 refuses, and too many files.
    pub async fn keys(&self, period: &Period) -> Result<Vec<String>, VerifyError> {
        let mut found = Vec::new();
        for account in self.accounts().await? {
            let mut regions = Vec::new();
            for kind in ["CloudTrail-Digest/", "CloudTrail/"] {
                regions.extend(self.tree.folders(&format!("{account}{kind}")).await?);
            }
            let mut days = Vec::new();
            for region in regions {
                days.extend(self.days(&region, period).await?);
            }
            if days.len() > MOST_FOLDERS {
                return Err(VerifyError::TooManyFiles { limit: MOST_FILES });
            }
            for some in days.chunks(8) {
                for keys in join_all(some.iter().map(|day| self.tree.keys(day))).await {
                    found.extend(keys?);
                }
                if found.len() > MOST_FILES {
                    return Err(VerifyError::TooManyFiles { limit: MOST_FILES });
                }
            }
        }
        Ok(found)
    }

    /// The folders of accounts, those of organizations' members too.
    async fn accounts(&self) -> Result<Vec<String>, VerifyError> {
        let root = format!("{}AWSLogs/", self.prefix);
        let mut accounts = Vec::new();
        for folder in self.tree.folders(&root).await? {
            if folder[root.len()..].starts_with("o-") {
                accounts.extend(self.tree.folders(&folder).await?);
            } else {
                accounts.push(folder);
            }
        }
        Ok(accounts)
    }

    /// The folders of the days of a region that touch the period.
    async fn days(&self, region: &str, period: &Period) -> Result<Vec<String>, VerifyError> {
        let mut days = Vec::new();
        for year in self.tree.folders(region).await? {
            for month in self.tree.folders(&year).await? {
                for day in self.tree.folders(&month).await? {
                    let Some(date) = date_of(&day[region.len()..]) else { continue };
                    let starts = date.midnight().assume_utc();
                    if period.touches(starts - MARGIN, starts + Duration::DAY + MARGIN) {
                        days.push(day);
                    }
                }
            }
        }
        Ok(days)
    }
}

/// `2026/11/21/`
fn date_of(folder: &str) -> Option<Date> {
    let mut parts = folder.trim_end_matches('/').split('/');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse::<u8>().ok()?, parts.next()?.parse().ok()?);
    Date::from_calendar_date(year, time::Month::try_from(month).ok()?, day).ok()
}

impl Tree {
    /// Keeps why, for the person.
    fn failed(&self, key: &str, error: ApiError) -> VerifyError {
        let source = io::Error::other(format!("{}: {}", error.code, error.message));
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        VerifyError::Read { path: format!("s3://{}/{key}", self.bucket).into(), source }
    }

    async fn list(&self, prefix: &str, folders: bool) -> Result<(Vec<String>, Vec<String>), VerifyError> {
        let (mut below, mut keys, mut token) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let page = bucket::list(&self.visitor, &self.bucket, prefix, folders, token.as_deref(), MAX_LISTED).await;
            let page = page.map_err(|error| self.failed(prefix, error))?;
            below.extend(page.folders);
            keys.extend(page.objects.into_iter().map(|object| object.key));
            if keys.len() > MOST_FILES || below.len() > MOST_FOLDERS {
                return Err(VerifyError::TooManyFiles { limit: MOST_FILES });
            }
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok((below, keys)),
            }
        }
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, VerifyError> {
        Ok(self.list(prefix, true).await?.0)
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, VerifyError> {
        Ok(self.list(prefix, false).await?.1)
    }

    async fn read(&self, key: &str) -> Result<Option<(Bytes, BTreeMap<String, String>)>, VerifyError> {
        match bucket::get(&self.visitor, &self.bucket, key, MAX_FILE_BYTES).await {
            Ok(got) if got.cut => Err(VerifyError::TooLarge { file: key.to_owned(), limit: MAX_FILE_BYTES as u64 }),
            Ok(got) => {
                let metadata = got.metadata();
                Ok(Some((got.body, metadata)))
            }
            Err(error) if error.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(self.failed(key, error)),
        }
    }
}

impl TrailFiles {
    /// Reads a file with its metadata; `None` if it is not there.
    ///
    /// # Errors
    /// What S3 refuses.
    pub async fn read(&self, key: &str) -> Result<Option<(Bytes, BTreeMap<String, String>)>, VerifyError> {
        self.tree.read(key).await
    }
}

#[async_trait]
impl Source for TrailFiles {
    async fn list(&self, period: &Period) -> Result<Listing, VerifyError> {
        let mut listing = Listing::default();
        for key in self.keys(period).await? {
            listing.add(key);
        }
        listing.sort();
        Ok(listing)
    }

    fn files(&self) -> Files {
        Files::Local(Arc::clone(&self.tree) as Arc<dyn LocalFiles>)
    }

    fn bucket(&self) -> Option<&str> {
        Some(&self.tree.bucket)
    }

    fn display(&self, location: &str) -> String {
        format!("s3://{}/{location}", self.tree.bucket)
    }
}

/// Called on threads that may block, as files are.
impl LocalFiles for Tree {
    fn open(&self, location: &str) -> Result<Option<LocalFile>, VerifyError> {
        let Some((body, metadata)) = self.handle.block_on(self.read(location))? else { return Ok(None) };
        if location.contains("/CloudTrail-Digest/") {
            self.metadata.lock().unwrap_or_else(PoisonError::into_inner).insert(location.to_owned(), metadata);
        }
        let size = body.len() as u64;
        Ok(Some(LocalFile { reader: Box::new(Cursor::new(body)), size }))
    }

    fn metadata(&self, location: &str) -> Result<BTreeMap<String, String>, VerifyError> {
        let known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner).remove(location);
        if let Some(metadata) = known {
            return Ok(metadata);
        }
        Ok(self.handle.block_on(self.read(location))?.map(|(_, metadata)| metadata).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_days_are_read() {
        assert_eq!(date_of("2026/11/21/"), Date::from_calendar_date(2026, time::Month::November, 21).ok());
        for odd in ["2026/13/01/", "2026/11/", "x/y/z/", ""] {
            assert_eq!(date_of(odd), None, "{odd}");
        }
    }
}
