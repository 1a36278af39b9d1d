//! Copying objects, whole or as parts.

use super::S3Context;
use super::bucket::{existing, timestamp};
use super::exchange::Exchange;
use super::object::{self, etag, set_checksum, shown_version, version_elements};
use super::read::{ReadConditions, check_readable, check_version_id, conditions};
use super::{customer_key, fault, multipart, object_encryption, object_settings};
use futures::StreamExt;
use opentrail_storage::{Blob, BlobKey, ChecksumAlgorithm, ChecksumType as StoredType, MAX_BLOB_BYTES, Object, OpenObject};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::ops::Range as ByteRange;

struct Source {
    bucket: String,
    key: String,
    version: Option<String>,
}

fn source(copy_source: &CopySource) -> S3Result<Source> {
    match copy_source {
        CopySource::Bucket { bucket, key, version_id } => {
            let version = version_id.as_deref().map(ToOwned::to_owned);
            check_version_id(version.as_deref())?;
            Ok(Source { bucket: bucket.to_string(), key: key.to_string(), version })
        }
        _ => Err(fault::not_implemented("access points")),
    }
}

/// Opens the source of a copy; a failed condition is always `PreconditionFailed`.
fn open(context: &S3Context, exchange: &Exchange, source: &Source, conditions: &ReadConditions<'_>) -> S3Result<OpenObject> {
    let open = context.store.open_version(&source.bucket, &source.key, source.version.as_deref()).map_err(fault::of_store)?;
    let open = match open {
        Some(open) if !open.object.delete_marker => open,
        Some(_) if source.version.is_some() => {
            return Err(fault::invalid_request(
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            ));
        }
        None if source.version.is_some() => {
            return Err(fault::custom("NoSuchVersion", 404, "The specified version does not exist."));
        }
        _ => return Err(object::no_such_key()),
    };
    conditions.check(&open.object).map_err(|_| object::precondition_failed())?;
    check_readable(&open.object, exchange.now_ms())?;
    Ok(open)
}

/// The version id of the source to show.
fn source_version(context: &S3Context, open: &OpenObject) -> Option<String> {
    let bucket = context.store.bucket(&open.object.bucket).ok().flatten()?;
    shown_version(&bucket, &open.object)
}

async fn copy_bytes(
    context: &S3Context,
    open: OpenObject,
    range: ByteRange<u64>,
    checksum: Option<ChecksumAlgorithm>,
    key: &BlobKey,
) -> S3Result<Blob> {
    if range.end - range.start > MAX_BLOB_BYTES {
        return Err(fault::invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120",
        ));
    }
    let algorithms: Vec<ChecksumAlgorithm> = checksum.into_iter().collect();
    let mut writer = context.store.write_blob(&algorithms, key).await.map_err(fault::of_store)?;
    let mut bytes = open.read(range).await.map_err(fault::of_store)?;
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::error!(%error, "an object could not be read while it was copied");
            fault::internal()
        })?;
        writer.write(&chunk).await.map_err(fault::of_store)?;
    }
    writer.finish().await.map_err(fault::of_store)
}

