//! Services with trusted access, and the members that administer them for the organization.

use super::input::{NamedAccount, Paged, account_id, service_principal};
use super::members;
use super::organization::{Delegation, Organization, Since, shown};
use super::structure::{changed, constraint};
use crate::app::App;
use crate::call::Call;
use crate::dates::epoch;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most delegated administrators of one service; CloudTrail's limit.
pub const MAX_ADMINISTRATORS: usize = 3;
/// Most services with trusted access.
const MAX_SERVICES: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedService {
    #[serde(default)]
    service_principal: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
}

/// # Errors
/// `InvalidInputException`, `AccessDeniedException`.
pub async fn enable_access(app: &Arc<App>, call: &Call, input: NamedService) -> Result<Reply, ApiError> {
    let service = service_principal(input.service_principal.as_deref())?;
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    if organization.service_access.len() >= MAX_SERVICES {
        return Err(constraint("You have exceeded the limit of services with access to the organization."));
    }
    organization.service_access.entry(service.to_owned()).or_insert(Since(call.now));
    Ok(changed(&organization, lock, json!({})))
}

/// # Errors
/// `InvalidInputException`; `ConstraintViolationException` while the service has delegated administrators or
/// organization trails.
pub async fn disable_access(app: &Arc<App>, call: &Call, input: NamedService) -> Result<Reply, ApiError> {
    let service = service_principal(input.service_principal.as_deref())?;
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    if organization.delegated.values().any(|delegation| delegation.services.contains_key(service)) {
        return Err(constraint("You must deregister the delegated administrators of this service first."));
    }
    if service == members::CLOUDTRAIL && !members::trails_of(app, &organization)?.is_empty() {
        return Err(constraint("You must delete the organization trails, or make them trails of one account, first."));
    }
    organization.service_access.remove(service);
    Ok(changed(&organization, lock, json!({})))
}

/// # Errors
/// `AccessDeniedException`.
pub async fn list_access(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    let organization = members::overseen(app, call)?;
    let services = organization.service_access.iter();
    let services: Vec<Value> =
        services.map(|(name, since)| json!({"ServicePrincipal": name, "DateEnabled": epoch(since.0)})).collect();
    Ok(Reply::output(json!({"EnabledServicePrincipals": services})))
}

/// # Errors
/// `AccountNotFoundException`, `AccountAlreadyRegisteredException`, `ConstraintViolationException`.
pub async fn register(app: &Arc<App>, call: &Call, input: NamedService) -> Result<Reply, ApiError> {
    let id = account_id(input.account_id.as_deref())?;
    let service = service_principal(input.service_principal.as_deref())?;
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    if !organization.service_access.contains_key(service) {
        return Err(constraint("You must enable trusted access for the service before you register an administrator for it."));
    }
    let organization = with_administrator(app, &organization, id, service, call)?;
    Ok(changed(&organization, lock, json!({})))
}

/// The organization with one more administrator of a service.
///
/// # Errors
/// As [`register`].
pub fn with_administrator(
    app: &App,
    organization: &Organization,
    id: &str,
    service: &str,
    call: &Call,
) -> Result<Organization, ApiError> {
    members::member(app, organization, id)?;
    if id == organization.management {
        return Err(constraint("You cannot register the management account as a delegated administrator for your organization."));
    }
    if organization.delegates(id, service) {
        let message = "The provided account is already a delegated administrator for your organization.";
        return Err(ApiError::new("AccountAlreadyRegisteredException", message));
    }
    let present = organization.delegated.values().filter(|delegation| delegation.services.contains_key(service)).count();
    if present >= MAX_ADMINISTRATORS {
        return Err(constraint("You have exceeded the allowed limit of delegated administrators for the service."));
    }
    let mut organization = organization.clone();
    let since = Since(call.now);
    let entry = organization.delegated.entry(id.to_owned());
    let delegation = entry.or_insert_with(|| Delegation { since, services: BTreeMap::new() });
    delegation.services.insert(service.to_owned(), since);
    Ok(organization)
}

/// # Errors
/// `AccountNotFoundException`, `AccountNotRegisteredException`.
pub async fn deregister(app: &Arc<App>, call: &Call, input: NamedService) -> Result<Reply, ApiError> {
    let id = account_id(input.account_id.as_deref())?;
    let service = service_principal(input.service_principal.as_deref())?;
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let organization = without_administrator(app, &organization, id, service)?;
    Ok(changed(&organization, lock, json!({})))
}

/// The organization with one administrator of a service less.
///
/// # Errors
/// As [`deregister`].
pub fn without_administrator(app: &App, organization: &Organization, id: &str, service: &str) -> Result<Organization, ApiError> {
    members::member(app, organization, id)?;
    let mut organization = organization.clone();
    let delegation = organization.delegated.get_mut(id);
    let removed = delegation.is_some_and(|delegation| delegation.services.remove(service).is_some());
    if !removed {
        let message = "The provided account is not a registered delegated administrator for your organization.";
        return Err(ApiError::new("AccountNotRegisteredException", message));
    }
    organization.delegated.retain(|_, delegation| !delegation.services.is_empty());
    Ok(organization)
}

/// # Errors
/// `AccessDeniedException`, `InvalidInputException`.
pub async fn list_administrators(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    let organization = members::overseen(app, call)?;
    let mut administrators = Vec::new();
    for (id, delegation) in &organization.delegated {
        if input.service_principal.as_ref().is_some_and(|service| !delegation.services.contains_key(service)) {
            continue;
        }
        let account = members::member(app, &organization, id)?;
        let mut described = super::accounts::described(&organization, &account);
        described["DelegationEnabledDate"] = epoch(delegation.since.0);
        described["Name"] = shown(&account).0.into();
        administrators.push(described);
    }
    Ok(Reply::output(json!({"DelegatedAdministrators": administrators})))
}

/// # Errors
/// `AccountNotFoundException`, `AccountNotRegisteredException`.
pub async fn list_services(app: &Arc<App>, call: &Call, input: NamedAccount) -> Result<Reply, ApiError> {
    let id = input.id()?;
    let organization = members::overseen(app, call)?;
    members::member(app, &organization, id)?;
    let Some(delegation) = organization.delegated.get(id) else {
        let message = "The provided account is not a registered delegated administrator for your organization.";
        return Err(ApiError::new("AccountNotRegisteredException", message));
    };
    let services = delegation.services.iter();
    let services: Vec<Value> =
        services.map(|(name, since)| json!({"ServicePrincipal": name, "DelegationEnabledDate": epoch(since.0)})).collect();
    Ok(Reply::output(json!({"DelegatedServices": services})))
}
