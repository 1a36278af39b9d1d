//! An S3 bucket as a source.

use crate::error::VerifyError;
use crate::limits;
use crate::period::Period;
use crate::source::{Files, Listing, Source};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Attribute, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use opentrail_aws_environment::AwsSettings;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use time::{Date, Month, OffsetDateTime};
use tokio::time::timeout;

/// Objects of one bucket, in any store that speaks S3.
pub struct Bucket {
    store: Arc<Store>,
    prefix: Option<Path>,
}

/// The objects of a bucket, read.
pub struct Store {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    /// How long one answer, or one piece of it, may take.
    patience: Duration,
}

/// An object being read.
pub struct StoredObject {
    pub size: u64,
    /// User metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
    pub body: Body,
}

/// The stored bytes of an object, in pieces, each of which comes in time.
pub struct Body {
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    bucket: String,
    key: String,
    patience: Duration,
}

impl Body {
    pub async fn next(&mut self) -> Result<Option<Bytes>, VerifyError> {
        let failed = |source| VerifyError::Bucket { bucket: self.bucket.clone(), key: self.key.clone(), source };
        match timeout(self.patience, self.pieces.try_next()).await {
            Ok(piece) => piece.map_err(failed),
            Err(_) => Err(VerifyError::Stalled { bucket: self.bucket.clone(), key: self.key.clone() }),
        }
    }
}

impl Bucket {
    /// A bucket of the account and endpoint that the usual AWS environment variables name.
    pub fn from_environment(name: &str, prefix: &str) -> Result<Self, VerifyError> {
        let settings = AwsSettings::from_environment(name)?;
        let retry = RetryConfig { max_retries: 5, retry_timeout: limits::STALLED, ..RetryConfig::default() };
        let client = ClientOptions::new()
            .with_connect_timeout(limits::CONNECT)
            .with_timeout(limits::REQUEST)
            .with_pool_max_idle_per_host(limits::IDLE_CONNECTIONS);
        let builder = settings.apply(AmazonS3Builder::from_env().with_client_options(client).with_retry(retry), name);
        let failed = |source| VerifyError::Bucket { bucket: name.to_owned(), key: prefix.to_owned(), source };
        let store = Arc::new(builder.build().map_err(failed)?);
        Self::new(store, name, prefix)
    }

    /// A bucket reached through any store.
    pub fn new(store: Arc<dyn ObjectStore>, name: &str, prefix: &str) -> Result<Self, VerifyError> {
        let prefix = match prefix.trim_matches('/') {
            "" => None,
            text => Some(Path::parse(text).map_err(|error| VerifyError::Bucket {
                bucket: name.to_owned(),
                key: prefix.to_owned(),
                source: error.into(),
            })?),
        };
        let store = Store { store, bucket: name.to_owned(), patience: limits::STALLED };
        Ok(Self { store: Arc::new(store), prefix })
    }

    /// The same with another patience, for tests and impatient callers.
    pub fn with_patience(self, patience: Duration) -> Self {
        let Store { store, bucket, .. } = &*self.store;
        let store = Store { store: Arc::clone(store), bucket: bucket.clone(), patience };
        Self { store: Arc::new(store), prefix: self.prefix }
    }
}

impl Store {
    fn failed(&self, key: &str) -> impl Fn(object_store::Error) -> VerifyError {
        let (bucket, key) = (self.bucket.clone(), key.to_owned());
        move |source| VerifyError::Bucket { bucket: bucket.clone(), key: key.clone(), source }
    }

    fn stalled(&self, key: &str) -> VerifyError {
        VerifyError::Stalled { bucket: self.bucket.clone(), key: key.to_owned() }
    }

    /// Opens an object; `None` if it is not there.
    pub async fn open(&self, key: &str) -> Result<Option<StoredObject>, VerifyError> {
        // A key that object_store cannot express cannot have been listed either.
        let Ok(path) = Path::parse(key) else { return Ok(None) };
        let result = match timeout(self.patience, self.store.get(&path)).await {
            Err(_) => return Err(self.stalled(key)),
            Ok(Err(object_store::Error::NotFound { .. })) => return Ok(None),
            Ok(result) => result.map_err(self.failed(key))?,
        };
        let mut metadata = BTreeMap::new();
        for (attribute, value) in &result.attributes {
            if let Attribute::Metadata(name) = attribute {
                metadata.insert(name.to_ascii_lowercase(), value.as_ref().to_owned());
            }
        }
        let (bucket, key) = (self.bucket.clone(), key.to_owned());
        let size = result.meta.size;
        let body = Body { pieces: result.into_stream(), bucket, key, patience: self.patience };
        Ok(Some(StoredObject { size, metadata, body }))
    }

