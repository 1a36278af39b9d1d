//! AssumeRole: a session of a role, in the caller's account or another.

use super::assuming::{self, Ask};
use super::mfa;
use super::request::{self, PolicyDescriptor, SessionTag};
use crate::app::App;
use crate::call::{Call, Caller};
use crate::iam::validation::{length, required};
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use time::Duration;

/// Longest session that any role can allow.
pub(super) const MAX_SECONDS: i64 = 43_200;
/// Longest session of a role that is assumed from a session of another.
const MAX_CHAINED: Duration = Duration::HOUR;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleRequest {
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    role_session_name: Option<String>,
    #[serde(default)]
    duration_seconds: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Option<Vec<PolicyDescriptor>>,
    #[serde(default)]
    tags: Option<Vec<SessionTag>>,
    #[serde(default)]
    transitive_tag_keys: Option<Vec<String>>,
    #[serde(default)]
    serial_number: Option<String>,
    #[serde(default)]
    token_code: Option<String>,
    #[serde(default)]
    source_identity: Option<String>,
    /// Contexts of IAM Identity Center.
    #[serde(default)]
    provided_contexts: Option<Value>,
}

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `PackedPolicyTooLarge`; `AccessDenied`, which says the same whether the
/// role is missing, does not trust the caller, or the caller's own policies do not allow it.
pub async fn assume_role(app: &Arc<App>, call: &Call, input: AssumeRoleRequest) -> Result<Reply, ApiError> {
    let role_arn = required(&input.role_arn, "roleArn")?;
    let session_name = required(&input.role_session_name, "roleSessionName")?;
    length(role_arn, "roleArn", 20, 2048)?;
    request::text(session_name, "roleSessionName", 2, 64, "")?;
    if let Some(id) = &input.external_id {
        request::text(id, "externalId", 2, 1224, ":/")?;
    }
    if let Some(identity) = &input.source_identity {
        request::text(identity, "sourceIdentity", 2, 64, "")?;
        if identity.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::new("ValidationError", "The source identity must not begin with aws:."));
        }
    }
    if input.provided_contexts.as_ref().is_some_and(|contexts| contexts.as_array().is_none_or(|list| !list.is_empty())) {
        return Err(ApiError::new("ValidationError", "OpenTrail has no identity center, so there are no contexts to provide."));
    }
    let asked = request::duration(input.duration_seconds.as_deref(), 3600, MAX_SECONDS)?;
    let narrowing = request::narrowing(input.policy, input.policy_arns)?;
    let tags = request::tags(input.tags)?;
    let transitive = request::transitive(input.transitive_tag_keys, &tags)?;
    let packed = request::packed(&narrowing, &tags)?;
    if matches!(call.caller, Caller::Root { .. }) {
        return Err(ApiError::new("AccessDenied", "Roles may not be assumed by root accounts.").with_status(403));
    }

    let factor = mfa::check(app, call, input.serial_number.as_deref(), input.token_code.as_deref()).await?;
    let ask = Ask {
        action: "sts:AssumeRole",
        role_arn,
        session_name,
        external_id: input.external_id.as_deref(),
        source_identity: input.source_identity,
        mfa: factor.given_at,
        narrowing,
        tags,
        transitive,
    };
    let (role, session) = assuming::permitted(app, call, ask)?;
    if matches!(call.caller, Caller::AssumedRole { .. }) && asked > MAX_CHAINED {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(ApiError::new("ValidationError", message));
    }
    assuming::check_duration(&role, asked)?;
    let answer = assuming::answer(app, &role, session, session_name, asked, packed)?;
    Ok(Reply {
        changes: factor.changes,
        lock: factor.lock,
        response_elements: Some(answer.recorded),
        resources: vec![assuming::resource(&role)],
        owner_account: Some(role.account.clone()),
        ..Reply::output(answer.told)
    })
}
