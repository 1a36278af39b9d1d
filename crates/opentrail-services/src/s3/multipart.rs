//! Multipart uploads.

use super::S3Context;
use super::bucket::{existing, initiator, owner, timestamp};
use super::exchange::Exchange;
use super::listing::{Encoding, limit};
use super::object::{self, checksum_type, etag, set_checksum};
use super::{copy, fault, object_encryption, object_settings, upload};
use opentrail_storage::{Blob, ChecksumAlgorithm as Algorithm, ChecksumType as StoredType, MAX_PARTS, RequestedPart, Upload};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use serde_json::{Value, json};

type Created = S3Result<S3Response<CreateMultipartUploadOutput>>;

pub async fn create(context: &S3Context, req: S3Request<CreateMultipartUploadInput>) -> Created {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = req.input;
    let checksum = wanted_checksum(&input)?;
    let key = object_encryption::key_for(context, &exchange, &bucket, &input.key).await?;
    let started = Upload {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        id: context.store.upload_id(),
        started_ms: exchange.now_ms(),
        initiator: initiator(&exchange.call_now().caller),
        headers: object::headers(&exchange, input.metadata.as_ref())?,
        checksum,
        encryption: object_encryption::kept(&key),
        customer_key: object_encryption::kept_customer_key(&key),
        settings: object_settings::of_headers(&exchange, &bucket)?,
    };
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let staged = context.store.stage_upload(&lock, &started).map_err(fault::of_store)?;
    let elements = json!({"uploadId": started.id, "bucket": started.bucket, "key": started.key});
    exchange.commit(staged, &[], elements).await?;
    object_encryption::show_key(&exchange, &key);
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(started.id),
        checksum_algorithm: checksum.map(|(algorithm, _)| algorithm_name(algorithm)),
        checksum_type: checksum.map(|(_, kind)| checksum_type(kind)),
        ..CreateMultipartUploadOutput::default()
    }))
}

fn algorithm_name(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from(algorithm.name().to_owned())
}

fn wanted_checksum(input: &CreateMultipartUploadInput) -> S3Result<Option<(Algorithm, StoredType)>> {
    let algorithm = copy::checksum_algorithm(input.checksum_algorithm.as_ref())?;
    let kind = input.checksum_type.as_ref().map(ChecksumType::as_str);
    let refused = |algorithm: Algorithm, kind: &str| {
        fault::invalid_request(format!(
            "The {kind} checksum type cannot be used with the {} checksum algorithm.",
            algorithm.name()
        ))
    };
    match (algorithm, kind) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(fault::invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )),
        (Some(Algorithm::Crc64nvme), Some(ChecksumType::COMPOSITE)) => Err(refused(Algorithm::Crc64nvme, "COMPOSITE")),
        (Some(algorithm), Some(ChecksumType::FULL_OBJECT)) if !algorithm.combines() => Err(refused(algorithm, "FULL_OBJECT")),
        (Some(algorithm), Some(ChecksumType::FULL_OBJECT)) => Ok(Some((algorithm, StoredType::FullObject))),
        (Some(Algorithm::Crc64nvme), None) => Ok(Some((Algorithm::Crc64nvme, StoredType::FullObject))),
        (Some(algorithm), _) => Ok(Some((algorithm, StoredType::Composite))),
    }
}

/// # Errors
/// If it is not between 1 and [`MAX_PARTS`].
pub fn part_number(number: i32) -> S3Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| (1..=MAX_PARTS).contains(number));
    number.ok_or_else(|| fault::invalid_argument("Part number must be an integer between 1 and 10000, inclusive"))
}

pub async fn part(context: &S3Context, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    let number = part_number(input.part_number)?;
    let upload = context.store.upload(&input.bucket, &input.key, &input.upload_id).map_err(fault::of_store)?;
    object_settings::require_digest(&exchange, &*existing(&exchange)?, &upload.settings)?;
    let also = upload.checksum.map(|(algorithm, _)| algorithm);
    let key = object_encryption::key_of_upload(context, &exchange, &upload).await?;
    let received = upload::receive(context, &exchange, input.body, req.trailing_headers, also, &key).await?;
    store_part(context, &exchange, &upload, number, &received.blob).await?;
    object_encryption::show_key(&exchange, &key);
    let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(received.blob.etag())), ..UploadPartOutput::default() };
    if let Some((algorithm, value)) = received.checksum {
        set_checksum!(output, algorithm, value);
    }
    Ok(S3Response::new(output))
}

