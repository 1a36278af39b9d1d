//! Bucket policies.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use opentrail_policy::{Policies, PolicyDocument, PolicyKind, Principal, Request, RequestContext, decide, parse_bucket_policy};
use opentrail_storage::{Bucket, ChecksumAlgorithm, Staged};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use serde_json::Value;
use std::sync::Arc;

/// What makes a bucket public if anybody may do it.
const PUBLIC_PROBES: &[(&str, &str)] = &[
    ("s3:GetObject", "/any"),
    ("s3:PutObject", "/any"),
    ("s3:DeleteObject", "/any"),
    ("s3:ListBucket", ""),
    ("s3:GetBucketAcl", ""),
    ("s3:PutBucketPolicy", ""),
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

pub async fn delete(context: &S3Context, req: S3Request<DeleteBucketPolicyInput>) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| bucket.policy = None).await?;
    Ok(S3Response::with_status(DeleteBucketPolicyOutput {}, http::StatusCode::NO_CONTENT))
}

pub fn status(req: &S3Request<GetBucketPolicyStatusInput>) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let policy = bucket.policy.as_deref().ok_or_else(no_policy)?;
    let is_public = PolicyDocument::parse(policy, PolicyKind::Resource).is_ok_and(|document| is_public(&bucket, &document));
    Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(is_public) }) }))
}

fn is_public(bucket: &Bucket, document: &PolicyDocument) -> bool {
    let context = RequestContext::new();
    PUBLIC_PROBES.iter().any(|(action, suffix)| {
        let resource = format!("arn:aws:s3:::{}{suffix}", bucket.name);
        let request = Request {
            principal: &Principal::Anonymous,
            action,
            resource: &resource,
            resource_account: &bucket.account,
            context: &context,
        };
        decide(&request, &Policies { resource: Some(document), ..Policies::default() }).is_allowed()
    })
}
