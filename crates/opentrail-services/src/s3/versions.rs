//! Listing versions and delete markers.

use super::S3Context;
use super::bucket::{existing, owner, timestamp};
use super::exchange::Exchange;
use super::fault;
use super::listing::{Encoding, after_marker, common_prefixes, limit};
use super::object::{checksum_type, etag};
use super::read::check_version_id;
use opentrail_storage::{After, AfterVersion, Object, VersionQuery};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

/// Where a listing goes on, from its two markers.
fn after(key: &str, version: Option<&str>, prefix: &str, delimiter: &str) -> S3Result<AfterVersion> {
    let version = version.filter(|version| !version.is_empty());
    if key.is_empty() {
        return match version {
            None => Ok(AfterVersion::Nothing),
            Some(_) => Err(fault::invalid_argument("A version-id marker cannot be specified without a key marker.")),
        };
    }
    check_version_id(version)?;
    Ok(match (version, after_marker(key, prefix, delimiter)) {
        (Some(id), _) => AfterVersion::Version { key: key.to_owned(), id: id.to_owned() },
        (None, After::Prefix(prefix)) => AfterVersion::Prefix(prefix),
        (None, _) => AfterVersion::Key(key.to_owned()),
    })
}

fn version(object: &Object, encoding: Encoding, owner: &Owner) -> ObjectVersion {
    ObjectVersion {
        checksum_algorithm: object
            .checksum
            .as_ref()
            .map(|checksum| vec![ChecksumAlgorithm::from(checksum.algorithm.name().to_owned())]),
        checksum_type: object.checksum.as_ref().map(|checksum| checksum_type(checksum.kind)),
        e_tag: Some(etag(object)),
        is_latest: Some(object.noncurrent_since_ms.is_none()),
        key: Some(encoding.text(&object.key)),
        last_modified: Some(timestamp(object.last_modified_ms)),
        owner: Some(owner.clone()),
        restore_status: None,
        size: i64::try_from(object.size).ok(),
        storage_class: Some(ObjectVersionStorageClass::from_static(object.settings.storage_class.name())),
        version_id: Some(object.version_id().to_owned()),
    }
}

fn marker(object: &Object, encoding: Encoding, owner: &Owner) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        is_latest: Some(object.noncurrent_since_ms.is_none()),
        key: Some(encoding.text(&object.key)),
        last_modified: Some(timestamp(object.last_modified_ms)),
        owner: Some(owner.clone()),
        version_id: Some(object.version_id().to_owned()),
    }
}

pub fn list(context: &S3Context, req: &S3Request<ListObjectVersionsInput>) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let (prefix, delimiter) = (input.prefix.as_deref().unwrap_or(""), input.delimiter.as_deref().unwrap_or(""));
    let key_marker = input.key_marker.as_deref().unwrap_or("");
    let after = after(key_marker, input.version_id_marker.as_deref(), prefix, delimiter)?;
    let limit = limit(input.max_keys, "maxKeys")?;
    let query = VersionQuery { bucket: &input.bucket, prefix, delimiter, after, limit };
    let listing = context.store.list_versions(&query).map_err(fault::of_store)?;
    let owner = owner(&bucket.account);
    let (markers, versions): (Vec<_>, Vec<_>) = listing.versions.iter().partition(|object| object.delete_marker);
    let versions: Vec<_> = versions.into_iter().map(|object| version(object, encoding, &owner)).collect();
    let markers: Vec<_> = markers.into_iter().map(|object| marker(object, encoding, &owner)).collect();
    let (next_key, next_version) = match &listing.next {
        None | Some(AfterVersion::Nothing) => (None, None),
        Some(AfterVersion::Key(text) | AfterVersion::Prefix(text)) => (Some(encoding.text(text)), None),
        Some(AfterVersion::Version { key, id }) => (Some(encoding.text(key)), Some(id.clone())),
    };
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.text(prefix)),
        key_marker: Some(encoding.text(key_marker)),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(listing.next.is_some()),
        versions: (!versions.is_empty()).then_some(versions),
        delete_markers: (!markers.is_empty()).then_some(markers),
        common_prefixes: common_prefixes(&listing.common_prefixes, encoding),
        delimiter: encoding.texts(input.delimiter.as_ref()),
        next_key_marker: next_key,
        next_version_id_marker: next_version,
        encoding_type: input.encoding_type.clone(),
        ..ListObjectVersionsOutput::default()
    }))
}
