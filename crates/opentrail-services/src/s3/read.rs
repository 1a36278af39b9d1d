//! Reading objects: their bytes, what is said about them, and changing what is said.

use super::S3Context;
use super::bucket::{existing, owner, owners_grants, timestamp};
use super::exchange::Exchange;
use super::object::{checksum_type, etag, matches, no_such_key, precondition_failed, set_checksum, shown_version};
use super::{customer_key, fault, object_access, object_encryption};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentrail_storage::{Object, OpenObject, is_version_id};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use serde_json::Value;
use std::ops::Range as ByteRange;
use std::sync::Arc;

/// What a caller is told of a key that is not there: not even that, unless they may list the bucket.
fn missing(exchange: &Exchange, version: Option<&str>) -> S3Error {
    match version {
        _ if !exchange.may_list() => fault::access_denied(),
        None => no_such_key(),
        Some(_) => fault::custom("NoSuchVersion", 404, "The specified version does not exist."),
    }
}

/// # Errors
/// If the text cannot be a version id.
pub fn check_version_id(version: Option<&str>) -> S3Result<()> {
    match version {
        Some("") => Err(fault::invalid_argument("Version id cannot be the empty string")),
        Some(version) if !is_version_id(version) => Err(fault::invalid_argument("Invalid version id specified")),
        _ => Ok(()),
    }
}

fn with_headers(mut error: S3Error, pairs: &[(&'static str, &str)]) -> S3Error {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    error.set_headers(headers);
    error
}

/// The answer to reading a delete marker: as if nothing were there, or, if it was named, that it cannot be read.
fn marker_fault(exchange: &Exchange, marker: &Object, version: Option<&str>) -> S3Error {
    let headers = [("x-amz-delete-marker", "true"), ("x-amz-version-id", marker.version_id())];
    match version {
        None => with_headers(missing(exchange, None), &headers),
        Some(_) => {
            let message = "The specified method is not allowed against this resource.";
            let error = fault::custom("MethodNotAllowed", 405, message);
            with_headers(error, &[headers[0], headers[1], ("allow", "DELETE")])
        }
    }
}

/// The version that a call on an object is about; the latest, if it names none.
///
/// # Errors
/// `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed` for a delete marker.
pub fn find(context: &S3Context, exchange: &Exchange, version: Option<&str>) -> S3Result<Arc<Object>> {
    check_version_id(version)?;
    let (bucket, key) = (exchange.bucket.as_deref().unwrap_or(""), exchange.key.as_deref().unwrap_or(""));
    let object = context.store.version(bucket, key, version).map_err(fault::of_store)?;
    let object = object.ok_or_else(|| missing(exchange, version))?;
    if object.delete_marker { Err(marker_fault(exchange, &object, version)) } else { Ok(object) }
}

/// [`find`], with its bytes held.
fn open(context: &S3Context, exchange: &Exchange, version: Option<&str>) -> S3Result<OpenObject> {
    check_version_id(version)?;
    let (bucket, key) = (exchange.bucket.as_deref().unwrap_or(""), exchange.key.as_deref().unwrap_or(""));
    let open = context.store.open_version(bucket, key, version).map_err(fault::of_store)?;
    let open = open.ok_or_else(|| missing(exchange, version))?;
    if open.object.delete_marker { Err(marker_fault(exchange, &open.object, version)) } else { Ok(open) }
}

/// Changes what is said about a version, under its lock. Returns the version id to show.
///
/// # Errors
/// As [`find`], those of `edit`, or if it cannot be recorded.
pub async fn update(
    context: &S3Context,
    exchange: &Exchange,
    version: Option<&str>,
    event: Option<&'static str>,
    edit: impl FnOnce(&mut Object) -> S3Result<()>,
) -> S3Result<Option<String>> {
    let bucket = existing(exchange)?;
    let lock = context.store.lock_object(&bucket.name, exchange.key.as_deref().unwrap_or("")).await;
    let mut object = Object::clone(&*find(context, exchange, version)?);
    edit(&mut object)?;
    let staged = context.store.stage_update(&lock, &object, event).map_err(fault::of_store)?;
    exchange.commit(staged, &[], Value::Null).await?;
    Ok(shown_version(&bucket, &object))
}

/// Conditions of reading.
pub struct ReadConditions<'a> {
    pub if_match: Option<&'a ETagCondition>,
    pub if_none_match: Option<&'a ETagCondition>,
    pub if_modified_since: Option<&'a Timestamp>,
    pub if_unmodified_since: Option<&'a Timestamp>,
}

/// The conditions of an input.
macro_rules! conditions {
    ($input:expr) => {
        conditions!($input, if_match, if_none_match, if_modified_since, if_unmodified_since)
    };
    (source of $input:expr) => {
        conditions!(
            $input,
            copy_source_if_match,
            copy_source_if_none_match,
            copy_source_if_modified_since,
            copy_source_if_unmodified_since
        )
    };
    ($input:expr, $match:ident, $none_match:ident, $modified:ident, $unmodified:ident) => {
        $crate::s3::read::ReadConditions {
            if_match: $input.$match.as_ref(),
            if_none_match: $input.$none_match.as_ref(),
            if_modified_since: $input.$modified.as_ref(),
            if_unmodified_since: $input.$unmodified.as_ref(),
        }
    };
}
pub(super) use conditions;

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

/// Which holds the caller may learn of.
struct Shown {
    retention: bool,
    legal_hold: bool,
}

impl Shown {
    fn of(exchange: &Exchange, object: &Object) -> Self {
        let may = |action: &str| object_access::permit_on_object(exchange, action, &[]).is_ok();
        Self {
            retention: object.settings.retention.is_some() && may("s3:GetObjectRetention"),
            legal_hold: object.settings.legal_hold.is_some() && may("s3:GetObjectLegalHold"),
        }
    }

    fn retention(&self, object: &Object) -> Option<opentrail_storage::Retention> {
        object.settings.retention.filter(|_| self.retention)
    }

    fn legal_hold(&self, object: &Object) -> Option<bool> {
        object.settings.legal_hold.filter(|_| self.legal_hold)
    }
}

/// How a legal hold is written.
pub fn hold_name(is_on: bool) -> ObjectLockLegalHoldStatus {
    let name = if is_on { ObjectLockLegalHoldStatus::ON } else { ObjectLockLegalHoldStatus::OFF };
    ObjectLockLegalHoldStatus::from_static(name)
}

/// `x-amz-restore`: until when the copy of an archived object can be read.
fn restore_header(object: &Object) -> Option<String> {
    let restored = object.restored?;
    let until = time::OffsetDateTime::from_unix_timestamp(restored.until_ms.div_euclid(1000)).ok()?;
    let format =
        time::macros::format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    Some(format!("ongoing-request=\"false\", expiry-date=\"{}\"", until.format(format).ok()?))
}

/// Fills what GetObject and HeadObject tell alike.
macro_rules! describe {
    ($output:ident, $exchange:expr, $object:expr, $range:expr, $partial:expr, $input:expr) => {{
        let object: &Object = $object;
        let shown = Shown::of($exchange, object);
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
        let class = object.settings.storage_class;
        $output.storage_class = (!class.is_standard()).then(|| StorageClass::from_static(class.name()));
        $output.restore = restore_header(object);
        if let Some(retention) = shown.retention(object) {
            $output.object_lock_mode = Some(ObjectLockMode::from_static(retention.mode.name()));
            $output.object_lock_retain_until_date = Some(timestamp(retention.until_ms));
        }
        $output.object_lock_legal_hold_status = shown.legal_hold(object).map(hold_name);
        let wants_checksum = $input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let is_whole = $range == (0..object.size);
        if let Some(checksum) = object.checksum.clone().filter(|_| wants_checksum && is_whole) {
            $output.checksum_type = Some(checksum_type(checksum.kind));
            set_checksum!($output, checksum.algorithm, checksum.value);
        }
    }};
}

/// What GetObject and HeadObject do before they answer: the conditions and the stretch that is asked for.
macro_rules! prepare {
    ($object:expr, $input:expr) => {{
        conditions!($input).check($object)?;
        wanted_range($object, $input.range.as_ref(), $input.part_number)?
    }};
}

fn status(partial: bool) -> StatusCode {
    if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }
}

