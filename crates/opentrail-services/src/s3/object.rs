//! Objects: putting, getting, deleting.

use super::S3Context;
use super::access;
use super::bucket::{existing, owner, owners_grants, timestamp};
use super::exchange::Exchange;
use super::{fault, record, upload};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode};
use opentrail_storage::{Checksum, ChecksumAlgorithm, ChecksumType as StoredType, Object, ObjectHeaders};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use serde_json::{Value, json};
use std::ops::Range as ByteRange;
use std::sync::Arc;

/// Most bytes of user metadata, names and values.
const MAX_METADATA_BYTES: usize = 2048;
/// Most keys of one DeleteObjects.
const MAX_DELETIONS: usize = 1000;
/// Deletions of one DeleteObjects under way at a time.
const CONCURRENT_DELETIONS: usize = 32;

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

pub async fn put(context: &S3Context, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    let headers = headers(&exchange, input.metadata.as_ref())?;
    let received = upload::receive(context, &exchange, input.body, req.trailing_headers, None).await?;
    let blob_ids = [received.blob.id.clone()];
    let object = Object {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        blobs: vec![received.blob.reference()],
        size: received.blob.size,
        etag: received.blob.etag(),
        last_modified_ms: exchange.now_ms(),
        headers,
        checksum: whole(received.checksum.clone()),
    };
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    let staged = check_write(context, &object, input.if_match.as_ref(), input.if_none_match.as_ref())
        .and_then(|()| context.store.stage_put(&lock, &object).map_err(fault::of_store));
    let staged = staged.inspect_err(|_| context.store.discard(&blob_ids))?;
    exchange.commit(staged, &blob_ids, Value::Null).await?;
    let mut output = PutObjectOutput { e_tag: Some(etag(&object)), ..PutObjectOutput::default() };
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

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    condition.as_etag().is_none_or(|etag| etag.value() == object.etag)
}

pub fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

/// What a caller is told of a key that is not there: not even that, unless they may list the bucket.
pub fn missing(exchange: &Exchange) -> S3Error {
    if exchange.may_list() { no_such_key() } else { fault::access_denied() }
}

/// Conditions of reading.
pub struct ReadConditions<'a> {
    pub if_match: Option<&'a ETagCondition>,
    pub if_none_match: Option<&'a ETagCondition>,
    pub if_modified_since: Option<&'a Timestamp>,
    pub if_unmodified_since: Option<&'a Timestamp>,
}

impl ReadConditions<'_> {
    /// # Errors
    /// `PreconditionFailed` or `NotModified`.
    pub fn check(&self, object: &Object) -> S3Result<()> {
        let seconds = object.last_modified_ms.div_euclid(1000);
        let at = |time: &Timestamp| time::OffsetDateTime::from(time.clone()).unix_timestamp();
        let unmodified_fails = self.if_match.is_none() && self.if_unmodified_since.is_some_and(|time| seconds > at(time));
        if self.if_match.is_some_and(|condition| !matches(condition, object)) || unmodified_fails {
            return Err(precondition_failed());
        }
        let not_modified = match self.if_none_match {
            Some(condition) => matches(condition, object),
            None => self.if_modified_since.is_some_and(|time| seconds <= at(time)),
        };
        if !not_modified {
            return Ok(());
        }
        let mut error = s3_error!(NotModified);
        error.set_status_code(StatusCode::NOT_MODIFIED);
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", object.etag)) {
            headers.insert("etag", value);
        }
        error.set_headers(headers);
        Err(error)
    }
}

