//! Buckets themselves: creating, deleting, finding, and their ACLs.

use super::S3Context;
use super::exchange::Exchange;
use super::fault;
use super::refusal::foreign_acl;
use crate::call::Caller;
use opentrail_model::names::is_bucket_name;
use opentrail_storage::{Bucket, ObjectLockSettings, ObjectOwnership as Ownership, Staged, Versioning};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use serde_json::{Value, json};
use time::OffsetDateTime;

const DEFAULT_REGION: &str = "us-east-1";
/// Most buckets of an account.
const MAX_BUCKETS: usize = 10_000;

/// The canonical user id of an account: 64 hex digits that go with it and say nothing more.
pub fn canonical_id(account: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, account.as_bytes()))
}

pub fn owner(account: &str) -> Owner {
    Owner { display_name: None, id: Some(canonical_id(account)) }
}

pub fn timestamp(ms: i64) -> Timestamp {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH).into()
}

pub async fn create(context: &S3Context, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let name = req.input.bucket.clone();
    if !is_bucket_name(&name) {
        return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
    }
    let call = exchange.call_now();
    let constraint = location_constraint(&exchange, req.input.create_bucket_configuration.as_ref(), &call.region)?;
    let Some(account) = call.caller.account().map(str::to_owned) else { return Err(fault::access_denied()) };
    let _lock = context.store.lock_bucket(&name).await;
    if let Some(existing) = context.store.bucket(&name).map_err(fault::of_store)? {
        return refuse_existing(&existing, &account, &call.region);
    }
    if context.store.buckets_of(&account).map_err(fault::of_store)?.len() >= MAX_BUCKETS {
        return Err(s3_error!(TooManyBuckets, "You have attempted to create more buckets than allowed"));
    }
    let region = constraint.unwrap_or_else(|| call.region.clone());
    let mut bucket = Bucket::new(name.clone(), account, region, exchange.now_ms());
    if req.input.object_lock_enabled_for_bucket.unwrap_or(false) {
        bucket.settings.versioning = Versioning::Enabled;
        bucket.settings.object_lock = Some(ObjectLockSettings::default());
    }
    if let Some(wanted) = &req.input.object_ownership {
        let ownership = Ownership::parse(wanted.as_str());
        bucket.settings.ownership =
            Some(ownership.ok_or_else(|| fault::invalid_argument("Invalid x-amz-object-ownership header"))?);
    }
    let mut staged = Staged::default();
    staged.changes.put(&bucket);
    exchange.set_bucket(bucket);
    exchange.commit(staged, &[], Value::Null).await?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{name}")) }))
}

fn refuse_existing(existing: &Bucket, account: &str, region: &str) -> S3Result<S3Response<CreateBucketOutput>> {
    if existing.account != account {
        return Err(fault::custom(
            "BucketAlreadyExists",
            409,
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
        ));
    }
    // The oldest region answers as if it had made the bucket once more.
    if region == DEFAULT_REGION && existing.region == DEFAULT_REGION {
        return Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", existing.name)) }));
    }
    Err(fault::custom(
        "BucketAlreadyOwnedByYou",
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ))
}

fn location_constraint(
    exchange: &Exchange,
    configuration: Option<&CreateBucketConfiguration>,
    region: &str,
) -> S3Result<Option<String>> {
    let Some(configuration) = configuration else { return Ok(None) };
    if configuration.location.is_some() || configuration.bucket.is_some() {
        return Err(fault::not_implemented("directory buckets"));
    }
    let Some(constraint) = configuration.location_constraint.as_ref().map(|constraint| constraint.as_str().to_owned()) else {
        return Ok(None);
    };
    exchange.add_parameter("CreateBucketConfiguration", json!({"LocationConstraint": constraint}));
    let constraint = if constraint == "EU" { "eu-west-1".to_owned() } else { constraint };
    let is_region = (1..=64).contains(&constraint.len())
        && constraint.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_region {
        return Err(s3_error!(InvalidLocationConstraint, "The specified location-constraint is not valid"));
    }
    if region != DEFAULT_REGION && region != constraint {
        return Err(fault::custom(
            "IllegalLocationConstraintException",
            400,
            format!(
                "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        ));
    }
    Ok(Some(constraint))
}

pub async fn delete(context: &S3Context, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let lock = context.store.lock_bucket_deletion(&req.input.bucket).await;
    let staged = context.store.stage_bucket_deletion(&lock).map_err(fault::of_store)?;
    exchange.commit(staged, &[], Value::Null).await?;
    Ok(S3Response::with_status(DeleteBucketOutput {}, http::StatusCode::NO_CONTENT))
}

pub fn head(req: &S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(bucket.region.clone()), ..HeadBucketOutput::default() }))
}

