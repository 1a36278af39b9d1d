//! What is refused rather than ignored: settings that would change what a supported operation does.

use super::exchange::Exchange;
use super::fault;
use opentrail_storage::ObjectOwnership;
use s3s::{S3Result, s3_error};

/// Parameters that ask for something of S3's that is not there.
const REFUSED_PARAMETERS: &[(&str, &str)] = &[
    ("renameObject", "renaming objects"),
    ("metadataConfiguration", "metadata tables"),
    ("abac", "attribute-based access control of buckets"),
];

const REFUSED_HEADERS: &[(&str, &str)] = &[
    ("x-amz-website-redirect-location", "website redirects"),
    ("x-amz-write-offset-bytes", "appending to objects"),
    ("x-amz-grant-full-control", "ACL grants"),
    ("x-amz-grant-read", "ACL grants"),
    ("x-amz-grant-read-acp", "ACL grants"),
    ("x-amz-grant-write", "ACL grants"),
    ("x-amz-grant-write-acp", "ACL grants"),
];

/// ACLs that leave an object or bucket with its owner.
const OWNERS_ACLS: &[&str] = &["private", "bucket-owner-full-control", "bucket-owner-read"];

/// Refuses keys that the store could not tell apart: NUL separates a key from its versions there.
///
/// # Errors
/// If it contains one.
pub fn check_key(key: &str) -> S3Result<()> {
    if key.contains('\0') {
        return Err(fault::invalid_argument("Object keys cannot contain the character NUL."));
    }
    Ok(())
}

/// Refuses settings that could not be honoured.
///
/// # Errors
/// The reason.
pub fn check(exchange: &Exchange) -> S3Result<()> {
    check_key(exchange.key.as_deref().unwrap_or(""))?;
    // Of bucket settings themselves, reading is answered truthfully and writing is not implemented.
    for (name, what) in REFUSED_PARAMETERS {
        if exchange.parameter(name).is_some() {
            return Err(fault::not_implemented(what));
        }
    }
    for (name, what) in REFUSED_HEADERS {
        if exchange.headers.contains_key(*name) {
            return Err(fault::not_implemented(what));
        }
    }
    match exchange.header("x-amz-acl") {
        Some(acl) if !OWNERS_ACLS.contains(&acl) => Err(foreign_acl(exchange, acl.starts_with("public-"))),
        _ => Ok(()),
    }
}

/// Why an ACL is refused that would give rights to others.
pub fn foreign_acl(exchange: &Exchange, is_public: bool) -> s3s::S3Error {
    let bucket = exchange.stored_bucket().filter(|_| exchange.name() != "CreateBucket");
    let asked = exchange.header("x-amz-object-ownership").and_then(ObjectOwnership::parse);
    let ownership = bucket.as_ref().map_or(asked, |bucket| bucket.settings.ownership);
    if bucket.is_none() && asked.is_none() {
        return fault::custom(
            "InvalidBucketAclWithObjectOwnership",
            400,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        );
    }
    if ownership.is_none_or(|ownership| ownership == ObjectOwnership::BucketOwnerEnforced) {
        return s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs");
    }
    let block = bucket.map(|bucket| super::public_access::effective(&exchange.context.catalog, &bucket));
    if is_public && block.is_some_and(|block| block.block_public_acls) {
        return fault::access_denied();
    }
    fault::not_implemented("ACLs that give rights to others; use a bucket policy")
}