    /// An object within a limit; `None` if it is not there.
    pub async fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, VerifyError> {
        let Some(mut object) = self.open(key).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(piece) = object.body.next().await? {
            if (bytes.len() + piece.len()) as u64 > limit {
                return Err(VerifyError::TooLarge { file: crate::digest::s3_url(&self.bucket, key), limit });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    /// Everything below a prefix.
    async fn list_flat(&self, prefix: Option<&Path>, listing: &mut Listing) -> Result<(), VerifyError> {
        let name = prefix.map(Path::to_string).unwrap_or_default();
        let mut objects = self.store.list(prefix);
        loop {
            let next = timeout(self.patience, objects.try_next()).await.map_err(|_| self.stalled(&name))?;
            let Some(object) = next.map_err(self.failed(&name))? else { return Ok(()) };
            listing.add(String::from(object.location));
            if listing.files.len() + listing.odd.len() > limits::FILES {
                return Err(VerifyError::TooManyFiles { limit: limits::FILES });
            }
        }
    }

    /// One folder: the folders in it that may matter. Day folders, which have none, are listed whole.
    async fn list_folder(&self, folder: Option<Path>, period: Period) -> Result<(Listing, Vec<Path>), VerifyError> {
        let name = folder.as_ref().map(Path::to_string).unwrap_or_default();
        let mut listing = Listing::default();
        if date_of(&name).is_some_and(|(_, _, depth)| depth == 3) {
            self.list_flat(folder.as_ref(), &mut listing).await?;
            return Ok((listing, Vec::new()));
        }
        let listed = timeout(self.patience, self.store.list_with_delimiter(folder.as_ref())).await;
        let listed = listed.map_err(|_| self.stalled(&name))?.map_err(self.failed(&name))?;
        for object in listed.objects {
            listing.add(String::from(object.location));
        }
        let below = listed.common_prefixes.into_iter().filter(|folder| may_matter(folder.as_ref(), period));
        Ok((listing, below.collect()))
    }

    /// Goes down the folders, leaving out the dates outside the period.
    async fn list_period(&self, prefix: Option<Path>, period: Period) -> Result<Listing, VerifyError> {
        let mut all = Listing::default();
        let mut waiting = vec![prefix];
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < limits::LISTINGS_IN_FLIGHT
                && let Some(folder) = waiting.pop()
            {
                running.push(self.list_folder(folder, period));
            }
            let Some(done) = running.next().await else { return Ok(all) };
            let (listing, below) = done?;
            all.files.extend(listing.files);
            all.odd.extend(listing.odd);
            all.sign_files.extend(listing.sign_files);
            all.results.extend(listing.results);
            waiting.extend(below.into_iter().map(Some));
        }
    }
}

/// The date that a folder's path ends with: its first and its last day, and how many parts it has.
fn date_of(folder: &str) -> Option<(Date, Date, usize)> {
    let mut numbers: Vec<u16> = Vec::new();
    for part in folder.rsplit('/').take(4) {
        if !part.bytes().all(|byte| byte.is_ascii_digit()) || part.len() > 4 {
            break;
        }
        numbers.insert(0, part.parse().ok()?);
    }
    let year = i32::from(*numbers.first().filter(|year| (1990..=9999).contains(*year))?);
    let month = |number: u16| Month::try_from(u8::try_from(number).ok()?).ok();
    match numbers[1..] {
        [] => Some((
            Date::from_calendar_date(year, Month::January, 1).ok()?,
            Date::from_calendar_date(year, Month::December, 31).ok()?,
            1,
        )),
        [number] => {
            let month = month(number)?;
            Some((
                Date::from_calendar_date(year, month, 1).ok()?,
                Date::from_calendar_date(year, month, month.length(year)).ok()?,
                2,
            ))
        }
        [number, day] => {
            let date = Date::from_calendar_date(year, month(number)?, u8::try_from(day).ok()?).ok()?;
            Some((date, date, 3))
        }
        _ => None,
    }
}

/// Whether a folder may hold files of the period, or digests beside it.
fn may_matter(folder: &str, period: Period) -> bool {
    let mut parts = folder.rsplit('/');
    let (last, above) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_account = above.len() == 12 && above.bytes().all(|byte| byte.is_ascii_digit());
    // Beside CloudTrail's folders an account has those of other services, which may be huge.
    if is_account && !last.starts_with("CloudTrail") {
        return false;
    }
    let Some((first, last, _)) = date_of(folder) else { return true };
    let begin = |at: OffsetDateTime| at.date().previous_day().unwrap_or(Date::MIN);
    let end = |at: OffsetDateTime| at.date().next_day().unwrap_or(Date::MAX);
    period.from.is_none_or(|from| last >= begin(from)) && period.to.is_none_or(|to| first <= end(to))
}

#[async_trait]
impl Source for Bucket {
    async fn list(&self, period: &Period) -> Result<Listing, VerifyError> {
        let mut listing = if period.is_open() {
            let mut listing = Listing::default();
            self.store.list_flat(self.prefix.as_ref(), &mut listing).await?;
            listing
        } else {
            self.store.list_period(self.prefix.clone(), *period).await?
        };
        listing.sort();
        Ok(listing)
    }

    fn files(&self) -> Files {
        Files::Store(Arc::clone(&self.store))
    }

    fn bucket(&self) -> Option<&str> {
        Some(&self.store.bucket)
    }

    fn display(&self, location: &str) -> String {
        crate::digest::s3_url(&self.store.bucket, location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn only_folders_near_the_period_are_listed() {
        let period = Period { from: Some(datetime!(2024-03-01 00:30 UTC)), to: Some(datetime!(2024-03-31 12:00 UTC)) };
        let check = |folder: &str, expect: bool| assert_eq!(may_matter(folder, period), expect, "{folder}");
        check("AWSLogs/111122223333/CloudTrail/eu-west-1", true);
        check("AWSLogs/111122223333/elasticloadbalancing", false);
        check("r/2024", true);
        check("r/2023", false);
        check("r/2024/02", true);
        check("r/2024/01", false);
        check("r/2024/02/29", true);
        check("r/2024/02/28", false);
        check("r/2024/04/01", true);
        check("r/2024/04/02", false);
        check("r/2024/99/01", true);
        check("1234", true);
    }
}