/// Makes a stored blob a part.
///
/// # Errors
/// If the upload is gone, or the part cannot be recorded; the blob is removed then.
pub async fn store_part(context: &S3Context, exchange: &Exchange, upload: &Upload, number: u32, blob: &Blob) -> S3Result<()> {
    let lock = context.store.lock_object(&upload.bucket, &upload.key).await;
    let staged = context.store.stage_part(&lock, &upload.id, number, blob, exchange.now_ms());
    let staged = staged.inspect_err(|_| context.store.discard([&blob.id])).map_err(fault::of_store)?;
    exchange.commit(staged, std::slice::from_ref(&blob.id), Value::Null).await
}

type Completed = S3Result<S3Response<CompleteMultipartUploadOutput>>;

pub async fn complete(context: &S3Context, req: S3Request<CompleteMultipartUploadInput>) -> Completed {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let upload = context.store.upload(&input.bucket, &input.key, &input.upload_id).map_err(fault::of_store)?;
    let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let requested: Vec<RequestedPart> = parts.iter().map(|part| requested_part(part, algorithm)).collect::<S3Result<_>>()?;
    if requested.is_empty() {
        return Err(fault::malformed_xml());
    }
    let staged = context.store.stage_completion(&lock, &upload.id, &requested, exchange.now_ms());
    let (object, staged) = staged.map_err(fault::of_store)?;
    if input.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(object.size)) {
        return Err(fault::invalid_request("The provided 'x-amz-mp-object-size' header does not match what was computed."));
    }
    check_whole(&exchange, &object)?;
    object::check_write(context, &object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let scheme = if exchange.call.tls.is_some() { "https" } else { "http" };
    let host = exchange.call.host.as_deref().unwrap_or("localhost");
    let location = format!("{scheme}://{host}/{}/{}", object.bucket, object.key);
    let version_id = object::shown_version(&*existing(&exchange)?, &object);
    let mut elements =
        json!({"location": location, "bucket": object.bucket, "key": object.key, "eTag": format!("\"{}\"", object.etag)});
    if let Some(version) = &version_id {
        elements["x-amz-version-id"] = version.as_str().into();
    }
    exchange.commit(staged, &[], elements).await?;
    object_encryption::show(&exchange, &object);
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        location: Some(location),
        e_tag: Some(etag(&object)),
        version_id,
        ..CompleteMultipartUploadOutput::default()
    };
    if let Some(checksum) = object.checksum {
        output.checksum_type = Some(checksum_type(checksum.kind));
        set_checksum!(output, checksum.algorithm, checksum.value);
    }
    Ok(S3Response::new(output))
}

