//! Files in buckets of S3, or of whatever speaks its protocol.

use crate::client::{Call, Connection, Refused, SignedClient, read_answer};
use crate::error::{ErrorKind, PortError};
use crate::limits;
use crate::store::{Listed, Opened, Page, Store};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::events::Event;
use reqwest::{Method, Response};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// All that is encoded in a key; a slash is not.
const IN_KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
const IN_QUERY: &AsciiSet = &IN_KEY.add(b'/');
/// Buckets whose region is remembered.
const BUCKETS_REMEMBERED: usize = 10_000;

/// Buckets of one account or endpoint. The region of a bucket is found by asking.
pub struct S3Store {
    client: SignedClient,
    endpoint: Option<String>,
    region: String,
    requester_pays: bool,
    regions: Mutex<HashMap<String, String>>,
}

impl S3Store {
    /// With endpoint, region and credentials from the usual AWS variables.
    ///
    /// # Errors
    /// If there are no credentials.
    pub fn from_environment() -> Result<Self, PortError> {
        Self::new(Connection::from_environment("S3")?)
    }

    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(connection: Connection) -> Result<Self, PortError> {
        let client = SignedClient::new(connection.credentials)?;
        let endpoint = connection.endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        Ok(Self { client, endpoint, region: connection.region, requester_pays: false, regions: Mutex::default() })
    }

    /// Whoever reads pays, where the bucket asks for it.
    #[must_use]
    pub fn requester_pays(mut self) -> Self {
        self.requester_pays = true;
        self
    }

    /// Sends a request, a second time if the bucket turns out to be in another region.
    async fn get(&self, bucket: &str, path: &str, query: &str, attempted: &str) -> Result<Response, PortError> {
        if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(PortError::new(ErrorKind::Invalid, attempted, "not a bucket's name"));
        }
        let mut region = self.regions().get(bucket).cloned().unwrap_or_else(|| self.region.clone());
        let mut moved = false;
        loop {
            let refused = match self.client.send(self.call(bucket, path, query, &region, attempted)).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed?,
            };
            match bucket_region(&refused) {
                Some(named) if !moved && named != region => {
                    moved = true;
                    region = named;
                    let mut regions = self.regions();
                    if regions.len() >= BUCKETS_REMEMBERED {
                        regions.clear();
                    }
                    regions.insert(bucket.to_owned(), region.clone());
                }
                _ => return Err(refused.into_error(attempted)),
            }
        }
    }

    fn call<'a>(&self, bucket: &str, path: &str, query: &str, region: &'a str, attempted: &str) -> Call<'a> {
        let question = if query.is_empty() { "" } else { "?" };
        let url = match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}{path}{question}{query}"),
            // A dot in a bucket's name would not fit the certificate.
            None if bucket.contains(['.', '_']) => {
                format!("https://s3.{region}.{}/{bucket}{path}{question}{query}", domain(region))
            }
            None => format!("https://{bucket}.s3.{region}.{}{path}{question}{query}", domain(region)),
        };
        let mut headers = HeaderMap::new();
        if self.requester_pays {
            headers.insert("x-amz-request-payer", HeaderValue::from_static("requester"));
        }
        Call {
            service: "s3",
            region,
            method: Method::GET,
            url,
            headers,
            body: Bytes::new(),
            more_patience: Duration::ZERO,
            attempted: attempted.to_owned(),
        }
    }

    fn regions(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn bucket_region(refused: &Refused) -> Option<String> {
    let elsewhere = matches!(refused.status, 301 | 307) || refused.status == 400;
    let named = refused.headers.get("x-amz-bucket-region")?.to_str().ok()?;
    let plain = named.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (elsewhere && plain).then(|| named.to_owned())
}

#[async_trait]
impl Store for S3Store {
    async fn open(&self, bucket: &str, key: &str) -> Result<Opened, PortError> {
        let attempted = format!("fetching {}", self.display(bucket, key));
        if key.split('/').any(|part| part == "." || part == "..") {
            // HTTP clients rewrite such paths, and so would ask for another object.
            return Err(PortError::new(ErrorKind::Invalid, attempted, "the key has a part that is . or .."));
        }
        let path = format!("/{}", utf8_percent_encode(key, IN_KEY));
        let response = self.get(bucket, &path, "", &attempted).await?;
        let metadata = metadata(response.headers());
        let size = response.content_length();
        let body = stream::try_unfold((response, attempted), |(mut response, attempted)| async move {
            match response.chunk().await {
                Ok(piece) => Ok(piece.map(|piece| (piece, (response, attempted)))),
                Err(error) => Err(PortError::transient(attempted, error)),
            }
        });
        Ok(Opened { size, metadata, body: body.boxed() })
    }

    async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Page, PortError> {
        let attempted = format!("listing {}", self.display(bucket, prefix));
        // In the order in which they are signed.
        let mut query = format!(
            "encoding-type=url&list-type=2&max-keys={}&prefix={}",
            limits::PAGE_KEYS,
            utf8_percent_encode(prefix, IN_QUERY)
        );
        if let Some(after) = after {
            query.push_str(&format!("&start-after={}", utf8_percent_encode(after, IN_QUERY)));
        }
        let response = self.get(bucket, "/", &query, &attempted).await?;
        let body = read_answer(response, &attempted, limits::ANSWER_BYTES).await?;
        page(&body).ok_or_else(|| PortError::transient(attempted, "the listing cannot be read"))
    }

    fn display(&self, bucket: &str, key: &str) -> String {
        format!("s3://{bucket}/{key}")
    }
}

fn metadata(headers: &HeaderMap) -> BTreeMap<String, String> {
    let named = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().strip_prefix("x-amz-meta-")?.to_owned(), value.to_str().ok()?.to_owned()))
    });
    named.collect()
}

