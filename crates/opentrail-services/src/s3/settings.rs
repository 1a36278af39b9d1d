//! Settings of buckets: how they are changed, and the small ones.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use opentrail_storage::{Bucket, ObjectOwnership as Ownership, Staged};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result};
use serde_json::{Value, json};
use std::sync::Arc;

/// Changes one setting of a bucket under its lock.
///
/// # Errors
/// Those of `edit`, or if it cannot be recorded.
pub async fn change(context: &S3Context, exchange: &Exchange, edit: impl FnOnce(&mut Bucket) -> S3Result<()>) -> S3Result<()> {
    let name = exchange.bucket.clone().unwrap_or_default();
    let _lock = context.store.lock_bucket(&name).await;
    let bucket: Arc<Bucket> = context.store.bucket(&name).map_err(fault::of_store)?.ok_or_else(fault::no_such_bucket)?;
    let mut bucket = Bucket::clone(&bucket);
    edit(&mut bucket)?;
    let mut staged = Staged::default();
    staged.changes.put(&bucket);
    exchange.commit(staged, &[], Value::Null).await
}

pub fn request_payment() -> S3Response<GetBucketRequestPaymentOutput> {
    S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) })
}

/// The error that says that a setting is not set.
pub fn not_set(code: &'static str, message: &str) -> S3Error {
    fault::custom(code, 404, message)
}

pub fn ownership(req: &S3Request<GetBucketOwnershipControlsInput>) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let ownership = bucket.settings.ownership;
    let ownership =
        ownership.ok_or_else(|| not_set("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"))?;
    let rule = OwnershipControlsRule { object_ownership: ObjectOwnership::from_static(ownership.name()) };
    Ok(S3Response::new(GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules: vec![rule] }) }))
}

pub async fn put_ownership(
    context: &S3Context,
    req: S3Request<PutBucketOwnershipControlsInput>,
) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let rules = &req.input.ownership_controls.rules;
    let [rule] = rules.as_slice() else { return Err(fault::malformed_xml()) };
    let ownership = Ownership::parse(rule.object_ownership.as_str()).ok_or_else(fault::malformed_xml)?;
    exchange.add_parameter("OwnershipControls", json!({"Rule": {"ObjectOwnership": ownership.name()}}));
    change(context, &exchange, |bucket| {
        bucket.settings.ownership = Some(ownership);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
}

pub async fn delete_ownership(
    context: &S3Context,
    req: S3Request<DeleteBucketOwnershipControlsInput>,
) -> S3Result<S3Response<DeleteBucketOwnershipControlsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| {
        bucket.settings.ownership = None;
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(DeleteBucketOwnershipControlsOutput {}, http::StatusCode::NO_CONTENT))
}

/// Takes only what is the case anyhow: no server access logs. CloudTrail's data events tell what these would.
pub async fn put_logging(
    context: &S3Context,
    req: S3Request<PutBucketLoggingInput>,
) -> S3Result<S3Response<PutBucketLoggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    if req.input.bucket_logging_status.logging_enabled.is_some() {
        return Err(fault::not_implemented("server access logs; a trail with data events records every request"));
    }
    change(context, &exchange, |_| Ok(())).await?;
    Ok(S3Response::new(PutBucketLoggingOutput {}))
}
