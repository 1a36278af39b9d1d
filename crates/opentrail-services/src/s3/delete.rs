//! Deleting objects and versions, one or many.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::object::{matches, precondition_failed};
use super::{fault, mfa, object_access, read, record, refusal};
use http::StatusCode;
use opentrail_storage::{Bucket, Deletion, Object, Remover, Staged};
use s3s::dto::{Delete, Error, ObjectIdentifier};
use s3s::dto::{DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition};
use s3s::{S3Request, S3Response, S3Result};
use serde_json::{Map, Value, json};

/// Most keys of one DeleteObjects.
const MAX_DELETIONS: usize = 1000;
/// Deletions of one DeleteObjects under way at a time.
const CONCURRENT_DELETIONS: usize = 32;

/// What is to be deleted, and under which conditions.
#[derive(Default)]
struct Target<'a> {
    key: &'a str,
    version: Option<&'a str>,
    if_match: Option<&'a ETagCondition>,
    if_size: Option<i64>,
    if_modified_seconds: Option<i64>,
}

/// What a deletion did, as answers tell it.
#[derive(Default)]
struct Done {
    /// The version that was removed, or of the marker that was made.
    version: Option<String>,
    /// Whether a marker was made or removed.
    marker: bool,
}

impl Done {
    fn elements(&self) -> Value {
        let mut elements = Map::new();
        if let Some(version) = &self.version {
            elements.insert("x-amz-version-id".into(), version.as_str().into());
        }
        if self.marker {
            elements.insert("x-amz-delete-marker".into(), "true".into());
        }
        if elements.is_empty() { Value::Null } else { elements.into() }
    }
}

impl Target<'_> {
    /// Conditions of a deletion, looked at under the object's lock.
    fn check(&self, there: Option<&Object>) -> S3Result<()> {
        let has_conditions = self.if_match.is_some() || self.if_size.is_some() || self.if_modified_seconds.is_some();
        let fits = |there: &Object| {
            self.if_match.is_none_or(|condition| matches(condition, there))
                && self.if_size.is_none_or(|size| u64::try_from(size) == Ok(there.size))
                && self.if_modified_seconds.is_none_or(|seconds| there.last_modified_ms.div_euclid(1000) == seconds)
        };
        match there.filter(|there| !there.delete_marker) {
            _ if !has_conditions => Ok(()),
            Some(there) if fits(there) => Ok(()),
            _ => Err(precondition_failed()),
        }
    }
}

/// Stages a deletion. The caller holds the object's lock.
fn stage(
    context: &S3Context,
    exchange: &Exchange,
    lock: &opentrail_storage::ObjectLock,
    target: &Target<'_>,
) -> S3Result<(Staged, Done)> {
    let there = context.store.version(&lock.bucket, &lock.key, target.version).map_err(fault::of_store)?;
    target.check(there.as_deref())?;
    let now_ms = exchange.now_ms();
    let Some(version) = target.version else {
        let deleted = context.store.stage_delete(lock, now_ms, Remover::Request).map_err(fault::of_store)?;
        let Deletion { staged, marker } = deleted;
        let done = Done { marker: marker.is_some(), version: marker.map(|marker| marker.version_id().to_owned()) };
        return Ok((staged, done));
    };
    let mut done = Done { version: Some(version.to_owned()), marker: false };
    let Some(there) = there else { return Ok((Staged::default(), done)) };
    done.marker = there.delete_marker;
    let bypass = bypasses(exchange, &lock.key);
    let staged = context.store.stage_delete_version(lock, &there, now_ms, bypass, Remover::Request).map_err(fault::of_store)?;
    Ok((staged, done))
}

/// Whether the caller asks to bypass governance, and may.
pub fn bypasses(exchange: &Exchange, key: &str) -> bool {
    let asks = exchange.header("x-amz-bypass-governance-retention").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    asks && object_access::permit_on_key(exchange, "s3:BypassGovernanceRetention", key, &[]).is_ok()
}

