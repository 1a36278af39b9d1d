//! PutUserPolicy: an inline policy, kept as it is written.

use super::users::{self, limit_exceeded};
use super::validation::{self, MAX_NAME_CHARS};
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_policy::{PolicyDocument, PolicyKind};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// Longest document that is looked at.
const MAX_DOCUMENT_CHARS: usize = 131_072;
/// Most characters of all inline policies of a user together, whitespace not counted.
const MAX_TOTAL_CHARS: usize = 2048;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutUserPolicyRequest {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    policy_name: Option<String>,
    #[serde(default)]
    policy_document: Option<String>,
}

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `NoSuchEntity`, `LimitExceeded`.
pub async fn put_user_policy(app: &Arc<App>, call: &Call, input: PutUserPolicyRequest) -> Result<Reply, ApiError> {
    let name = validation::required(&input.user_name, "userName")?;
    let policy = validation::required(&input.policy_name, "policyName")?;
    let document = validation::required(&input.policy_document, "policyDocument")?;
    validation::name(policy, "policyName", MAX_NAME_CHARS)?;
    validation::length(document, "policyDocument", 1, MAX_DOCUMENT_CHARS)?;
    PolicyDocument::parse(document, PolicyKind::Identity)
        .map_err(|problem| ApiError::new("MalformedPolicyDocument", problem.to_string()))?;

    let lock = users::lock(app, call).await;
    let mut user = User::clone(&*users::named(app, call, name)?);
    user.policies.insert(policy.to_owned(), document.to_owned());
    let total: usize = user.policies.values().map(|text| text.chars().filter(|c| !c.is_whitespace()).count()).sum();
    if total > MAX_TOTAL_CHARS {
        return Err(limit_exceeded(format!("Maximum policy size of {MAX_TOTAL_CHARS} bytes exceeded for user {name}")));
    }
    let mut changes = Changes::new();
    changes.put(&user);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
