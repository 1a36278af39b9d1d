//! Listing a bucket's objects, with prefix and delimiter.

use crate::entity::Object;
use crate::error::StoreError;
use crate::store::EmbeddedStore;
use opentrail_catalog::CatalogError;

/// Rows read at a time while keys are being rolled up.
const ROLL_UP_PAGE: usize = 64;

/// Where a listing goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum After {
    /// At the beginning.
    #[default]
    Nothing,
    /// Behind this key.
    Key(String),
    /// Behind all keys with this prefix.
    Prefix(String),
}

#[derive(Debug, Clone, Default)]
pub struct ListingQuery<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
    /// Keys that have this text behind the prefix are rolled up to their common prefix. Empty for none.
    pub delimiter: &'a str,
    pub after: After,
    /// Most keys and common prefixes together.
    pub limit: usize,
}

/// One page, both lists in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub objects: Vec<Object>,
    pub common_prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<After>,
}

impl EmbeddedStore {
    /// One page of a bucket's objects.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn list_objects(&self, query: &ListingQuery<'_>) -> Result<Listing, StoreError> {
        let within = format!("{}/", query.bucket);
        let scan = |prefix: &str, after: Option<&str>, limit: usize| {
            let after = after.map(|after| format!("{within}{after}"));
            self.catalog.scan::<Object>(&format!("{within}{prefix}"), after.as_deref(), limit)
        };
        Ok(list(query, scan)?)
    }
}

/// The listing itself, over any source of objects in key order.
pub(crate) fn list(
    query: &ListingQuery<'_>,
    scan: impl Fn(&str, Option<&str>, usize) -> Result<Vec<Object>, CatalogError>,
) -> Result<Listing, CatalogError> {
    let mut listing = Listing::default();
    let mut place = query.after.clone();
    let mut after = from(&place);
    if query.limit == 0 {
        return Ok(listing);
    }
    let page = if query.delimiter.is_empty() { query.limit + 1 } else { ROLL_UP_PAGE.min(query.limit + 1) };
    loop {
        let rows = scan(query.prefix, after.as_deref(), page)?;
        let is_last = rows.len() < page;
        let last_key = rows.last().map(|object| object.key.clone());
        for object in rows {
            if let After::Prefix(done) = &place
                && object.key.starts_with(done.as_str())
            {
                continue;
            }
            if listing.objects.len() + listing.common_prefixes.len() == query.limit {
                listing.next = Some(place);
                return Ok(listing);
            }
            match common_prefix(&object.key, query.prefix, query.delimiter) {
                Some(common) => {
                    place = After::Prefix(common.to_owned());
                    listing.common_prefixes.push(common.to_owned());
                }
                None => {
                    place = After::Key(object.key.clone());
                    listing.objects.push(object);
                }
            }
        }
        let Some(last_key) = last_key.filter(|_| !is_last) else { return Ok(listing) };
        // Jump behind a common prefix rather than read it all; keys that sort behind the jump are skipped one by one.
        after = match &place {
            After::Prefix(common) if last_key.starts_with(common.as_str()) => from(&place).max(Some(last_key)),
            _ => Some(last_key),
        };
    }
}

fn from(place: &After) -> Option<String> {
    match place {
        After::Nothing => None,
        After::Key(key) => Some(key.clone()),
        After::Prefix(prefix) => Some(format!("{prefix}{}", char::MAX)),
    }
}

/// The prefix that a key is rolled up to; `None` if it stands for itself.
pub(crate) fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let start = prefix.len();
    let found = key.get(start..)?.find(delimiter)?;
    key.get(..start + found + delimiter.len())
}