/// # Errors
/// If the object is archived and not restored.
pub fn check_readable(object: &Object, now_ms: i64) -> S3Result<()> {
    if object.settings.storage_class.is_archive() && object.restored.is_none_or(|restored| restored.until_ms <= now_ms) {
        return Err(fault::custom("InvalidObjectState", 403, "The operation is not valid for the object's storage class"));
    }
    Ok(())
}

pub async fn get(context: &S3Context, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let mut open = open(context, &exchange, input.version_id.as_deref())?;
    let object = Arc::clone(&open.object);
    let (range, partial) = prepare!(&object, input);
    check_readable(&object, exchange.now_ms())?;
    object_encryption::unlock(context, &exchange, &mut open, &customer_key::OWN).await?;
    object_encryption::show(&exchange, &object);
    let body = open.read(range.clone()).await.map_err(fault::of_store)?;
    let mut output = GetObjectOutput { body: Some(StreamingBlob::wrap(body)), ..GetObjectOutput::default() };
    describe!(output, &exchange, &object, range, partial, input);
    output.version_id = shown_version(&bucket, &object);
    override_headers(&exchange, input, &mut output)?;
    output.tag_count = i32::try_from(object.settings.tags.len()).ok().filter(|count| *count > 0);
    Ok(S3Response::with_status(output, status(partial)))
}

/// The headers that the query asks to be given instead of the stored ones; only those who sign may ask.
fn override_headers(exchange: &Exchange, input: &GetObjectInput, output: &mut GetObjectOutput) -> S3Result<()> {
    let asks = exchange.query.iter().any(|(name, _)| name.starts_with("response-"));
    if asks && matches!(exchange.call_now().caller, crate::call::Caller::Anonymous) {
        return Err(fault::invalid_request("Request specific response headers cannot be used for anonymous GET requests."));
    }
    let set = |to: &mut Option<String>, from: &Option<String>| {
        if from.is_some() {
            to.clone_from(from);
        }
    };
    set(&mut output.cache_control, &input.response_cache_control);
    set(&mut output.content_disposition, &input.response_content_disposition);
    set(&mut output.content_encoding, &input.response_content_encoding);
    set(&mut output.content_language, &input.response_content_language);
    set(&mut output.content_type, &input.response_content_type);
    if input.response_expires.is_some() {
        output.expires.clone_from(&input.response_expires);
    }
    Ok(())
}

pub fn head(context: &S3Context, req: &S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let object = find(context, &exchange, input.version_id.as_deref())?;
    customer_key::of_object(&exchange, &object, &customer_key::OWN)?;
    let (range, partial) = prepare!(&object, input);
    object_encryption::show(&exchange, &object);
    let mut output = HeadObjectOutput::default();
    describe!(output, &exchange, &object, range, partial, input);
    output.version_id = shown_version(&bucket, &object);
    Ok(S3Response::with_status(output, status(partial)))
}

pub fn acl(context: &S3Context, req: &S3Request<GetObjectAclInput>) -> S3Result<S3Response<GetObjectAclOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    find(context, &exchange, req.input.version_id.as_deref())?;
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(owners_grants(&bucket.account)),
        owner: Some(owner(&bucket.account)),
        request_charged: None,
    }))
}