/// Reads a ListObjectsV2 answer with `encoding-type=url`.
fn page(body: &[u8]) -> Option<Page> {
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(body).ok()?);
    let (mut page, mut path, mut root) = (Page::default(), Vec::<String>::new(), false);
    let mut listed = (String::new(), String::new());
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                root |= path == ["ListBucketResult"];
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => text.push_str(match name.as_ref() {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                _ => return None,
            }),
            Event::End(_) => {
                let name = path.pop()?;
                match (path.last().map(String::as_str), name.as_str()) {
                    (Some("Contents"), "Key") => listed.0 = decoded(&text),
                    (Some("Contents"), "Size") => listed.1.clone_from(&text),
                    (Some("ListBucketResult"), "Contents") => {
                        let (key, size) = std::mem::take(&mut listed);
                        page.files.push(Listed { key, size: size.trim().parse().ok()? });
                    }
                    (Some("ListBucketResult"), "IsTruncated") => page.more = text.trim() == "true",
                    _ => {}
                }
                text.clear();
            }
            Event::Eof => return (root && path.is_empty()).then_some(page),
            _ => {}
        }
    }
}

/// Some stores write a blank as `+`; a plus sign itself is always encoded.
fn decoded(key: &str) -> String {
    percent_encoding::percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_read() {
        let body = br#"<?xml version="1.0"?><ListBucketResult xmlns="x"><Name>b</Name><Prefix>p</Prefix><IsTruncated>true</IsTruncated>
            <Contents><Key>a/b%2Bc+d%C3%A4.gz</Key><LastModified>t</LastModified><Size>12</Size></Contents><Contents><Size>0</Size><Key>z&amp;</Key></Contents></ListBucketResult>"#;
        let page = page(body).expect("a listing");
        let keys: Vec<_> = page.files.iter().map(|file| (file.key.as_str(), file.size)).collect();
        assert_eq!((keys, page.more), (vec![("a/b+c dä.gz", 12), ("z&", 0)], true));
        assert_eq!(super::page(b"<ListBucketResult></ListBucketResult>"), Some(Page::default()));
        assert_eq!(super::page(b"<Error><Code>x</Code></Error>"), None);
        assert_eq!(super::page(b"<ListBucketResult><Contents>"), None);
    }
}