/// The bucket of a call that [`super::access`] let through.
///
/// # Errors
/// `NoSuchBucket`.
pub fn existing(exchange: &Exchange) -> S3Result<std::sync::Arc<Bucket>> {
    exchange.stored_bucket().ok_or_else(fault::no_such_bucket)
}

pub fn list(context: &S3Context, req: &S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let caller = exchange.call_now().caller;
    let account = caller.account().ok_or_else(fault::access_denied)?;
    let input = &req.input;
    let limit = match input.max_buckets {
        None => MAX_BUCKETS,
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=MAX_BUCKETS).contains(limit))
            .ok_or_else(|| fault::invalid_argument("Argument max-buckets must be an integer between 1 and 10000"))?,
    };
    let prefix = input.prefix.as_deref().unwrap_or("");
    let mut buckets = context.store.buckets_of(account).map_err(fault::of_store)?;
    buckets.retain(|bucket| {
        bucket.name.starts_with(prefix)
            && input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region)
            && input.continuation_token.as_ref().is_none_or(|after| bucket.name > *after)
    });
    let is_truncated = buckets.len() > limit;
    buckets.truncate(limit);
    let output = ListBucketsOutput {
        continuation_token: buckets.last().filter(|_| is_truncated).map(|bucket| bucket.name.clone()),
        prefix: input.prefix.clone(),
        owner: Some(owner(account)),
        buckets: Some(
            buckets
                .into_iter()
                .map(|bucket| s3s::dto::Bucket {
                    bucket_region: Some(bucket.region),
                    creation_date: Some(timestamp(bucket.created_ms)),
                    name: Some(bucket.name),
                })
                .collect(),
        ),
    };
    Ok(S3Response::new(output))
}

pub fn location(req: &S3Request<GetBucketLocationInput>) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let constraint = match bucket.region.as_str() {
        DEFAULT_REGION => String::new(),
        other => other.to_owned(),
    };
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: Some(BucketLocationConstraint::from(constraint)) }))
}

/// What the owner of everything in a bucket is granted: all.
pub fn owners_grants(account: &str) -> Vec<Grant> {
    let grantee = Grantee {
        display_name: None,
        email_address: None,
        id: Some(canonical_id(account)),
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    vec![Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) }]
}

pub fn acl(req: &S3Request<GetBucketAclInput>) -> S3Result<S3Response<GetBucketAclOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let output = GetBucketAclOutput { grants: Some(owners_grants(&bucket.account)), owner: Some(owner(&bucket.account)) };
    Ok(S3Response::new(output))
}

/// Accepts the only ACL there is; canned ACLs are checked before.
pub async fn put_acl(req: S3Request<PutBucketAclInput>) -> S3Result<S3Response<PutBucketAclOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    if let Some(policy) = &req.input.access_control_policy {
        refuse_foreign_grants(&exchange, policy, &bucket.account)?;
    } else if req.input.acl.is_none() {
        return Err(S3Error::with_message(S3ErrorCode::MissingSecurityHeader, "Your request was missing a required header"));
    }
    exchange.commit(Staged::default(), &[], Value::Null).await?;
    Ok(S3Response::new(PutBucketAclOutput {}))
}

fn refuse_foreign_grants(exchange: &Exchange, policy: &AccessControlPolicy, account: &str) -> S3Result<()> {
    let id = canonical_id(account);
    let is_owners = |grant: &Grant| grant.grantee.as_ref().is_some_and(|grantee| grantee.id.as_deref() == Some(id.as_str()));
    if policy.grants.iter().flatten().all(is_owners) {
        return Ok(());
    }
    let groups = policy.grants.iter().flatten().filter_map(|grant| grant.grantee.as_ref()?.uri.as_deref());
    let is_public = groups.into_iter().any(|uri| uri.ends_with("/AllUsers") || uri.ends_with("/AuthenticatedUsers"));
    Err(foreign_acl(exchange, is_public))
}

/// Who is calling, as the initiator of an upload.
pub fn initiator(caller: &Caller) -> String {
    caller.arn()
}
