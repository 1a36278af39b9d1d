//! What S3 demands of a bucket policy beyond the grammar.

use crate::{
    document::{PolicyDocument, PolicyKind},
    error::PolicyError,
    pattern::ActionPattern,
    statement::{Selection, Statement},
};

/// The largest bucket policy, in bytes.
pub const BUCKET_POLICY_MAX_BYTES: usize = 20 * 1024;

/// Actions on the bucket itself.
const BUCKET_ACTIONS: &[&str] = &[
    "CreateBucket",
    "DeleteBucket",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
];

/// Actions on objects in the bucket.
const OBJECT_ACTIONS: &[&str] = &[
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
];

/// Reads the policy of `bucket` from the body of PutBucketPolicy.
pub fn parse_bucket_policy(text: &str, bucket: &str) -> Result<PolicyDocument, PolicyError> {
    let document = PolicyDocument::parse_within(text, PolicyKind::Resource, BUCKET_POLICY_MAX_BYTES)?;
    check_bucket_policy(&document, bucket)?;
    Ok(document)
}

/// Checks that a resource policy speaks of `bucket` and of S3 only, and that every action has a resource it is about.
pub fn check_bucket_policy(document: &PolicyDocument, bucket: &str) -> Result<(), PolicyError> {
    document.statements().iter().try_for_each(|statement| {
        check_actions(statement)?;
        check_resources(statement, bucket)?;
        check_actions_have_resources(statement, bucket)
    })
}

fn check_actions(statement: &Statement) -> Result<(), PolicyError> {
    let is_s3 = |action: &str| action == "*" || action.get(..3).is_some_and(|vendor| vendor.eq_ignore_ascii_case("s3:"));
    match statement.actions.items().iter().find(|action| !is_s3(action.source())) {
        Some(action) => Err(PolicyError::InvalidAction { action: action.source().to_owned() }),
        None => Ok(()),
    }
}

fn check_resources(statement: &Statement, bucket: &str) -> Result<(), PolicyError> {
    let mut resources = statement.resources.iter().flat_map(|resources| resources.items());
    match resources.find(|resource| Target::of(resource.source(), bucket).is_none()) {
        Some(resource) => Err(PolicyError::InvalidResource { resource: resource.source().to_owned() }),
        None => Ok(()),
    }
}

/// Statements that say what they are not about are left alone, as are actions that the tables above do not know.
fn check_actions_have_resources(statement: &Statement, bucket: &str) -> Result<(), PolicyError> {
    let (Selection::Only(actions), Some(Selection::Only(resources))) = (&statement.actions, &statement.resources) else {
        return Ok(());
    };
    let targets: Vec<Target> = resources.iter().filter_map(|resource| Target::of(resource.source(), bucket)).collect();
    let has_resource = |action: &&ActionPattern| {
        let possible = possible_targets(action);
        possible.is_empty() || possible.iter().any(|target| targets.contains(target))
    };
    match actions.iter().find(|action| !has_resource(action)) {
        Some(action) => Err(PolicyError::ActionWithoutResource { action: action.source().to_owned() }),
        None => Ok(()),
    }
}

/// What an S3 action or resource is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Bucket,
    Objects,
}

impl Target {
    /// What a resource is about; `None` if it lies outside the bucket.
    fn of(resource: &str, bucket: &str) -> Option<Self> {
        match resource.strip_prefix("arn:aws:s3:::")?.strip_prefix(bucket)? {
            "" => Some(Self::Bucket),
            key if key.starts_with('/') => Some(Self::Objects),
            _ => None,
        }
    }
}

fn possible_targets(action: &ActionPattern) -> Vec<Target> {
    [(Target::Bucket, BUCKET_ACTIONS), (Target::Objects, OBJECT_ACTIONS)]
        .into_iter()
        .filter(|(_, names)| names.iter().any(|name| action.matches(&format!("s3:{name}"))))
        .map(|(target, _)| target)
        .collect()
}
