//! EnablePolicyType, DisablePolicyType, AttachPolicy, DetachPolicy, ListPoliciesForTarget, ListTargetsForPolicy: which
//! service control policies are over whom.

use super::control::ServiceControl;
use super::input::invalid;
use super::members;
use super::organization::{Organization, shown};
use super::policies::{TYPE, check_type, listed, named, summary};
use super::structure::{changed, constraint};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most policies of a root, unit or account. Source: AWS Organizations User Guide, "Quotas".
const MAX_ATTACHED: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyTypeRequest {
    #[serde(default)]
    root_id: Option<String>,
    #[serde(default)]
    policy_type: Option<String>,
}

impl PolicyTypeRequest {
    /// # Errors
    /// `RootNotFoundException`, and the faults of [`check_type`].
    fn check(&self, organization: &Organization) -> Result<(), ApiError> {
        check_type(self.policy_type.as_deref())?;
        if self.root_id.as_ref() != Some(&organization.root_id) {
            return Err(ApiError::new("RootNotFoundException", "You specified a root that doesn't exist."));
        }
        Ok(())
    }
}

/// `PolicyTypes` of a root.
pub(super) fn enabled_types(organization: &Organization) -> Value {
    if organization.control.is_some() { json!([{"Type": TYPE, "Status": "ENABLED"}]) } else { json!([]) }
}

/// A root in answers.
pub(super) fn root(organization: &Organization) -> Value {
    json!({
        "Id": organization.root_id,
        "Arn": organization.root_arn(),
        "Name": "Root",
        "PolicyTypes": enabled_types(organization),
    })
}

/// From now on everything has FullAWSAccess and what is attached.
///
/// # Errors
/// `PolicyTypeAlreadyEnabledException`, `RootNotFoundException`.
pub async fn enable_policy_type(app: &Arc<App>, call: &Call, input: PolicyTypeRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    input.check(&organization)?;
    if organization.control.is_some() {
        let message = "The specified policy type is already enabled.";
        return Err(ApiError::new("PolicyTypeAlreadyEnabledException", message));
    }
    organization.control = Some(ServiceControl::default());
    let output = json!({"Root": root(&organization)});
    Ok(changed(&organization, lock, output))
}

/// Detaches every policy from everything; attachments do not come back when the type is enabled again.
///
/// # Errors
/// `PolicyTypeNotEnabledException`, `RootNotFoundException`.
pub async fn disable_policy_type(app: &Arc<App>, call: &Call, input: PolicyTypeRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    input.check(&organization)?;
    organization.control.take().ok_or_else(not_enabled)?;
    let output = json!({"Root": root(&organization)});
    Ok(changed(&organization, lock, output))
}

fn not_enabled() -> ApiError {
    let message = "The specified policy type isn't currently enabled in this root.";
    ApiError::new("PolicyTypeNotEnabledException", message)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachmentRequest {
    #[serde(default)]
    policy_id: Option<String>,
    #[serde(default)]
    target_id: Option<String>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
}

/// What a policy can be attached to: id, ARN, name, type.
struct Target {
    id: String,
    arn: String,
    name: String,
    kind: &'static str,
}

/// # Errors
/// `TargetNotFoundException`.
fn target(app: &App, organization: &Organization, id: Option<&str>) -> Result<Target, ApiError> {
    let missing =
        || ApiError::new("TargetNotFoundException", "We can't find a root, OU, or account with the TargetId that you specified.");
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| invalid("You must specify a target."))?;
    if id == organization.root_id {
        return Ok(Target { id: id.to_owned(), arn: organization.root_arn(), name: "Root".into(), kind: "ROOT" });
    }
    if let Some(unit) = organization.units.get(id) {
        return Ok(Target {
            id: id.to_owned(),
            arn: organization.unit_arn(id),
            name: unit.name.clone(),
            kind: "ORGANIZATIONAL_UNIT",
        });
    }
    let account = members::member(app, organization, id).map_err(|_| missing())?;
    Ok(Target { id: id.to_owned(), arn: organization.account_arn(id), name: shown(&account).0, kind: "ACCOUNT" })
}

/// # Errors
/// `PolicyNotFoundException`, `TargetNotFoundException`, `PolicyTypeNotEnabledException`,
/// `DuplicatePolicyAttachmentException`, `ConstraintViolationException`.
pub async fn attach_policy(app: &Arc<App>, call: &Call, input: AttachmentRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    let policy = named(app, &organization, input.policy_id.as_deref())?;
    let target = target(app, &organization, input.target_id.as_deref())?;
    let control = organization.control.as_mut().ok_or_else(not_enabled)?;
    let mut attached = control.of(&target.id);
    if !attached.insert(policy.id) {
        let message = "The selected policy is already attached to the specified target.";
        return Err(ApiError::new("DuplicatePolicyAttachmentException", message));
    }
    if attached.len() > MAX_ATTACHED {
        return Err(constraint("You have exceeded the number of policies that can be attached to an entity."));
    }
    control.set(&target.id, attached);
    Ok(changed(&organization, lock, json!({})))
}

/// # Errors
/// `PolicyNotFoundException`, `TargetNotFoundException`, `PolicyTypeNotEnabledException`, `PolicyNotAttachedException`;
/// `ConstraintViolationException` for the last one.
pub async fn detach_policy(app: &Arc<App>, call: &Call, input: AttachmentRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    let policy = named(app, &organization, input.policy_id.as_deref())?;
    let target = target(app, &organization, input.target_id.as_deref())?;
    let control = organization.control.as_mut().ok_or_else(not_enabled)?;
    let mut attached = control.of(&target.id);
    if !attached.remove(&policy.id) {
        let message = "The policy isn't attached to the specified target in the specified root.";
        return Err(ApiError::new("PolicyNotAttachedException", message));
    }
    if attached.is_empty() {
        return Err(constraint("You cannot remove the last policy attached to the specified target."));
    }
    control.set(&target.id, attached);
    Ok(changed(&organization, lock, json!({})))
}

/// # Errors
/// `TargetNotFoundException`, `InvalidInputException`.
pub async fn list_policies_for_target(app: &Arc<App>, call: &Call, input: AttachmentRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let is_here = listed(input.filter.as_deref(), input.next_token.as_deref())?;
    let target = target(app, &organization, input.target_id.as_deref())?;
    let control = organization.control.as_ref().filter(|_| is_here);
    let ids = control.map(|control| control.of(&target.id)).unwrap_or_default();
    let mut policies = Vec::new();
    for id in &ids {
        policies.push(summary(&organization, &named(app, &organization, Some(id))?));
    }
    Ok(Reply::output(json!({"Policies": policies})))
}

/// # Errors
/// `PolicyNotFoundException`, `InvalidInputException`.
pub async fn list_targets_for_policy(app: &Arc<App>, call: &Call, input: AttachmentRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    if input.next_token.is_some() {
        return Err(invalid("You provided a next token that is not valid."));
    }
    let policy = named(app, &organization, input.policy_id.as_deref())?;
    let Some(control) = &organization.control else { return Ok(Reply::output(json!({"Targets": []}))) };
    let accounts = members::accounts_of(app, &organization.id)?;
    let ids =
        std::iter::once(&organization.root_id).chain(organization.units.keys()).chain(accounts.iter().map(|account| &account.id));
    let mut targets = Vec::new();
    for id in ids.filter(|id| control.of(id).contains(&policy.id)) {
        let target = target(app, &organization, Some(id))?;
        targets.push(json!({"TargetId": target.id, "Arn": target.arn, "Name": target.name, "Type": target.kind}));
    }
    Ok(Reply::output(json!({"Targets": targets})))
}