/// The range to read: of a `Range` header, of a part, or all. The flag tells whether it is less than all was asked for.
fn wanted_range(object: &Object, range: Option<&Range>, part: Option<i32>) -> S3Result<(ByteRange<u64>, bool)> {
    match (range, part) {
        (Some(_), Some(_)) => Err(fault::invalid_request("Cannot specify both Range header and partNumber query parameter")),
        (None, None) => Ok((0..object.size, false)),
        (Some(range), None) => {
            let range =
                range.check(object.size).map_err(|_| s3_error!(InvalidRange, "The requested range is not satisfiable"))?;
            Ok((range, true))
        }
        (None, Some(number)) => {
            let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let blob = index.and_then(|index| object.blobs.get(index));
            let (Some(index), Some(blob)) = (index, blob) else {
                return Err(fault::custom("InvalidPartNumber", 416, "The requested partnumber is not satisfiable"));
            };
            let start: u64 = object.blobs[..index].iter().map(|blob| blob.size).sum();
            Ok((start..start + blob.size, true))
        }
    }
}

fn content_range(object: &Object, range: &ByteRange<u64>) -> Option<String> {
    (range.start < range.end).then(|| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size))
}

fn expires(object: &Object) -> Option<Timestamp> {
    object.headers.expires.as_deref().and_then(|text| Timestamp::parse(TimestampFormat::HttpDate, text).ok())
}

fn metadata(object: &Object) -> Option<Metadata> {
    let metadata: Metadata = object.headers.user_metadata.clone().into_iter().collect();
    (!metadata.is_empty()).then_some(metadata)
}

fn length(range: &ByteRange<u64>) -> Option<i64> {
    i64::try_from(range.end - range.start).ok()
}

/// Fills what GetObject and HeadObject tell alike.
macro_rules! describe {
    ($output:ident, $object:expr, $range:expr, $partial:expr, $input:expr) => {{
        let object: &Object = $object;
        $output.accept_ranges = Some("bytes".into());
        $output.cache_control = object.headers.cache_control.clone();
        $output.content_disposition = object.headers.content_disposition.clone();
        $output.content_encoding = object.headers.content_encoding.clone();
        $output.content_language = object.headers.content_language.clone();
        $output.content_length = length(&$range);
        $output.content_range = if $partial { content_range(object, &$range) } else { None };
        let content_type = object.headers.content_type.as_deref().unwrap_or("binary/octet-stream");
        $output.content_type = Some(content_type.into());
        $output.e_tag = Some(etag(object));
        $output.expires = expires(object);
        $output.last_modified = Some(timestamp(object.last_modified_ms));
        $output.metadata = metadata(object);
        if $input.part_number.is_some() {
            $output.parts_count = object.parts_count().and_then(|count| i32::try_from(count).ok());
        }
        let wants_checksum = $input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let is_whole = $range == (0..object.size);
        if let Some(checksum) = object.checksum.clone().filter(|_| wants_checksum && is_whole) {
            $output.checksum_type = Some(checksum_type(checksum.kind));
            set_checksum!($output, checksum.algorithm, checksum.value);
        }
    }};
}

pub async fn get(context: &S3Context, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = &req.input;
    let open = context.store.open_object(&input.bucket, &input.key).map_err(fault::of_store)?;
    let open = open.ok_or_else(|| missing(&exchange))?;
    let object = Arc::clone(&open.object);
    let conditions = ReadConditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&object)?;
    let (range, partial) = wanted_range(&object, input.range.as_ref(), input.part_number)?;
    let body = open.read(range.clone()).await.map_err(fault::of_store)?;
    let mut output = GetObjectOutput { body: Some(StreamingBlob::wrap(body)), ..GetObjectOutput::default() };
    describe!(output, &object, range, partial, input);
    let status = if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    Ok(S3Response::with_status(output, status))
}

pub fn head(context: &S3Context, req: &S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = &req.input;
    let object = context.store.object(&input.bucket, &input.key).map_err(fault::of_store)?;
    let object = object.ok_or_else(|| missing(&exchange))?;
    let conditions = ReadConditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&object)?;
    let (range, partial) = wanted_range(&object, input.range.as_ref(), input.part_number)?;
    let mut output = HeadObjectOutput::default();
    describe!(output, &object, range, partial, input);
    let status = if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    Ok(S3Response::with_status(output, status))
}