pub async fn object(context: &S3Context, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = req.input;
    let from = source(&input.copy_source)?;
    let replaces = input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let replaces_tags = input.tagging_directive.as_ref().is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
    if exchange.header("x-amz-tagging").is_some() && !replaces_tags {
        return Err(fault::invalid_argument("The x-amz-tagging header is only used with the tagging directive REPLACE"));
    }
    let encrypts = exchange.header("x-amz-server-side-encryption").is_some()
        || exchange.header("x-amz-server-side-encryption-customer-algorithm").is_some();
    let changes_nothing = !replaces && !replaces_tags && !encrypts && input.storage_class.is_none() && from.version.is_none();
    if from.bucket == input.bucket && from.key == input.key && changes_nothing {
        return Err(fault::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let (if_match, if_none_match) = (condition(&exchange, "if-match")?, condition(&exchange, "if-none-match")?);
    let mut settings = object_settings::of_headers(&exchange, &bucket)?;
    let mut open = open(context, &exchange, &from, &conditions!(source of input))?;
    object_encryption::unlock(context, &exchange, &mut open, &customer_key::SOURCE).await?;
    let key = object_encryption::key_for(context, &exchange, &bucket, &input.key).await?;
    let copied_version = source_version(context, &open);
    if !replaces_tags {
        settings.tags.clone_from(&open.object.settings.tags);
    }
    let headers = if replaces { object::headers(&exchange, input.metadata.as_ref())? } else { open.object.headers.clone() };
    let algorithm = checksum_algorithm(input.checksum_algorithm.as_ref())?
        .or_else(|| open.object.checksum.as_ref().map(|checksum| checksum.algorithm));
    let size = open.object.size;
    let blob = copy_bytes(context, open, 0..size, algorithm, &key).await?;
    let mut copied = Object {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        blobs: vec![blob.reference()],
        size,
        etag: blob.etag(),
        last_modified_ms: exchange.now_ms(),
        headers,
        checksum: object::whole(algorithm.and_then(|algorithm| Some((algorithm, blob.checksum(algorithm)?.to_owned())))),
        settings,
        ..Object::default()
    };
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let staged = object::check_write(context, &copied, if_match.as_ref(), if_none_match.as_ref())
        .and_then(|()| context.store.stage_put(&lock, &mut copied, "ObjectCreated:Copy").map_err(fault::of_store));
    let staged = staged.inspect_err(|_| context.store.discard([&blob.id]))?;
    let version_id = shown_version(&bucket, &copied);
    exchange.commit(staged, &[blob.id], version_elements(version_id.as_ref())).await?;
    object_encryption::show(&exchange, &copied);
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&copied)),
        last_modified: Some(timestamp(copied.last_modified_ms)),
        ..CopyObjectResult::default()
    };
    if let Some(checksum) = copied.checksum {
        result.checksum_type = Some(object::checksum_type(StoredType::FullObject));
        set_checksum!(result, checksum.algorithm, checksum.value);
    }
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: copied_version,
        version_id,
        ..CopyObjectOutput::default()
    }))
}

/// A condition on what is there already, which `s3s` does not read for copies.
fn condition(exchange: &Exchange, name: &str) -> S3Result<Option<ETagCondition>> {
    let parsed = exchange.header(name).map(|value| ETagCondition::parse_http_header(value.as_bytes()));
    parsed.transpose().map_err(|_| fault::invalid_argument(format!("The {name} header is not an entity tag")))
}

/// # Errors
/// If the algorithm is none that OpenTrail computes.
pub fn checksum_algorithm(name: Option<&s3s::dto::ChecksumAlgorithm>) -> S3Result<Option<ChecksumAlgorithm>> {
    let Some(name) = name else { return Ok(None) };
    let found = ChecksumAlgorithm::parse(name.as_str());
    found.map(Some).ok_or_else(|| fault::not_implemented(&format!("the checksum {}", name.as_str())))
}

pub async fn part(context: &S3Context, req: S3Request<UploadPartCopyInput>) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    let number = multipart::part_number(input.part_number)?;
    let upload = context.store.upload(&input.bucket, &input.key, &input.upload_id).map_err(fault::of_store)?;
    let from = source(&input.copy_source)?;
    let mut open = open(context, &exchange, &from, &conditions!(source of input))?;
    object_encryption::unlock(context, &exchange, &mut open, &customer_key::SOURCE).await?;
    let key = object_encryption::key_of_upload(context, &exchange, &upload).await?;
    let copied_version = source_version(context, &open);
    let range = match input.copy_source_range.as_deref() {
        None => 0..open.object.size,
        Some(text) => {
            let range = Range::parse(text).map_err(|_| {
                fault::invalid_argument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
            })?;
            range.check(open.object.size).map_err(|_| s3_error!(InvalidRange, "The requested range is not satisfiable"))?
        }
    };
    let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
    let blob = copy_bytes(context, open, range, algorithm, &key).await?;
    multipart::store_part(context, &exchange, &upload, number, &blob).await?;
    object_encryption::show_key(&exchange, &key);
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(blob.etag())),
        last_modified: Some(timestamp(exchange.now_ms())),
        ..CopyPartResult::default()
    };
    if let Some((algorithm, value)) = algorithm.and_then(|algorithm| Some((algorithm, blob.checksum(algorithm)?.to_owned()))) {
        set_checksum!(result, algorithm, value);
    }
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: copied_version,
        ..UploadPartCopyOutput::default()
    }))
}
