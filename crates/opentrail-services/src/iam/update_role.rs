//! UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy.

use super::create_role::{MAX_DESCRIPTION_CHARS, SESSION_SECONDS};
use super::inline_policies::changed;
use super::input::Input;
use super::role::{DEFAULT_SESSION_SECONDS, Role};
use super::{holders, roles, users, validation};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_policy::PolicyKind;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `UnmodifiableEntity`.
pub async fn update_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("RoleName")?;
    let description = input.bounded("Description", 0..=MAX_DESCRIPTION_CHARS)?;
    let seconds = input.number("MaxSessionDuration", SESSION_SECONDS)?;
    let lock = users::lock(app, call).await;
    let mut role = holders::modifiable::<Role>(app, call, name)?;
    if let Some(description) = description {
        role.description = Some(description.to_owned()).filter(|text| !text.is_empty());
    }
    // As AWS does it: without a duration it goes back to the usual one.
    role.max_session_seconds = seconds.unwrap_or(DEFAULT_SESSION_SECONDS);
    Ok(Reply { output: json!({}), ..changed(&role, lock) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `UnmodifiableEntity`.
pub async fn update_role_description(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("RoleName")?;
    input.required("Description")?;
    let description = input.bounded("Description", 0..=MAX_DESCRIPTION_CHARS)?;
    let lock = users::lock(app, call).await;
    let mut role = holders::modifiable::<Role>(app, call, name)?;
    role.description = description.map(Into::into).filter(|text: &String| !text.is_empty());
    let elements = roles::response_elements(&role);
    let output = json!({"Role": roles::full_output(app, &role)?});
    Ok(Reply { output, response_elements: Some(elements), ..changed(&role, lock) })
}

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `NoSuchEntity`, `LimitExceeded`, `UnmodifiableEntity`.
pub async fn update_assume_role_policy(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("RoleName")?;
    let trust = validation::policy_document(&input, "PolicyDocument", PolicyKind::Trust)?;
    let lock = users::lock(app, call).await;
    let mut role = holders::modifiable::<Role>(app, call, name)?;
    roles::check_trust(app, call, &trust)?;
    role.trust = trust;
    Ok(changed(&role, lock))
}
