//! Listing versions: without versioning every object has one, called `null`, and it is the latest.

use super::S3Context;
use super::bucket::{existing, owner, timestamp};
use super::exchange::Exchange;
use super::fault;
use super::listing::{Encoding, after_marker, common_prefixes, limit};
use super::object::etag;
use opentrail_storage::{After, ListingQuery};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

/// The version that an object has without versioning.
const NULL_VERSION: &str = "null";

pub fn list(context: &S3Context, req: &S3Request<ListObjectVersionsInput>) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let (prefix, delimiter) = (input.prefix.as_deref().unwrap_or(""), input.delimiter.as_deref().unwrap_or(""));
    let marker = input.key_marker.as_deref().unwrap_or("");
    if marker.is_empty() && input.version_id_marker.as_ref().is_some_and(|version| !version.is_empty()) {
        return Err(fault::invalid_argument("A version-id marker cannot be specified without a key marker."));
    }
    let limit = limit(input.max_keys, "maxKeys")?;
    let query = ListingQuery { bucket: &input.bucket, prefix, delimiter, after: after_marker(marker, prefix, delimiter), limit };
    let listing = context.store.list_objects(&query).map_err(fault::of_store)?;
    let owner = owner(&bucket.account);
    let version = |object: &opentrail_storage::Object| ObjectVersion {
        e_tag: Some(etag(object)),
        is_latest: Some(true),
        key: Some(encoding.text(&object.key)),
        last_modified: Some(timestamp(object.last_modified_ms)),
        owner: Some(owner.clone()),
        size: i64::try_from(object.size).ok(),
        storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
        version_id: Some(NULL_VERSION.into()),
        ..ObjectVersion::default()
    };
    let next = listing.next.as_ref().map(|after| match after {
        After::Nothing => String::new(),
        After::Key(text) | After::Prefix(text) => encoding.text(text),
    });
    let next_version = listing.next.as_ref().and_then(|after| matches!(after, After::Key(_)).then(|| NULL_VERSION.to_owned()));
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.text(prefix)),
        key_marker: Some(encoding.text(marker)),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(listing.next.is_some()),
        versions: (!listing.objects.is_empty()).then(|| listing.objects.iter().map(version).collect()),
        common_prefixes: common_prefixes(&listing, encoding),
        delimiter: encoding.texts(input.delimiter.as_ref()),
        next_key_marker: next,
        next_version_id_marker: next_version,
        encoding_type: input.encoding_type.clone(),
        ..ListObjectVersionsOutput::default()
    }))
}
