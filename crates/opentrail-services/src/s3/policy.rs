//! Bucket policies.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::settings::change;
use super::{fault, public_access};
use opentrail_policy::parse_bucket_policy;
use opentrail_storage::ChecksumAlgorithm;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use serde_json::Value;

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
    change(context, &exchange, |bucket| {
        let block = public_access::effective(&context.catalog, bucket);
        if block.block_public_policy && public_access::is_public(&text) {
            return Err(fault::access_denied());
        }
        bucket.policy = Some(text.into());
        Ok(())
    })
    .await?;
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
        Some(policy) => Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy.as_str().to_owned()) })),
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
    change(context, &exchange, |bucket| {
        bucket.policy = None;
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(DeleteBucketPolicyOutput {}, http::StatusCode::NO_CONTENT))
}

pub fn status(req: &S3Request<GetBucketPolicyStatusInput>) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let policy = bucket.policy.as_ref().ok_or_else(no_policy)?;
    let status = PolicyStatus { is_public: Some(public_access::is_public(policy.as_str())) };
    Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status: Some(status) }))
}
