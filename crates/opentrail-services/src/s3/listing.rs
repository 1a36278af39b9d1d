//! Listing objects, both versions.

use super::S3Context;
use super::bucket::{existing, owner, timestamp};
use super::exchange::Exchange;
use super::fault;
use super::object::{checksum_type, etag};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_storage::{After, Listing, ListingQuery};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

/// Most entries of a page, of any listing.
pub const MAX_ENTRIES: usize = 1000;

/// Writes texts the way the client asked for.
#[derive(Clone, Copy)]
pub struct Encoding(bool);

impl Encoding {
    pub fn of(requested: Option<&EncodingType>) -> Self {
        Self(requested.is_some_and(|encoding| encoding.as_str() == EncodingType::URL))
    }

    pub fn text(self, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }

    pub fn texts(self, text: Option<&String>) -> Option<String> {
        text.map(|text| self.text(text))
    }
}

/// The number of entries asked for, at most [`MAX_ENTRIES`].
///
/// # Errors
/// If it is negative.
pub fn limit(requested: Option<i32>, name: &str) -> S3Result<usize> {
    let requested = requested.map_or(Ok(MAX_ENTRIES), usize::try_from);
    let requested =
        requested.map_err(|_| fault::invalid_argument(format!("Argument {name} must be an integer between 0 and 2147483647")))?;
    Ok(requested.min(MAX_ENTRIES))
}

fn contents(listing: &Listing, encoding: Encoding, owner: Option<&Owner>) -> Option<Vec<Object>> {
    let entry = |object: &opentrail_storage::Object| Object {
        checksum_algorithm: object
            .checksum
            .as_ref()
            .map(|checksum| vec![ChecksumAlgorithm::from(checksum.algorithm.name().to_owned())]),
        checksum_type: object.checksum.as_ref().map(|checksum| checksum_type(checksum.kind)),
        e_tag: Some(etag(object)),
        key: Some(encoding.text(&object.key)),
        last_modified: Some(timestamp(object.last_modified_ms)),
        owner: owner.cloned(),
        restore_status: None,
        size: i64::try_from(object.size).ok(),
        storage_class: Some(ObjectStorageClass::from_static(object.settings.storage_class.name())),
    };
    (!listing.objects.is_empty()).then(|| listing.objects.iter().map(entry).collect())
}

pub fn common_prefixes(prefixes: &[String], encoding: Encoding) -> Option<Vec<CommonPrefix>> {
    let entry = |prefix: &String| CommonPrefix { prefix: Some(encoding.text(prefix)) };
    (!prefixes.is_empty()).then(|| prefixes.iter().map(entry).collect())
}

/// Version 1 goes on behind a marker, which may be the common prefix that the last page ended with.
pub fn after_marker(marker: &str, prefix: &str, delimiter: &str) -> After {
    let rest = marker.strip_prefix(prefix).unwrap_or("");
    let is_common_prefix = !delimiter.is_empty() && rest.find(delimiter).is_some_and(|at| at + delimiter.len() == rest.len());
    match marker {
        "" => After::Nothing,
        _ if is_common_prefix => After::Prefix(marker.to_owned()),
        _ => After::Key(marker.to_owned()),
    }
}

pub fn first(context: &S3Context, req: &S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let (prefix, delimiter) = (input.prefix.as_deref().unwrap_or(""), input.delimiter.as_deref().unwrap_or(""));
    let marker = input.marker.as_deref().unwrap_or("");
    let limit = limit(input.max_keys, "maxKeys")?;
    let after = after_marker(marker, prefix, delimiter);
    let query = ListingQuery { bucket: &input.bucket, prefix, delimiter, after, limit };
    let listing = context.store.list_objects(&query).map_err(fault::of_store)?;
    let next = listing.next.as_ref().map(|after| match after {
        After::Nothing => String::new(),
        After::Key(text) | After::Prefix(text) => encoding.text(text),
    });
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.text(prefix)),
        marker: Some(encoding.text(marker)),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(listing.next.is_some()),
        contents: contents(&listing, encoding, Some(&owner(&bucket.account))),
        common_prefixes: common_prefixes(&listing.common_prefixes, encoding),
        delimiter: encoding.texts(input.delimiter.as_ref()),
        next_marker: next.filter(|_| !delimiter.is_empty()),
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    }))
}

fn token(after: &After) -> String {
    let text = match after {
        After::Nothing => String::new(),
        After::Key(key) => format!("k{key}"),
        After::Prefix(prefix) => format!("p{prefix}"),
    };
    URL_SAFE_NO_PAD.encode(text)
}

fn after_token(token: &str) -> S3Result<After> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|raw| String::from_utf8(raw).ok());
    match text.as_deref().and_then(|text| text.split_at_checked(1)) {
        Some(("k", key)) => Ok(After::Key(key.to_owned())),
        Some(("p", prefix)) => Ok(After::Prefix(prefix.to_owned())),
        _ => Err(fault::invalid_argument("The continuation token provided is incorrect")),
    }
}

pub fn second(context: &S3Context, req: &S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let (prefix, delimiter) = (input.prefix.as_deref().unwrap_or(""), input.delimiter.as_deref().unwrap_or(""));
    let limit = limit(input.max_keys, "max-keys")?;
    let after = match (&input.continuation_token, input.start_after.as_deref()) {
        (Some(token), _) => after_token(token)?,
        (None, Some(start)) if !start.is_empty() => After::Key(start.to_owned()),
        _ => After::Nothing,
    };
    let query = ListingQuery { bucket: &input.bucket, prefix, delimiter, after, limit };
    let listing = context.store.list_objects(&query).map_err(fault::of_store)?;
    let owner = input.fetch_owner.unwrap_or(false).then(|| owner(&bucket.account));
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.text(prefix)),
        max_keys: i32::try_from(limit).ok(),
        key_count: i32::try_from(listing.objects.len() + listing.common_prefixes.len()).ok(),
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(listing.next.is_some()),
        next_continuation_token: listing.next.as_ref().map(token),
        contents: contents(&listing, encoding, owner.as_ref()),
        common_prefixes: common_prefixes(&listing.common_prefixes, encoding),
        delimiter: encoding.texts(input.delimiter.as_ref()),
        encoding_type: input.encoding_type.clone(),
        start_after: encoding.texts(input.start_after.as_ref()),
        request_charged: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_and_tokens() {
        assert_eq!(after_marker("a/b/", "a/", "/"), After::Prefix("a/b/".into()));
        assert_eq!(after_marker("a/b/c", "a/", "/"), After::Key("a/b/c".into()));
        assert_eq!(after_marker("a/b/", "a/", ""), After::Key("a/b/".into()));
        assert_eq!(after_marker("", "a/", "/"), After::Nothing);
        for after in [After::Key("é/1".into()), After::Prefix("x/".into())] {
            assert_eq!(after_token(&token(&after)).expect("our own token"), after);
        }
        assert!(after_token("!").is_err());
    }

    #[test]
    fn texts_are_encoded_for_urls_on_request() {
        let url = Encoding::of(Some(&EncodingType::from_static(EncodingType::URL)));
        assert_eq!(url.text("a b/é+"), "a%20b/%C3%A9%2B");
        assert_eq!(Encoding::of(None).text("a b"), "a b");
    }
}
