//! Asking a key's policy, beside the question that every call is asked by itself.

use super::table::document;
use crate::app::{App, catalog_failure};
use crate::authorisation::{Question, Standing};
use crate::call::Call;
use opentrail_catalog::Catalog;
use opentrail_kms::{EncryptionContext, Key, KmsError, condition_keys, granted};
use opentrail_policy::{Decision, PolicyDocument};
use opentrail_wire::ApiError;

/// A service that uses a key for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Nobody: the caller uses the key.
    None,
    /// `kms:ViaService` is `NAME.REGION.amazonaws.com`.
    Service(&'static str),
}

/// Whether the caller may do this with a key.
///
/// # Errors
/// [`KmsError::AccessDenied`] in IAM's words, or if the catalog fails.
pub fn permit_via(
    catalog: &Catalog,
    call: &Call,
    via: Via,
    key: &Key,
    action: &str,
    encryption: Option<&EncryptionContext>,
) -> Result<(), KmsError> {
    let grants = match encryption {
        Some(encryption) => granted(catalog, key, action, encryption)?,
        None => granted(catalog, key, action, &EncryptionContext::default())?,
    };
    permit(catalog, call, via, key, action, encryption, grants.as_ref())
}

/// [`permit_via`] as if the key had no grants.
pub(super) fn permit_without_grants(catalog: &Catalog, call: &Call, key: &Key, action: &str) -> Result<(), KmsError> {
    permit(catalog, call, Via::None, key, action, None, None)
}

/// [`permit_via`] as if the key had these grants alone.
pub(super) fn permit_granted(
    catalog: &Catalog,
    call: &Call,
    key: &Key,
    action: &str,
    grants: Option<&PolicyDocument>,
) -> Result<(), KmsError> {
    permit(catalog, call, Via::None, key, action, None, grants)
}

fn permit(
    catalog: &Catalog,
    call: &Call,
    via: Via,
    key: &Key,
    action: &str,
    encryption: Option<&EncryptionContext>,
    grants: Option<&PolicyDocument>,
) -> Result<(), KmsError> {
    let standing = Standing::of(catalog, &call.caller)?;
    let caller_account = call.caller.account().unwrap_or_default();
    let mut context = standing.context(call.policy_context()).with("kms:CallerAccount", caller_account);
    if let Via::Service(service) = via {
        context = context.with("kms:ViaService", format!("{service}.{}.amazonaws.com", key.region));
    }
    let context = condition_keys(context, key, encryption);
    let (policy, resource) = (document(key), key.arn());
    let question = Question {
        action,
        resource: &resource,
        resource_account: &key.account,
        resource_policy: Some(&policy),
        grants,
        context: &context,
    };
    let principal = call.caller.principal();
    match standing.decide(&principal, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(KmsError::AccessDenied(reason.message(&question.request(&principal)))),
    }
}

/// Refuses a policy that its author could not change again.
pub(super) fn check_lockout(app: &App, call: &Call, key: &Key) -> Result<(), ApiError> {
    match permit_without_grants(&app.catalog, call, key, "kms:PutKeyPolicy") {
        Ok(()) => Ok(()),
        Err(KmsError::Catalog(error)) => Err(catalog_failure(&error)),
        Err(_) => Err(ApiError::new(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )),
    }
}
