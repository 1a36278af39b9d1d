//! What is refused rather than ignored: settings that would change what a supported operation does.

use super::exchange::Exchange;
use super::fault;
use s3s::{S3Result, s3_error};

/// Parameters that ask for something of S3's that is not there.
const REFUSED_PARAMETERS: &[(&str, &str)] = &[
    ("versionId", "versions of objects"),
    ("renameObject", "renaming objects"),
    ("metadataConfiguration", "metadata tables"),
    ("abac", "attribute-based access control of buckets"),
];

const REFUSED_HEADERS: &[(&str, &str)] = &[
    ("x-amz-server-side-encryption-customer-algorithm", "encryption with customer keys"),
    ("x-amz-server-side-encryption-customer-key", "encryption with customer keys"),
    ("x-amz-copy-source-server-side-encryption-customer-key", "encryption with customer keys"),
    ("x-amz-object-lock-mode", "object lock"),
    ("x-amz-object-lock-retain-until-date", "object lock"),
    ("x-amz-object-lock-legal-hold", "object lock"),
    ("x-amz-bypass-governance-retention", "object lock"),
    ("x-amz-tagging", "tags of objects"),
    ("x-amz-website-redirect-location", "website redirects"),
    ("x-amz-mfa", "multi-factor authentication"),
    ("x-amz-write-offset-bytes", "appending to objects"),
    ("x-amz-grant-full-control", "ACL grants"),
    ("x-amz-grant-read", "ACL grants"),
    ("x-amz-grant-read-acp", "ACL grants"),
    ("x-amz-grant-write", "ACL grants"),
    ("x-amz-grant-write-acp", "ACL grants"),
];

/// ACLs that leave an object or bucket with its owner.
const OWNERS_ACLS: &[&str] = &["private", "bucket-owner-full-control", "bucket-owner-read"];

/// Refuses settings that could not be honoured.
///
/// # Errors
/// The reason.
pub fn check(exchange: &Exchange) -> S3Result<()> {
    // Of bucket settings themselves, reading is answered truthfully and writing is not implemented.
    for (name, what) in REFUSED_PARAMETERS {
        let is_null_version = *name == "versionId" && exchange.parameter(name) == Some("null");
        if exchange.parameter(name).is_some() && !is_null_version {
            return Err(fault::not_implemented(what));
        }
    }
    for (name, what) in REFUSED_HEADERS {
        if exchange.headers.contains_key(*name) {
            return Err(fault::not_implemented(what));
        }
    }
    if exchange.header("x-amz-bucket-object-lock-enabled").is_some_and(|value| !value.eq_ignore_ascii_case("false")) {
        return Err(fault::not_implemented("object lock"));
    }
    if exchange.header("x-amz-object-ownership").is_some_and(|value| value != "BucketOwnerEnforced") {
        return Err(fault::not_implemented("object ownership other than BucketOwnerEnforced"));
    }
    if exchange.header("x-amz-storage-class").is_some_and(|class| class != "STANDARD") {
        return Err(s3_error!(InvalidStorageClass, "The storage class you specified is not valid"));
    }
    if exchange.header("x-amz-tagging-directive").is_some_and(|directive| directive != "COPY") {
        return Err(fault::not_implemented("tags of objects"));
    }
    match exchange.header("x-amz-acl") {
        Some(acl) if !OWNERS_ACLS.contains(&acl) => {
            Err(s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs"))
        }
        _ => Ok(()),
    }
}
