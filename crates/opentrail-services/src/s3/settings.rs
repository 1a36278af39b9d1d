//! Settings of buckets that tools ask for: tags, which are kept, and those that OpenTrail does not have, told as they are.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use super::policy::change;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result};
use serde_json::json;
use std::collections::BTreeMap;

/// Most tags of a bucket.
const MAX_TAGS: usize = 50;

pub fn tags(req: &S3Request<GetBucketTaggingInput>) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    if bucket.tags.is_empty() {
        return Err(fault::custom("NoSuchTagSet", 404, "The TagSet does not exist"));
    }
    let tag = |(key, value): (&String, &String)| Tag { key: Some(key.clone()), value: Some(value.clone()) };
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: bucket.tags.iter().map(tag).collect() }))
}

pub async fn put_tags(
    context: &S3Context,
    req: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let mut tags = BTreeMap::new();
    for tag in req.input.tagging.tag_set {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        let is_valid = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !is_valid || key.starts_with("aws:") {
            return Err(fault::custom("InvalidTag", 400, "The tag provided was not a valid tag."));
        }
        if tags.insert(key, value).is_some() {
            return Err(fault::custom("InvalidTag", 400, "Cannot provide multiple Tags with the same key"));
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(fault::custom("BadRequest", 400, "Bucket tag count cannot be greater than 50"));
    }
    let recorded: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    exchange.add_parameter("Tagging", json!({"TagSet": {"Tag": recorded}}));
    change(context, &exchange, |bucket| bucket.tags = tags).await?;
    Ok(S3Response::with_status(PutBucketTaggingOutput {}, http::StatusCode::NO_CONTENT))
}

pub async fn delete_tags(
    context: &S3Context,
    req: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| bucket.tags.clear()).await?;
    Ok(S3Response::with_status(DeleteBucketTaggingOutput {}, http::StatusCode::NO_CONTENT))
}

pub fn request_payment() -> S3Response<GetBucketRequestPaymentOutput> {
    S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) })
}

/// The error that says that a setting is not set.
pub fn not_set(code: &'static str, message: &str) -> S3Error {
    fault::custom(code, 404, message)
}
