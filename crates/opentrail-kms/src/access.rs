//! Key policies, as far as they need no knowledge of the caller's own.

use crate::context::EncryptionContext;
use crate::entity::Key;
use crate::error::KmsError;
use opentrail_policy::{Decision, Policies, PolicyDocument, PolicyKind, Principal, Request, RequestContext, decide};
use serde_json::json;

/// A service of ours that uses a key by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCaller {
    /// Such as `cloudtrail.amazonaws.com`.
    pub service: String,
    /// ARN of what it acts for.
    pub source_arn: String,
    pub source_account: String,
}

/// The policy of a key that is created without one: the account decides by its IAM policies.
pub fn default_policy(account: &str) -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    format!("{policy:#}")
}

/// Adds the condition keys that belong to a key and, for cryptographic operations, to the encryption context.
pub fn condition_keys(context: RequestContext, key: &Key, encryption: Option<&EncryptionContext>) -> RequestContext {
    let mut context = context
        .with("aws:ResourceAccount", key.account.as_str())
        .with("kms:KeySpec", "SYMMETRIC_DEFAULT")
        .with("kms:KeyUsage", "ENCRYPT_DECRYPT")
        .with("kms:KeyOrigin", "AWS_KMS")
        .with("kms:MultiRegion", "false");
    for (name, value) in &key.tags {
        context = context.with(&format!("aws:ResourceTag/{name}"), value.as_str());
    }
    let Some(EncryptionContext(pairs)) = encryption else { return context };
    context = context.with("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    if !pairs.is_empty() {
        context = context.with_all("kms:EncryptionContextKeys", pairs.keys().map(String::as_str));
    }
    for (name, value) in pairs {
        context = context.with(&format!("kms:EncryptionContext:{name}"), value.as_str());
    }
    context
}

/// # Errors
/// [`KmsError::AccessDenied`] unless the key's policy names the service and its conditions hold.
pub(crate) fn permit_service(key: &Key, caller: &ServiceCaller, action: &str, context: RequestContext) -> Result<(), KmsError> {
    let context = context
        .with("aws:SourceArn", caller.source_arn.as_str())
        .with("aws:SourceAccount", caller.source_account.as_str())
        .with("aws:PrincipalServiceName", caller.service.as_str())
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:SecureTransport", "true");
    let policy = PolicyDocument::parse(&key.policy, PolicyKind::Resource).ok();
    let (principal, resource) = (Principal::Service(caller.service.clone()), key.arn());
    let request =
        Request { principal: &principal, action, resource: &resource, resource_account: &key.account, context: &context };
    let policies = Policies { resource: policy.as_ref(), ..Policies::default() };
    match decide(&request, &policies) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(KmsError::AccessDenied(reason.message(&request))),
    }
}