pub fn acl(context: &S3Context, req: &S3Request<GetObjectAclInput>) -> S3Result<S3Response<GetObjectAclOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let object = context.store.object(&req.input.bucket, &req.input.key).map_err(fault::of_store)?;
    object.ok_or_else(|| missing(&exchange))?;
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(owners_grants(&bucket.account)),
        owner: Some(owner(&bucket.account)),
        request_charged: None,
    }))
}

pub async fn delete(context: &S3Context, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        return Err(fault::not_implemented("deleting under conditions other than If-Match"));
    }
    let lock = context.store.lock_object(&input.bucket, &input.key).await;
    if let Some(condition) = &input.if_match {
        let there = context.store.object(&input.bucket, &input.key).map_err(fault::of_store)?;
        if !there.is_some_and(|there| matches(condition, &there)) {
            return Err(precondition_failed());
        }
    }
    let staged = context.store.stage_delete(&lock).map_err(fault::of_store)?;
    exchange.commit(staged, &[], Value::Null).await?;
    Ok(S3Response::with_status(DeleteObjectOutput::default(), StatusCode::NO_CONTENT))
}

/// Deletes each key as an entry of its own, with an event of its own; the call itself is recorded when they are done.
pub async fn delete_many(context: &S3Context, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let Delete { objects, quiet } = req.input.delete;
    if objects.is_empty() || objects.len() > MAX_DELETIONS {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let deletions = objects.into_iter().map(|object| delete_one(context, &exchange, object));
    let outcomes: Vec<Result<DeletedObject, Error>> =
        futures::stream::iter(deletions).buffered(CONCURRENT_DELETIONS).collect().await;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(done) => deleted.push(done),
            Err(error) => errors.push(error),
        }
    }
    exchange.add_parameter("delete", json!(""));
    let is_quiet = quiet.unwrap_or(false);
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!is_quiet && !deleted.is_empty()).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        request_charged: None,
    }))
}

async fn delete_one(context: &S3Context, exchange: &Exchange, object: ObjectIdentifier) -> Result<DeletedObject, Error> {
    let key = object.key.clone();
    match try_delete_one(context, exchange, &object).await {
        Ok(()) => Ok(DeletedObject { key: Some(key), ..DeletedObject::default() }),
        Err(error) => {
            let (code, message) = (error.code().as_str().to_owned(), error.message().unwrap_or("").to_owned());
            Err(Error { code: Some(code), key: Some(key), message: Some(message), version_id: object.version_id })
        }
    }
}

async fn try_delete_one(context: &S3Context, exchange: &Exchange, object: &ObjectIdentifier) -> S3Result<()> {
    let bucket = existing(exchange)?;
    let arn = format!("arn:aws:s3:::{}/{}", bucket.name, object.key);
    let is_versioned = object.version_id.as_deref().is_some_and(|version| version != "null");
    let refused = match access::permit(exchange, "s3:DeleteObject", Some(&bucket), &arn) {
        Ok(()) if is_versioned => Some(fault::not_implemented("versions of objects")),
        Ok(()) => None,
        Err(error) => Some(error),
    };
    if let Some(error) = refused {
        let fact = (error.code().as_str().to_owned(), error.message().unwrap_or("").to_owned());
        let events = record::deletion(exchange, &object.key, Some(fact));
        context.intake.submit(events, bytes::Bytes::new()).await.map_err(|error| fault::of_log(&error))?;
        return Err(error);
    }
    let lock = context.store.lock_object(&bucket.name, &object.key).await;
    if let Some(etag) = &object.e_tag {
        let there = context.store.object(&bucket.name, &object.key).map_err(fault::of_store)?;
        if there.is_none_or(|there| there.etag != etag.value()) {
            return Err(precondition_failed());
        }
    }
    let staged = context.store.stage_delete(&lock).map_err(fault::of_store)?;
    let events = record::deletion(exchange, &object.key, None);
    context.intake.submit(events, staged.changes.encode()).await.map_err(|error| fault::of_log(&error))?;
    context.store.discard(&staged.dropped);
    Ok(())
}
