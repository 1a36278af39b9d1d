//! Tags, of buckets and of objects.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::settings::change;
use super::{fault, object_access, read};
use opentrail_storage::Object;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most tags of a bucket.
const MAX_BUCKET_TAGS: usize = 50;
/// Most tags of an object.
pub const MAX_OBJECT_TAGS: usize = 10;

/// Tags by their keys.
///
/// # Errors
/// If one is too long, reserved or there twice, or if there are too many.
pub fn validated(pairs: impl Iterator<Item = (String, String)>, most: usize) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        if !(1..=128).contains(&key.chars().count()) {
            return Err(fault::custom("InvalidTag", 400, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(fault::custom("InvalidTag", 400, "The TagValue you have provided is invalid"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(fault::custom("InvalidTag", 400, "System tags cannot be added/updated by requester"));
        }
        if tags.insert(key, value).is_some() {
            return Err(fault::custom("InvalidTag", 400, "Cannot provide multiple Tags with the same key"));
        }
    }
    match tags.len() > most {
        true if most == MAX_OBJECT_TAGS => Err(fault::custom("BadRequest", 400, "Object tags cannot be greater than 10")),
        true => Err(fault::custom("BadRequest", 400, "Bucket tag count cannot be greater than 50")),
        false => Ok(tags),
    }
}

fn of_set(set: TagSet, most: usize) -> S3Result<BTreeMap<String, String>> {
    validated(set.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())), most)
}

fn to_set(tags: &BTreeMap<String, String>) -> TagSet {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

fn recorded(tags: &BTreeMap<String, String>) -> Value {
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    json!({"TagSet": {"Tag": tags}})
}

pub fn of_bucket(req: &S3Request<GetBucketTaggingInput>) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    if bucket.tags.is_empty() {
        return Err(fault::custom("NoSuchTagSet", 404, "The TagSet does not exist"));
    }
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: to_set(&bucket.tags) }))
}

pub async fn put_of_bucket(
    context: &S3Context,
    req: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let tags = of_set(req.input.tagging.tag_set, MAX_BUCKET_TAGS)?;
    exchange.add_parameter("Tagging", recorded(&tags));
    change(context, &exchange, |bucket| {
        bucket.tags = tags;
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(PutBucketTaggingOutput {}, http::StatusCode::NO_CONTENT))
}

pub async fn delete_of_bucket(
    context: &S3Context,
    req: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| {
        bucket.tags.clear();
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(DeleteBucketTaggingOutput {}, http::StatusCode::NO_CONTENT))
}

pub fn of_object(context: &S3Context, req: &S3Request<GetObjectTaggingInput>) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let object = read::find(context, &exchange, req.input.version_id.as_deref())?;
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: to_set(&object.settings.tags),
        version_id: super::object::shown_version(&bucket, &object),
    }))
}

pub async fn put_of_object(
    context: &S3Context,
    req: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let tags = of_set(req.input.tagging.tag_set, MAX_OBJECT_TAGS)?;
    exchange.add_parameter("Tagging", recorded(&tags));
    // What is to be set is known only now.
    object_access::permit_on_object(&exchange, object_access::action(&exchange), &object_access::requested_tags(&tags))?;
    let version_id = set_tags(context, &exchange, req.input.version_id.as_deref(), tags, "ObjectTagging:Put").await?;
    Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
}

pub async fn delete_of_object(
    context: &S3Context,
    req: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let version = req.input.version_id.as_deref();
    let version_id = set_tags(context, &exchange, version, BTreeMap::new(), "ObjectTagging:Delete").await?;
    Ok(S3Response::with_status(DeleteObjectTaggingOutput { version_id }, http::StatusCode::NO_CONTENT))
}

async fn set_tags(
    context: &S3Context,
    exchange: &Exchange,
    version: Option<&str>,
    tags: BTreeMap<String, String>,
    event: &'static str,
) -> S3Result<Option<String>> {
    read::update(context, exchange, version, Some(event), |object: &mut Object| {
        object.settings.tags = tags;
        Ok(())
    })
    .await
}
