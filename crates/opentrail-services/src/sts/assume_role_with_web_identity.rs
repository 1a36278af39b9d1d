//! AssumeRoleWithWebIdentity: a session of a role for somebody an OpenID Connect provider vouches for.

use super::assume_role::MAX_SECONDS;
use super::assuming::{self, Ask};
use super::request::{self, PolicyDescriptor};
use crate::app::App;
use crate::call::{Call, Caller};
use crate::iam::validation::{length, required};
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The token is read before, to find out who calls.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleWithWebIdentityRequest {
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    role_session_name: Option<String>,
    #[serde(default)]
    duration_seconds: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Option<Vec<PolicyDescriptor>>,
}

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `PackedPolicyTooLarge`, `AccessDenied`.
pub async fn assume_role_with_web_identity(
    app: &Arc<App>,
    call: &Call,
    input: AssumeRoleWithWebIdentityRequest,
) -> Result<Reply, ApiError> {
    let Caller::WebIdentity(web) = &call.caller else {
        return Err(ApiError::new("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity").with_status(403));
    };
    let role_arn = required(&input.role_arn, "roleArn")?;
    let session_name = required(&input.role_session_name, "roleSessionName")?;
    length(role_arn, "roleArn", 20, 2048)?;
    request::text(session_name, "roleSessionName", 2, 64, "")?;
    let asked = request::duration(input.duration_seconds.as_deref(), 3600, MAX_SECONDS)?;
    let narrowing = request::narrowing(input.policy, input.policy_arns)?;
    let packed = request::packed(&narrowing, &BTreeMap::new())?;
    let ask = Ask {
        action: "sts:AssumeRoleWithWebIdentity",
        role_arn,
        session_name,
        external_id: None,
        source_identity: None,
        mfa: None,
        narrowing,
        tags: BTreeMap::new(),
        transitive: BTreeSet::new(),
    };
    let (role, session) = assuming::permitted(app, call, ask)?;
    assuming::check_duration(&role, asked)?;
    let answer = assuming::answer(app, &role, session, session_name, asked, packed)?;
    let (mut told, mut recorded) = (answer.told, answer.recorded);
    for (member, value) in
        [("SubjectFromWebIdentityToken", &web.subject), ("Provider", &web.provider), ("Audience", &web.audience)]
    {
        told[member] = value.as_str().into();
        recorded[opentrail_model::record::lower_first_name(member)] = value.as_str().into();
    }
    Ok(Reply { response_elements: Some(json!(recorded)), resources: vec![assuming::resource(&role)], ..Reply::output(told) })
}
