//! Buckets as pages see them: requests to S3 under the person's rights, and its XML read.

use crate::visitor::Visitor;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use opentrail_wire::ApiError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// What stays as it is in a path or query of S3.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const KEPT_IN_KEYS: &AsciiSet = &KEPT.remove(b'/');
/// Longest XML answer that is read.
const MAX_XML_BYTES: usize = 8 << 20;
/// The largest page of a listing.
pub const MAX_LISTED: usize = 1_000;

/// An answer of S3, or its beginning.
pub struct Got {
    pub body: Bytes,
    /// There was more than wanted.
    pub cut: bool,
    pub headers: HeaderMap,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// User metadata, names in lower case.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let of = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.as_str().strip_prefix("x-amz-meta-")?.to_owned(), value.to_str().ok()?.to_owned()))
        };
        self.headers.iter().filter_map(of).collect()
    }

    fn xml<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let text = std::str::from_utf8(&self.body).unwrap_or_default();
        quick_xml::de::from_str(text).map_err(|error| {
            tracing::warn!(%error, "an answer of S3 could not be read");
            ApiError::new("InternalFailure", "The bucket's answer could not be read.").with_status(500)
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3Error {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub key: String,
    pub size: u64,
    pub modified: String,
}

/// A page of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub folders: Vec<String>,
    pub objects: Vec<Object>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    #[serde(default)]
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    last_modified: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketsResult {
    buckets: Buckets,
}

#[derive(Deserialize)]
struct Buckets {
    #[serde(default, rename = "Bucket")]
    list: Vec<Bucket>,
}

/// A bucket of the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    pub name: String,
    #[serde(default)]
    pub creation_date: String,
}

/// Asks S3; at most `most` bytes of the answer are kept.
///
/// # Errors
/// What S3 refuses, in its words.
pub async fn ask(visitor: &Visitor, method: &str, path: &str, query: &str, body: Bytes, most: usize) -> Result<Got, ApiError> {
    let response = visitor.s3(method, path, query, body).await?;
    let (head, mut body) = response.into_parts();
    let (mut kept, mut cut) = (BytesMut::new(), false);
    let most_here = if head.status.is_success() { most } else { MAX_XML_BYTES };
    while let Some(frame) = body.frame().await {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            tracing::warn!(%error, "an object could not be read to its end");
            ApiError::new("InternalFailure", "The object could not be read to its end.").with_status(500)
        };
        let Ok(data) = frame.map_err(failed)?.into_data() else { continue };
        let room = most_here - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            cut = true;
            break;
        }
    }
    let got = Got { body: kept.freeze(), cut, headers: head.headers };
    if head.status.is_success() {
        return Ok(got);
    }
    let error = got.xml::<S3Error>().unwrap_or(S3Error { code: String::new(), message: String::new() });
    let code = if error.code.is_empty() { head.status.as_str().to_owned() } else { error.code };
    let message = if error.message.is_empty() { "S3 refused this without a word.".to_owned() } else { error.message };
    Err(ApiError::new(code, message).with_status(head.status.as_u16()))
}

/// The path of an object, percent-encoded.
pub fn path_of(bucket: &str, key: &str) -> String {
    format!("/{}/{}", utf8_percent_encode(bucket, KEPT), utf8_percent_encode(key, KEPT_IN_KEYS))
}

/// The path of a bucket, percent-encoded.
pub fn bucket_path(bucket: &str) -> String {
    format!("/{}", utf8_percent_encode(bucket, KEPT))
}

/// Reads an object.
///
/// # Errors
/// As [`ask`].
pub async fn get(visitor: &Visitor, bucket: &str, key: &str, most: usize) -> Result<Got, ApiError> {
    ask(visitor, "GET", &path_of(bucket, key), "", Bytes::new(), most).await
}

