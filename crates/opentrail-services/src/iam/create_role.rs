//! CreateRole.

use super::holders;
use super::input::Input;
use super::role::{DEFAULT_SESSION_SECONDS, Role, SERVICE_LINKED_PATH};
use super::validation::{self, MAX_USER_NAME_CHARS};
use super::{boundaries, roles, tags, users};
use crate::app::App;
use crate::call::Call;
use crate::credentials::unique_id;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_policy::PolicyKind;
use opentrail_wire::ApiError;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Most roles of an account.
pub(super) const MAX_ROLES: usize = 1000;
/// How long sessions may be allowed to last, in seconds.
pub(super) const SESSION_SECONDS: RangeInclusive<u32> = 3600..=43_200;
/// Longest description of a role or policy.
pub(super) const MAX_DESCRIPTION_CHARS: usize = 1000;

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `EntityAlreadyExists`, `LimitExceeded`, `NoSuchEntity` for a boundary,
/// `InvalidInput`.
pub async fn create_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.name_within("RoleName", MAX_USER_NAME_CHARS)?;
    let path = input.path()?;
    let trust = validation::policy_document(&input, "AssumeRolePolicyDocument", PolicyKind::Trust)?;
    let description = input.bounded("Description", 0..=MAX_DESCRIPTION_CHARS)?;
    let seconds = input.number("MaxSessionDuration", SESSION_SECONDS)?;
    let tags = tags::of(&input)?;
    if path.starts_with(SERVICE_LINKED_PATH) {
        let message = format!("Cannot create a role with the path {path}: it is reserved for service-linked roles.");
        return Err(ApiError::new("ValidationError", message));
    }
    let lock = users::lock(app, call).await;
    holders::check_new::<Role>(app, call, "Role", name, ("RolesPerAccount", MAX_ROLES))?;
    roles::check_trust(app, call, &trust)?;
    let role = Role {
        account: call.account.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("AROA"),
        created: call.now,
        trust,
        description: description.map(Into::into),
        max_session_seconds: seconds.unwrap_or(DEFAULT_SESSION_SECONDS),
        policies: BTreeMap::new(),
        attached: BTreeSet::new(),
        boundary: boundaries::requested(app, call, &input)?,
        tags,
    };
    let mut changes = Changes::new();
    changes.put(&role);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(roles::response_elements(&role)),
        ..Reply::output(json!({"Role": roles::full_output(app, &role)?}))
    })
}