/// A checksum of the whole that the request gives must be what was computed.
fn check_whole(exchange: &Exchange, object: &opentrail_storage::Object) -> S3Result<()> {
    let Some(checksum) = &object.checksum else { return Ok(()) };
    let header = format!("x-amz-checksum-{}", checksum.algorithm.name().to_ascii_lowercase());
    let given = exchange.header(&header);
    // Of a composite checksum clients may leave the number of parts out.
    let is_same = |value: &str| value == checksum.value || checksum.value.split('-').next() == Some(value);
    if given.is_none_or(is_same) {
        return Ok(());
    }
    Err(s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", checksum.algorithm.name()))
}

fn requested_part(part: &CompletedPart, algorithm: Option<Algorithm>) -> S3Result<RequestedPart> {
    let checksum = match algorithm {
        None => None,
        Some(Algorithm::Crc32) => part.checksum_crc32.clone(),
        Some(Algorithm::Crc32c) => part.checksum_crc32c.clone(),
        Some(Algorithm::Crc64nvme) => part.checksum_crc64nvme.clone(),
        Some(Algorithm::Sha1) => part.checksum_sha1.clone(),
        Some(Algorithm::Sha256) => part.checksum_sha256.clone(),
    };
    Ok(RequestedPart {
        number: part_number(part.part_number.ok_or_else(fault::malformed_xml)?)?,
        etag: part.e_tag.as_ref().ok_or_else(fault::malformed_xml)?.value().to_owned(),
        checksum,
    })
}

pub async fn abort(
    context: &S3Context,
    req: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    if input.if_match_initiated_time.is_some() {
        return Err(fault::not_implemented("aborting uploads under conditions"));
    }
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let staged = context.store.stage_abort(&lock, &input.upload_id).map_err(fault::of_store)?;
    exchange.commit(staged, &[], Value::Null).await?;
    Ok(S3Response::with_status(AbortMultipartUploadOutput::default(), http::StatusCode::NO_CONTENT))
}

pub fn parts(context: &S3Context, req: &S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let upload = context.store.upload(&input.bucket, &input.key, &input.upload_id).map_err(fault::of_store)?;
    let limit = limit(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or(0);
    let mut parts = context.store.parts(&upload.id).map_err(fault::of_store)?;
    parts.retain(|part| i64::from(part.number) > i64::from(marker));
    let is_truncated = parts.len() > limit;
    parts.truncate(limit);
    let next = parts.last().and_then(|part| i32::try_from(part.number).ok());
    let entry = |part: &opentrail_storage::Part| {
        let mut entry = Part {
            e_tag: Some(ETag::Strong(part.etag.clone())),
            last_modified: Some(timestamp(part.last_modified_ms)),
            part_number: i32::try_from(part.number).ok(),
            size: i64::try_from(part.blob.size).ok(),
            ..Part::default()
        };
        if let (Some((algorithm, _)), Some(value)) = (upload.checksum, part.checksum.clone()) {
            set_checksum!(entry, algorithm, value);
        }
        entry
    };
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(upload.id.clone()),
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| algorithm_name(algorithm)),
        checksum_type: upload.checksum.map(|(_, kind)| checksum_type(kind)),
        initiator: Some(Initiator { display_name: None, id: Some(upload.initiator.clone()) }),
        owner: Some(owner(&bucket.account)),
        is_truncated: Some(is_truncated),
        max_parts: i32::try_from(limit).ok(),
        part_number_marker: Some(marker),
        next_part_number_marker: next,
        parts: Some(parts.iter().map(entry).collect()),
        storage_class: Some(StorageClass::from_static(upload.settings.storage_class.name())),
        ..ListPartsOutput::default()
    }))
}

pub fn uploads(
    context: &S3Context,
    req: &S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    if input.delimiter.as_deref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(fault::not_implemented("listing uploads with a delimiter"));
    }
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let limit = limit(input.max_uploads, "max-uploads")?;
    let prefix = input.prefix.as_deref().unwrap_or("");
    let key_marker = input.key_marker.as_deref().unwrap_or("");
    let id_marker = input.upload_id_marker.as_deref().filter(|_| !key_marker.is_empty());
    let mut uploads = context.store.uploads(&input.bucket).map_err(fault::of_store)?;
    // The upload that a marker names may be gone; then its key's other uploads are told again rather than left out.
    let marked = uploads.iter().position(|upload| upload.key == key_marker && Some(upload.id.as_str()) == id_marker);
    let mut position = 0;
    uploads.retain(|upload| {
        let index = position;
        position += 1;
        let is_after = match (marked, id_marker) {
            (Some(marked), _) => index > marked,
            (None, Some(_)) => upload.key.as_str() >= key_marker,
            (None, None) => upload.key.as_str() > key_marker,
        };
        is_after && upload.key.starts_with(prefix)
    });
    let is_truncated = uploads.len() > limit;
    uploads.truncate(limit);
    let last = uploads.last().filter(|_| is_truncated);
    let (next_key, next_id) = (last.map(|upload| encoding.text(&upload.key)), last.map(|upload| upload.id.clone()));
    let entry = |upload: Upload| MultipartUpload {
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| algorithm_name(algorithm)),
        checksum_type: upload.checksum.map(|(_, kind)| checksum_type(kind)),
        initiated: Some(timestamp(upload.started_ms)),
        initiator: Some(Initiator { display_name: None, id: Some(upload.initiator) }),
        key: Some(encoding.text(&upload.key)),
        owner: Some(owner(&bucket.account)),
        storage_class: Some(StorageClass::from_static(upload.settings.storage_class.name())),
        upload_id: Some(upload.id),
    };
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        is_truncated: Some(is_truncated),
        key_marker: Some(encoding.text(key_marker)),
        upload_id_marker: input.upload_id_marker.clone(),
        max_uploads: i32::try_from(limit).ok(),
        next_key_marker: next_key,
        next_upload_id_marker: next_id,
        prefix: encoding.texts(input.prefix.as_ref()),
        encoding_type: input.encoding_type.clone(),
        uploads: Some(uploads.into_iter().map(entry).collect()),
        ..ListMultipartUploadsOutput::default()
    }))
}
