//! Objects: putting them, and what all that put have in common.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::object_settings::{self, require_digest};
use super::{fault, object_encryption, upload};
use opentrail_storage::{Bucket, Checksum, ChecksumAlgorithm, ChecksumType as StoredType, Object, ObjectHeaders};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use serde_json::{Value, json};

/// Most bytes of user metadata, names and values.
const MAX_METADATA_BYTES: usize = 2048;
/// Sets the member of an output that belongs to a checksum's algorithm.
macro_rules! set_checksum {
    ($output:expr, $algorithm:expr, $value:expr) => {{
        let value = Some($value);
        match $algorithm {
            opentrail_storage::ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = value,
            opentrail_storage::ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = value,
            opentrail_storage::ChecksumAlgorithm::Crc64nvme => $output.checksum_crc64nvme = value,
            opentrail_storage::ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = value,
            opentrail_storage::ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = value,
        }
    }};
}
pub(super) use set_checksum;

pub fn etag(object: &Object) -> ETag {
    ETag::Strong(object.etag.clone())
}

pub fn checksum_type(kind: StoredType) -> ChecksumType {
    match kind {
        StoredType::FullObject => ChecksumType::from_static(ChecksumType::FULL_OBJECT),
        StoredType::Composite => ChecksumType::from_static(ChecksumType::COMPOSITE),
    }
}

pub fn whole(checksum: Option<(ChecksumAlgorithm, String)>) -> Option<Checksum> {
    checksum.map(|(algorithm, value)| Checksum { algorithm, kind: StoredType::FullObject, value })
}

/// The headers to keep of a request that makes an object.
///
/// # Errors
/// If there is too much metadata.
pub fn headers(exchange: &Exchange, metadata: Option<&Metadata>) -> S3Result<ObjectHeaders> {
    let keep = |name: &str| exchange.header(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let metadata = metadata.cloned().unwrap_or_default();
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA_BYTES {
        return Err(fault::custom("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"));
    }
    Ok(ObjectHeaders {
        content_type: keep("content-type"),
        content_encoding: keep("content-encoding").and_then(|encoding| without_chunking(&encoding)),
        cache_control: keep("cache-control"),
        content_disposition: keep("content-disposition"),
        content_language: keep("content-language"),
        expires: keep("expires"),
        user_metadata: metadata.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
    })
}

/// `aws-chunked` is how the body travelled, not what it is.
fn without_chunking(encoding: &str) -> Option<String> {
    let kept: Vec<&str> = encoding.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// The version id to show of an object: none where the bucket was never versioned.
pub fn shown_version(bucket: &Bucket, object: &Object) -> Option<String> {
    (!bucket.settings.versioning.is_unversioned()).then(|| object.version_id().to_owned())
}

/// `responseElements` of a call that made a version.
pub fn version_elements(version: Option<&String>) -> Value {
    version.map_or(Value::Null, |version| json!({"x-amz-version-id": version}))
}

pub async fn put(context: &S3Context, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = req.input;
    let headers = headers(&exchange, input.metadata.as_ref())?;
    let settings = object_settings::of_headers(&exchange, &bucket)?;
    require_digest(&exchange, &bucket, &settings)?;
    let key = object_encryption::key_for(context, &exchange, &bucket, &input.key).await?;
    let received = upload::receive(context, &exchange, input.body, req.trailing_headers, None, &key).await?;
    let blob_ids = [received.blob.id.clone()];
    let mut object = Object {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        blobs: vec![received.blob.reference()],
        size: received.blob.size,
        etag: received.blob.etag(),
        last_modified_ms: exchange.now_ms(),
        headers,
        checksum: whole(received.checksum.clone()),
        settings,
        ..Object::default()
    };
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let staged = check_write(context, &object, input.if_match.as_ref(), input.if_none_match.as_ref())
        .and_then(|()| context.store.stage_put(&lock, &mut object, "ObjectCreated:Put").map_err(fault::of_store));
    let staged = staged.inspect_err(|_| context.store.discard(&blob_ids))?;
    let version_id = shown_version(&bucket, &object);
    exchange.commit(staged, &blob_ids, version_elements(version_id.as_ref())).await?;
    object_encryption::show(&exchange, &object);
    let mut output = PutObjectOutput { e_tag: Some(etag(&object)), version_id, ..PutObjectOutput::default() };
    if let Some((algorithm, value)) = received.checksum {
        set_checksum!(output, algorithm, value);
        output.checksum_type = Some(checksum_type(StoredType::FullObject));
    }
    Ok(S3Response::new(output))
}

/// Conditions of a write, looked at under the object's lock.
///
/// # Errors
/// `PreconditionFailed`, or `NoSuchKey` for a match with nothing.
pub fn check_write(
    context: &S3Context,
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_none() && if_none_match.is_none() {
        return Ok(());
    }
    let there = context.store.object(&object.bucket, &object.key).map_err(fault::of_store)?;
    match (there, if_match) {
        (None, Some(_)) => Err(no_such_key()),
        (Some(there), Some(condition)) if !matches(condition, &there) => Err(precondition_failed()),
        (Some(there), _) if if_none_match.is_some_and(|condition| matches(condition, &there)) => Err(precondition_failed()),
        _ => Ok(()),
    }
}

pub fn matches(condition: &ETagCondition, object: &Object) -> bool {
    condition.as_etag().is_none_or(|etag| etag.value() == object.etag)
}

pub fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}