/// What the bucket asks of those who remove versions for good.
fn check_version(exchange: &Exchange, bucket: &Bucket, version: Option<&str>) -> S3Result<()> {
    read::check_version_id(version)?;
    if version.is_some() && bucket.settings.mfa_delete == Some(true) {
        mfa::require(exchange)?;
    }
    Ok(())
}

pub async fn one(context: &S3Context, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = req.input;
    check_version(&exchange, &bucket, input.version_id.as_deref())?;
    let modified = input.if_match_last_modified_time.map(|time| time::OffsetDateTime::from(time).unix_timestamp());
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
        if_match: input.if_match.as_ref(),
        if_size: input.if_match_size,
        if_modified_seconds: modified,
    };
    let lock = context.store.lock_object(&input.bucket, target.key).await;
    let (staged, done) = stage(context, &exchange, &lock, &target)?;
    exchange.commit(staged, &[], done.elements()).await?;
    let output =
        DeleteObjectOutput { delete_marker: done.marker.then_some(true), version_id: done.version, request_charged: None };
    Ok(S3Response::with_status(output, StatusCode::NO_CONTENT))
}

/// Deletes each key as an entry of its own, with an event of its own; the call itself is recorded when they are done.
pub async fn many(context: &S3Context, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
    use futures::StreamExt;
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let Delete { objects, quiet } = req.input.delete;
    if objects.is_empty() || objects.len() > MAX_DELETIONS {
        return Err(fault::malformed_xml());
    }
    // Without the second factor the whole call fails, as soon as it names a version.
    if bucket.settings.mfa_delete == Some(true) && objects.iter().any(|object| object.version_id.is_some()) {
        mfa::require(&exchange)?;
    }
    let deletions = objects.into_iter().map(|object| delete_one(context, &exchange, &bucket, object));
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

async fn delete_one(
    context: &S3Context,
    exchange: &Exchange,
    bucket: &Bucket,
    object: ObjectIdentifier,
) -> Result<DeletedObject, Error> {
    let key = object.key.clone();
    match try_delete_one(context, exchange, bucket, &object).await {
        Ok(done) if done.marker => Ok(DeletedObject {
            key: Some(key),
            delete_marker: Some(true),
            delete_marker_version_id: done.version,
            version_id: object.version_id,
        }),
        Ok(_) => Ok(DeletedObject { key: Some(key), version_id: object.version_id, ..DeletedObject::default() }),
        Err(error) => {
            let (code, message) = (error.code().as_str().to_owned(), error.message().unwrap_or("").to_owned());
            Err(Error { code: Some(code), key: Some(key), message: Some(message), version_id: object.version_id })
        }
    }
}

async fn try_delete_one(context: &S3Context, exchange: &Exchange, bucket: &Bucket, object: &ObjectIdentifier) -> S3Result<Done> {
    let version = object.version_id.as_deref();
    let action = if version.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
    let lock = context.store.lock_object(&bucket.name, &object.key).await;
    let etag = object.e_tag.clone().map(ETagCondition::ETag);
    let staged = object_access::permit_on_key(exchange, action, &object.key, &[])
        .and_then(|()| refusal::check_key(&object.key))
        .and_then(|()| read::check_version_id(version))
        .and_then(|()| {
            let seconds = object.last_modified_time.clone().map(|time| time::OffsetDateTime::from(time).unix_timestamp());
            let target =
                Target { key: &object.key, version, if_match: etag.as_ref(), if_size: object.size, if_modified_seconds: seconds };
            stage(context, exchange, &lock, &target)
        });
    let submit =
        |events, changes| async move { context.intake.submit(events, changes).await.map_err(|error| fault::of_log(&error)) };
    match staged {
        Ok((mut staged, done)) => {
            context.store.tell(bucket, &mut staged, &exchange.cause());
            let events = record::deletion(exchange, &object.key, version, done.elements(), None);
            submit(events, staged.changes.encode()).await?;
            context.store.discard(&staged.dropped);
            Ok(done)
        }
        Err(error) => {
            let fact = (error.code().as_str().to_owned(), error.message().unwrap_or("").to_owned());
            submit(record::deletion(exchange, &object.key, version, Value::Null, Some(fact)), bytes::Bytes::new()).await?;
            Err(error)
        }
    }
}
