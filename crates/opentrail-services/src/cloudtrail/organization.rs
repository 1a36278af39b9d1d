//! Organization trails: who may have them, and whose events they take. And CloudTrail's own way to delegate them.

use crate::app::App;
use crate::call::Call;
use crate::organizations::{
    self, CLOUDTRAIL, MAX_ADMINISTRATORS, Organization, accounts_of, organization_of, with_administrator, without_administrator,
};
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::arn::is_account_id;
use opentrail_model::trail::{OrganizationScope, Trail};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The caller's organization, if the caller's account may have trails for all of it: the management account, or one that
/// administers CloudTrail for it.
///
/// # Errors
/// `OrganizationsNotInUseException`, `NotOrganizationMasterAccountException`, `CloudTrailAccessNotEnabledException`.
fn overseen(app: &App, call: &Call) -> Result<Arc<Organization>, ApiError> {
    let organization = organization_of(app, &call.account)?
        .ok_or_else(|| ApiError::new("OrganizationsNotInUseException", "Your account is not a member of an organization."))?;
    if organization.management != call.account && !organization.delegates(&call.account, CLOUDTRAIL) {
        return Err(not_management());
    }
    if !organization.service_access.contains_key(CLOUDTRAIL) {
        let message = "CloudTrail does not have trusted access to your organization. Enable it for cloudtrail.amazonaws.com.";
        return Err(ApiError::new("CloudTrailAccessNotEnabledException", message));
    }
    Ok(organization)
}

fn not_management() -> ApiError {
    let message = "The request was made by an account that is neither the management account of the organization nor a delegated administrator of CloudTrail.";
    ApiError::new("NotOrganizationMasterAccountException", message)
}

/// Refuses members that only see the organization's trails.
///
/// # Errors
/// As [`overseen`].
pub(super) fn check_may_manage(app: &App, call: &Call) -> Result<(), ApiError> {
    overseen(app, call).map(|_| ())
}

/// Makes a trail one of the whole organization. It belongs to the management account, whoever creates it.
///
/// # Errors
/// As [`overseen`].
pub(super) fn extend(app: &App, call: &Call, trail: &mut Trail) -> Result<(), ApiError> {
    let organization = overseen(app, call)?;
    let accounts = accounts_of(app, &organization.id)?.into_iter().map(|account| account.id).collect();
    trail.account.clone_from(&organization.management);
    trail.organization = true;
    trail.scope = Some(OrganizationScope { id: organization.id.clone(), accounts: Arc::new(accounts) });
    Ok(())
}

/// Makes a trail one of the organization, or of its account again, as UpdateTrail says. Only the management account may.
///
/// # Errors
/// As [`overseen`].
pub(super) fn convert(app: &App, call: &Call, wanted: Option<bool>, trail: &mut Trail) -> Result<(), ApiError> {
    let Some(wanted) = wanted.filter(|wanted| *wanted != trail.organization) else { return Ok(()) };
    let organization = overseen(app, call)?;
    if organization.management != call.account {
        return Err(not_management());
    }
    if wanted {
        return extend(app, call, trail);
    }
    trail.organization = false;
    trail.scope = None;
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterRequest {
    #[serde(default)]
    member_account_id: Option<String>,
}

/// Registers an administrator of CloudTrail, and trusts CloudTrail if the organization did not yet.
///
/// # Errors
/// `InvalidParameterException`, `OrganizationsNotInUseException`, `NotOrganizationManagementAccountException`,
/// `AccountNotFoundException`, `AccountRegisteredException`, `CannotDelegateManagementAccountException`,
/// `DelegatedAdminAccountLimitExceededException`.
pub async fn register(app: &Arc<App>, call: &Call, input: RegisterRequest) -> Result<Reply, ApiError> {
    let id = account(input.member_account_id)?;
    let lock = organizations::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*managed(app, call)?);
    if id == organization.management {
        let message = "The management account cannot be a delegated administrator.";
        return Err(ApiError::new("CannotDelegateManagementAccountException", message));
    }
    if organization.delegates(&id, CLOUDTRAIL) {
        let message = "The account is already registered as the CloudTrail delegated administrator.";
        return Err(ApiError::new("AccountRegisteredException", message));
    }
    if organization.delegated.values().filter(|delegation| delegation.services.contains_key(CLOUDTRAIL)).count()
        >= MAX_ADMINISTRATORS
    {
        let message = "The maximum number of CloudTrail delegated administrators is reached.";
        return Err(ApiError::new("DelegatedAdminAccountLimitExceededException", message));
    }
    organization.service_access.entry(CLOUDTRAIL.to_owned()).or_insert(organizations::Since(call.now));
    let organization = with_administrator(app, &organization, &id, CLOUDTRAIL, call)?;
    let mut changes = Changes::new();
    changes.put(&organization);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeregisterRequest {
    #[serde(default)]
    delegated_admin_account_id: Option<String>,
}

/// The trails that the administrator made stay; they are the management account's.
///
/// # Errors
/// `InvalidParameterException`, `OrganizationsNotInUseException`, `NotOrganizationManagementAccountException`,
/// `AccountNotFoundException`, `AccountNotRegisteredException`.
pub async fn deregister(app: &Arc<App>, call: &Call, input: DeregisterRequest) -> Result<Reply, ApiError> {
    let id = account(input.delegated_admin_account_id)?;
    let lock = organizations::lock(app, &call.account).await;
    let organization = without_administrator(app, &*managed(app, call)?, &id, CLOUDTRAIL)?;
    let mut changes = Changes::new();
    changes.put(&organization);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

fn account(given: Option<String>) -> Result<String, ApiError> {
    given
        .filter(|id| is_account_id(id))
        .ok_or_else(|| ApiError::new("InvalidParameterException", "Specify the account by its twelve digits."))
}

fn managed(app: &App, call: &Call) -> Result<Arc<Organization>, ApiError> {
    let organization = organization_of(app, &call.account)?
        .ok_or_else(|| ApiError::new("OrganizationsNotInUseException", "Your account is not a member of an organization."))?;
    if organization.management == call.account {
        return Ok(organization);
    }
    let message = "The account making the request is not the management account of the organization.";
    Err(ApiError::new("NotOrganizationManagementAccountException", message))
}
