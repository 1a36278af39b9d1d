//! Listing a bucket's versions: current objects and older versions merged, by key, then newest first.

use crate::entity::{NULL_VERSION, Object, Version};
use crate::error::StoreError;
use crate::listing::common_prefix;
use crate::store::EmbeddedStore;
use crate::versions::sequence_of;
use opentrail_catalog::{Catalog, CatalogError, Entity};
use std::collections::VecDeque;

/// Rows read at a time.
const PAGE: usize = 128;

/// Where a listing of versions goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AfterVersion {
    #[default]
    Nothing,
    /// Behind all versions of this key.
    Key(String),
    /// Behind this version of this key.
    Version { key: String, id: String },
    /// Behind all keys with this prefix.
    Prefix(String),
}

#[derive(Debug, Clone, Default)]
pub struct VersionQuery<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
    /// Empty for none.
    pub delimiter: &'a str,
    pub after: AfterVersion,
    /// Most versions and common prefixes together.
    pub limit: usize,
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionListing {
    /// Objects and delete markers; the latest of a key has no `noncurrent_since_ms`.
    pub versions: Vec<Object>,
    pub common_prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<AfterVersion>,
}

/// Rows of a table from a place on, read ahead in pages.
struct Rows<'c, E> {
    catalog: &'c Catalog,
    prefix: String,
    after: Option<String>,
    ahead: VecDeque<E>,
    is_end: bool,
}

impl<'c, E: Entity> Rows<'c, E> {
    fn new(catalog: &'c Catalog, prefix: String, after: Option<String>) -> Self {
        Self { catalog, prefix, after, ahead: VecDeque::new(), is_end: false }
    }

    fn peek(&mut self) -> Result<Option<&E>, CatalogError> {
        if self.ahead.is_empty() && !self.is_end {
            let page = self.catalog.scan::<E>(&self.prefix, self.after.as_deref(), PAGE)?;
            self.is_end = page.len() < PAGE;
            self.after = page.last().map(Entity::key).or(self.after.take());
            self.ahead = page.into();
        }
        Ok(self.ahead.front())
    }

    /// Goes on behind this place.
    fn skip_to(&mut self, after: &str) {
        while self.ahead.front().is_some_and(|row| row.key().as_str() <= after) {
            self.ahead.pop_front();
        }
        if self.ahead.is_empty() && self.after.as_deref().is_none_or(|now| now < after) {
            self.after = Some(after.to_owned());
        }
    }
}

/// Current objects and older versions in one order.
struct Merged<'c> {
    objects: Rows<'c, Object>,
    versions: Rows<'c, Version>,
}

impl Merged<'_> {
    fn next(&mut self) -> Result<Option<Object>, CatalogError> {
        let object = self.objects.peek()?.map(|object| object.key.clone());
        let version = self.versions.peek()?.map(|version| version.0.key.clone());
        let object_first = match (&object, &version) {
            (Some(object), Some(version)) => object <= version,
            (object, _) => object.is_some(),
        };
        if object_first {
            return Ok(self.objects.ahead.pop_front());
        }
        Ok(self.versions.ahead.pop_front().map(|version| version.0))
    }

    fn skip_prefix(&mut self, bucket: &str, prefix: &str) {
        let after = format!("{bucket}/{prefix}{}", char::MAX);
        self.objects.skip_to(&after);
        self.versions.skip_to(&after);
    }
}

impl EmbeddedStore {
    /// One page of a bucket's versions and delete markers.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn list_versions(&self, query: &VersionQuery<'_>) -> Result<VersionListing, StoreError> {
        let mut listing = VersionListing::default();
        if query.limit == 0 {
            return Ok(listing);
        }
        let mut merged = self.merged(query)?;
        let mut place = query.after.clone();
        while let Some(version) = merged.next()? {
            if let AfterVersion::Prefix(done) = &place
                && version.key.starts_with(done.as_str())
            {
                continue;
            }
            if listing.versions.len() + listing.common_prefixes.len() == query.limit {
                listing.next = Some(place);
                return Ok(listing);
            }
            match common_prefix(&version.key, query.prefix, query.delimiter) {
                Some(common) => {
                    place = AfterVersion::Prefix(common.to_owned());
                    listing.common_prefixes.push(common.to_owned());
                    merged.skip_prefix(query.bucket, common);
                }
                None => {
                    place = AfterVersion::Version { key: version.key.clone(), id: version.version_id().to_owned() };
                    listing.versions.push(version);
                }
            }
        }
        Ok(listing)
    }

    fn merged(&self, query: &VersionQuery<'_>) -> Result<Merged<'_>, StoreError> {
        let within = format!("{}/", query.bucket);
        let (objects, versions) = match &query.after {
            AfterVersion::Nothing => (None, None),
            AfterVersion::Key(key) => (Some(key.clone()), Some(format!("{key}\0{}", char::MAX))),
            AfterVersion::Prefix(prefix) => {
                let after = format!("{prefix}{}", char::MAX);
                (Some(after.clone()), Some(after))
            }
            AfterVersion::Version { key, id } => (Some(key.clone()), Some(self.behind(query.bucket, key, id)?)),
        };
        let place = |after: Option<String>| after.map(|after| format!("{within}{after}"));
        let prefix = format!("{within}{}", query.prefix);
        Ok(Merged {
            objects: Rows::new(&self.catalog, prefix.clone(), place(objects)),
            versions: Rows::new(&self.catalog, prefix, place(versions)),
        })
    }

    /// The place behind one version, without the bucket: at the first older version if it is the current one.
    fn behind(&self, bucket: &str, key: &str, id: &str) -> Result<String, StoreError> {
        let current = self.object(bucket, key)?;
        if current.is_some_and(|current| current.version_id() == id) {
            return Ok(format!("{key}\0"));
        }
        let sequence = match id {
            NULL_VERSION => self.version(bucket, key, Some(id))?.map(|null| null.sequence),
            id => sequence_of(id),
        };
        Ok(sequence.map_or(format!("{key}\0"), |sequence| format!("{key}\0{:016x}", u64::MAX - sequence)))
    }
}
