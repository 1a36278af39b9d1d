//! Key policies: PutKeyPolicy, GetKeyPolicy, ListKeyPolicies.

use super::access::check_lockout;
use super::keys::{self, NamedKey, constraint};
use super::page::PageRequest;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::Key;
use opentrail_policy::{PolicyDocument, PolicyError, PolicyKind};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The only policy a key has.
const NAME: &str = "default";
/// Largest key policy, in bytes.
const MAX_POLICY_BYTES: usize = 32_768;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPolicyRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    policy_name: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: Option<bool>,
}

/// # Errors
/// `LimitExceededException`, `MalformedPolicyDocumentException`.
pub fn checked_policy(policy: String) -> Result<String, ApiError> {
    if policy.is_empty() {
        return Err(constraint("policy", "have length greater than or equal to 1"));
    }
    match PolicyDocument::parse_within(&policy, PolicyKind::Resource, MAX_POLICY_BYTES) {
        Ok(_) => Ok(policy),
        Err(PolicyError::TooLarge { max_bytes }) => Err(ApiError::new(
            "LimitExceededException",
            format!("Policy exceeds the maximum allowed document size of {max_bytes} bytes"),
        )),
        Err(error) => Err(ApiError::new("MalformedPolicyDocumentException", error.to_string())),
    }
}

fn check_name(name: Option<&str>) -> Result<(), ApiError> {
    match name {
        None | Some(NAME) => Ok(()),
        Some(_) => Err(ApiError::new("NotFoundException", "No such policy exists")),
    }
}

/// # Errors
/// `MalformedPolicyDocumentException`, also for a policy that its author could not change again.
pub async fn put_key_policy(app: &Arc<App>, call: &Call, input: KeyPolicyRequest) -> Result<Reply, ApiError> {
    check_name(input.policy_name.as_deref())?;
    let policy = checked_policy(keys::required("policy", input.policy.as_deref())?.to_owned())?;
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    let key = Key { policy, ..key };
    if input.bypass_policy_lockout_safety_check != Some(true) {
        check_lockout(app, call, &key)?;
    }
    Ok(keys::changed(&key, Value::Null, lock))
}

/// # Errors
/// `NotFoundException`.
pub async fn get_key_policy(app: &Arc<App>, call: &Call, input: KeyPolicyRequest) -> Result<Reply, ApiError> {
    check_name(input.policy_name.as_deref())?;
    let key = keys::find(app, call, input.key_id.as_deref())?;
    Ok(keys::about(&key, json!({"Policy": key.policy, "PolicyName": NAME})))
}

#[derive(Debug, Deserialize)]
pub struct ListKeyPoliciesRequest {
    #[serde(flatten)]
    key: NamedKey,
    #[serde(flatten)]
    page: PageRequest,
}

/// # Errors
/// `NotFoundException`, `InvalidMarkerException`.
pub async fn list_key_policies(app: &Arc<App>, call: &Call, input: ListKeyPoliciesRequest) -> Result<Reply, ApiError> {
    let key = keys::find(app, call, input.key.key_id.as_deref())?;
    let output = input.page.answer("PolicyNames", 100, 1000, vec![(NAME.into(), NAME.into())])?;
    Ok(keys::about(&key, output))
}