/// One page of what is below a prefix; with `folders`, only one level of it.
///
/// # Errors
/// As [`ask`].
pub async fn list(
    visitor: &Visitor,
    bucket: &str,
    prefix: &str,
    folders: bool,
    token: Option<&str>,
    most: usize,
) -> Result<Listing, ApiError> {
    let mut query = String::new();
    let mut add = |name: &str, value: &str| {
        let joint = if query.is_empty() { "" } else { "&" };
        query.push_str(&format!("{joint}{name}={}", utf8_percent_encode(value, KEPT)));
    };
    if let Some(token) = token {
        add("continuation-token", token);
    }
    if folders {
        add("delimiter", "/");
    }
    add("encoding-type", "url");
    add("list-type", "2");
    add("max-keys", &most.min(MAX_LISTED).to_string());
    add("prefix", prefix);
    let got = ask(visitor, "GET", &bucket_path(bucket), &query, Bytes::new(), MAX_XML_BYTES).await?;
    Ok(listing(got.xml()?))
}

fn listing(result: ListBucketResult) -> Listing {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let object = |object: Contents| Object { key: decoded(&object.key), size: object.size, modified: object.last_modified };
    Listing {
        folders: result.common_prefixes.iter().map(|folder| decoded(&folder.prefix)).collect(),
        objects: result.contents.into_iter().map(object).collect(),
        next: result.next_continuation_token.filter(|token| !token.is_empty()),
    }
}

/// The buckets of the account.
///
/// # Errors
/// As [`ask`].
pub async fn buckets(visitor: &Visitor) -> Result<Vec<Bucket>, ApiError> {
    let got = ask(visitor, "GET", "/", "", Bytes::new(), MAX_XML_BYTES).await?;
    Ok(got.xml::<ListBucketsResult>()?.buckets.list)
}

/// Creates a bucket in the region of the page.
///
/// # Errors
/// As [`ask`].
pub async fn create(visitor: &Visitor, bucket: &str) -> Result<(), ApiError> {
    let body = match visitor.region() {
        "us-east-1" => String::new(),
        region => format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        ),
    };
    ask(visitor, "PUT", &bucket_path(bucket), "", body.into(), MAX_XML_BYTES).await.map(drop)
}

/// The policy of a bucket, if it has one.
///
/// # Errors
/// As [`ask`].
pub async fn policy(visitor: &Visitor, bucket: &str) -> Result<Option<String>, ApiError> {
    match ask(visitor, "GET", &bucket_path(bucket), "policy=", Bytes::new(), MAX_XML_BYTES).await {
        Ok(got) => Ok(Some(String::from_utf8_lossy(&got.body).into_owned())),
        Err(error) if error.code == "NoSuchBucketPolicy" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the policy of a bucket.
///
/// # Errors
/// As [`ask`].
pub async fn put_policy(visitor: &Visitor, bucket: &str, policy: String) -> Result<(), ApiError> {
    ask(visitor, "PUT", &bucket_path(bucket), "policy=", policy.into(), MAX_XML_BYTES).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_read() {
        let text = r#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
            <IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;</NextContinuationToken>
            <Contents><Key>a%20b+c%3Cx%3E</Key><LastModified>2026-11-21T00:00:00.000Z</LastModified><ETag>"e"</ETag>
            <Size>5</Size></Contents><Contents><Key>d</Key><Size>6</Size></Contents>
            <CommonPrefixes><Prefix>AWSLogs/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let read = listing(quick_xml::de::from_str(text).expect("well-formed"));
        assert_eq!(read.folders, ["AWSLogs/"]);
        assert_eq!(read.next.as_deref(), Some("t&"));
        assert_eq!(read.objects[0].key, "a b c<x>");
        assert_eq!((read.objects[0].size, read.objects.len()), (5, 2));
        let empty = listing(quick_xml::de::from_str("<ListBucketResult><Name>b</Name></ListBucketResult>").expect("well-formed"));
        assert_eq!(empty, Listing::default());
        let list: ListBucketsResult =
            quick_xml::de::from_str("<L><Owner/><Buckets><Bucket><Name>x</Name></Bucket></Buckets></L>").expect("well-formed");
        assert_eq!(list.buckets.list[0].name, "x");
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(path_of("b", "a b/<c>?#.gz"), "/b/a%20b/%3Cc%3E%3F%23.gz");
    }
}
