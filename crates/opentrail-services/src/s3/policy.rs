//! Bucket policies.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use opentrail_policy::parse_bucket_policy;
use opentrail_storage::{Bucket, ChecksumAlgorithm, Staged};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use serde_json::Value;
use std::sync::Arc;

/// Condition keys that hold a statement to callers who can be told apart; with any other it stays public.
///
/// Source: Amazon S3 User Guide, "The meaning of public".
const NARROWING_KEYS: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// Changes one setting of a bucket under its lock.
pub async fn change(context: &S3Context, exchange: &Exchange, edit: impl FnOnce(&mut Bucket)) -> S3Result<()> {
    let name = exchange.bucket.clone().unwrap_or_default();
    let _lock = context.store.lock_bucket(&name).await;
    let bucket: Arc<Bucket> = context.store.bucket(&name).map_err(fault::of_store)?.ok_or_else(fault::no_such_bucket)?;
    let mut bucket = Bucket::clone(&bucket);
    edit(&mut bucket);
    let mut staged = Staged::default();
    staged.changes.put(&bucket);
    exchange.commit(staged, &[], Value::Null).await
}

pub async fn put(context: &S3Context, req: S3Request<PutBucketPolicyInput>) -> S3Result<S3Response<PutBucketPolicyOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let text = req.input.policy;
    let recorded = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
    exchange.add_parameter("bucketPolicy", recorded);
    check_digest(&exchange, text.as_bytes())?;
    let document = parse_bucket_policy(&text, &req.input.bucket);
    if let Err(error) = document {
        return Err(fault::custom("MalformedPolicy", 400, error.to_string()));
    }
    change(context, &exchange, |bucket| bucket.policy = Some(text)).await?;
    Ok(S3Response::with_status(PutBucketPolicyOutput {}, http::StatusCode::NO_CONTENT))
}

/// Checks a body that is here whole against the digests its headers give.
///
/// # Errors
/// `BadDigest`.
pub fn check_digest(exchange: &Exchange, body: &[u8]) -> S3Result<()> {
    for algorithm in ChecksumAlgorithm::ALL {
        let header = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
        if exchange.header(&header).is_some_and(|value| value != algorithm.of(body)) {
            return Err(s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", algorithm.name()));
        }
    }
    Ok(())
}

pub fn get(req: &S3Request<GetBucketPolicyInput>) -> S3Result<S3Response<GetBucketPolicyOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    match &bucket.policy {
        Some(policy) => Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy.clone()) })),
        None => Err(no_policy()),
    }
}

fn no_policy() -> s3s::S3Error {
    fault::custom("NoSuchBucketPolicy", 404, "The bucket policy does not exist")
}

pub async fn delete(
    context: &S3Context,
    req: S3Request<DeleteBucketPolicyInput>,
) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| bucket.policy = None).await?;
    Ok(S3Response::with_status(DeleteBucketPolicyOutput {}, http::StatusCode::NO_CONTENT))
}

pub fn status(req: &S3Request<GetBucketPolicyStatusInput>) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let policy = bucket.policy.as_deref().ok_or_else(no_policy)?;
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    let status = PolicyStatus { is_public: Some(items(&document["Statement"]).any(is_public)) };
    Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status: Some(status) }))
}

/// One value or a list of them, as policies have it.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn is_public(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let everyone = principal == "*" || items(&principal["AWS"]).any(|entry| entry == "*") || !statement["NotPrincipal"].is_null();
    let operators = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
    let mut keys = operators.filter_map(Value::as_object).flat_map(|keys| keys.keys());
    statement["Effect"] == "Allow" && everyone && !keys.any(|key| NARROWING_KEYS.contains(&key.to_ascii_lowercase().as_str()))
}
