//! Copying objects, whole or as parts.

use super::S3Context;
use super::bucket::{existing, timestamp};
use super::exchange::Exchange;
use super::object::{self, ReadConditions, etag, set_checksum};
use super::{encryption, fault, multipart};
use futures::StreamExt;
use opentrail_storage::{Blob, BlobKey, ChecksumAlgorithm, ChecksumType as StoredType, MAX_BLOB_BYTES, Object, OpenObject};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use serde_json::Value;
use std::ops::Range as ByteRange;

struct Source {
    bucket: String,
    key: String,
}

fn source(copy_source: &CopySource) -> S3Result<Source> {
    match copy_source {
        CopySource::Bucket { version_id: Some(version), .. } if &**version != "null" => {
            Err(fault::not_implemented("versions of objects"))
        }
        CopySource::Bucket { bucket, key, .. } => Ok(Source { bucket: bucket.to_string(), key: key.to_string() }),
        _ => Err(fault::not_implemented("access points")),
    }
}

/// Opens the source of a copy; a failed condition is always `PreconditionFailed`.
fn open(context: &S3Context, source: &Source, conditions: &ReadConditions<'_>) -> S3Result<OpenObject> {
    let open = context.store.open_object(&source.bucket, &source.key).map_err(fault::of_store)?;
    let open = open.ok_or_else(object::no_such_key)?;
    conditions.check(&open.object).map_err(|_| object::precondition_failed())?;
    Ok(open)
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
    let input = req.input;
    let from = source(&input.copy_source)?;
    let replaces = input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let encrypts = exchange.header("x-amz-server-side-encryption").is_some();
    if from.bucket == input.bucket && from.key == input.key && !replaces && !encrypts {
        return Err(fault::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
    };
    let mut open = open(context, &from, &conditions)?;
    encryption::unlock(context, &exchange, &mut open).await?;
    let key = encryption::key_for(context, &exchange, &*existing(&exchange)?, &input.key).await?;
    let headers = if replaces { object::headers(&exchange, input.metadata.as_ref())? } else { open.object.headers.clone() };
    let algorithm = checksum_algorithm(input.checksum_algorithm.as_ref())?
        .or_else(|| open.object.checksum.as_ref().map(|checksum| checksum.algorithm));
    let size = open.object.size;
    let blob = copy_bytes(context, open, 0..size, algorithm, &key).await?;
    let copied = Object {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        blobs: vec![blob.reference()],
        size,
        etag: blob.etag(),
        last_modified_ms: exchange.now_ms(),
        headers,
        checksum: object::whole(algorithm.and_then(|algorithm| Some((algorithm, blob.checksum(algorithm)?.to_owned())))),
    };
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let staged = context.store.stage_put(&lock, &copied).inspect_err(|_| context.store.discard([&blob.id]));
    exchange.commit(staged.map_err(fault::of_store)?, &[blob.id], Value::Null).await?;
    encryption::show(&exchange, &copied);
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&copied)),
        last_modified: Some(timestamp(copied.last_modified_ms)),
        ..CopyObjectResult::default()
    };
    if let Some(checksum) = copied.checksum {
        result.checksum_type = Some(object::checksum_type(StoredType::FullObject));
        set_checksum!(result, checksum.algorithm, checksum.value);
    }
    Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
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
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
    };
    let mut open = open(context, &from, &conditions)?;
    encryption::unlock(context, &exchange, &mut open).await?;
    let key = encryption::key_of_upload(context, &exchange, upload.encryption.as_ref()).await?;
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
    encryption::show_key(&exchange, &key);
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(blob.etag())),
        last_modified: Some(timestamp(exchange.now_ms())),
        ..CopyPartResult::default()
    };
    if let Some((algorithm, value)) = algorithm.and_then(|algorithm| Some((algorithm, blob.checksum(algorithm)?.to_owned()))) {
        set_checksum!(result, algorithm, value);
    }
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() }))
}
