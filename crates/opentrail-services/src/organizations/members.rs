//! Who belongs to which organization, who may run it, and what has to follow when that changes.

use super::organization::{Membership, Organization};
use super::tags;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use opentrail_catalog::{Changes, NamedLock};
use opentrail_model::trail::{OrganizationScope, Trail};
use opentrail_wire::ApiError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The service whose trails reach over the organization.
pub const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

/// The organization that an account belongs to.
///
/// # Errors
/// If the catalog fails.
pub fn organization_of(app: &App, account: &str) -> Result<Option<Arc<Organization>>, ApiError> {
    let account = app.catalog.get::<Account>(account).map_err(|error| catalog_failure(&error))?;
    let Some(membership) = account.as_ref().and_then(|account| account.membership.as_ref()) else { return Ok(None) };
    app.catalog.get::<Organization>(&membership.organization).map_err(|error| catalog_failure(&error))
}

/// The caller's organization.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`.
pub(super) fn own(app: &App, call: &Call) -> Result<Arc<Organization>, ApiError> {
    organization_of(app, &call.account)?.ok_or_else(not_in_use)
}

pub(super) fn not_in_use() -> ApiError {
    ApiError::new("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

/// The caller's organization, if the caller's account manages it.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`, `AccessDeniedException`.
pub(super) fn managed(app: &App, call: &Call) -> Result<Arc<Organization>, ApiError> {
    let organization = own(app, call)?;
    if organization.management == call.account { Ok(organization) } else { Err(no_permission()) }
}

/// The caller's organization, if the caller's account manages it or administers a service for it.
///
/// # Errors
/// As [`managed`].
pub(super) fn overseen(app: &App, call: &Call) -> Result<Arc<Organization>, ApiError> {
    let organization = own(app, call)?;
    let may = organization.management == call.account || organization.delegated.contains_key(&call.account);
    if may { Ok(organization) } else { Err(no_permission()) }
}

pub(super) fn no_permission() -> ApiError {
    ApiError::new("AccessDeniedException", "You don't have permissions to access this resource.")
}

/// All accounts of an organization, in the order of their ids.
///
/// # Errors
/// If the catalog fails.
pub fn accounts_of(app: &App, organization: &str) -> Result<Vec<Account>, ApiError> {
    let mut accounts = app.catalog.all::<Account>("").map_err(|error| catalog_failure(&error))?.to_vec();
    accounts.retain(|account| account.membership.as_ref().is_some_and(|membership| membership.organization == organization));
    Ok(accounts)
}

/// One account of an organization.
///
/// # Errors
/// `AccountNotFoundException`.
pub(super) fn member(app: &App, organization: &Organization, id: &str) -> Result<Account, ApiError> {
    let account = app.catalog.get::<Account>(id).map_err(|error| catalog_failure(&error))?;
    let belongs = |account: &Arc<Account>| account.membership.as_ref().is_some_and(|m| m.organization == organization.id);
    account.filter(belongs).map(|account| Account::clone(&account)).ok_or_else(no_account)
}

pub(super) fn no_account() -> ApiError {
    ApiError::new("AccountNotFoundException", "You specified an account that doesn't exist.")
}

/// Held while an organization or its trails change: the lock of its management account's trails, as both go together.
pub async fn lock(app: &App, management: &str) -> NamedLock {
    app.catalog.lock(&format!("trails {management}")).await
}

/// An account that joins: the account itself, and the organization's trails, which take its events from now on.
///
/// # Errors
/// If the catalog fails.
pub(super) fn join(
    app: &App,
    organization: &Organization,
    account: Account,
    membership: Membership,
    changes: &mut Changes,
) -> Result<(), ApiError> {
    let mut ids: BTreeSet<String> = accounts_of(app, &organization.id)?.into_iter().map(|account| account.id).collect();
    ids.insert(account.id.clone());
    changes.put(&Account { membership: Some(membership), ..account });
    rescope(app, organization, ids, changes)
}

/// An account that leaves.
///
/// # Errors
/// If the catalog fails.
pub(super) fn leave(app: &App, organization: &Organization, account: Account, changes: &mut Changes) -> Result<(), ApiError> {
    let mut ids: BTreeSet<String> = accounts_of(app, &organization.id)?.into_iter().map(|account| account.id).collect();
    ids.remove(&account.id);
    let mut left = organization.clone();
    left.delegated.remove(&account.id);
    if let Some(control) = &mut left.control {
        control.forget(&account.id);
    }
    changes.put(&left);
    tags::forget(&organization.id, &account.id, changes);
    changes.put(&Account { membership: None, ..account });
    rescope(app, organization, ids, changes)
}

/// The organization's trails with the accounts that they take from now on; none makes them ordinary trails.
///
/// # Errors
/// If the catalog fails.
pub(super) fn rescope(
    app: &App,
    organization: &Organization,
    accounts: BTreeSet<String>,
    changes: &mut Changes,
) -> Result<(), ApiError> {
    let accounts = Arc::new(accounts);
    for trail in trails_of(app, organization)? {
        let scope = OrganizationScope { id: organization.id.clone(), accounts: Arc::clone(&accounts) };
        let is_left = !accounts.is_empty();
        changes.put(&Trail { organization: is_left, scope: is_left.then_some(scope), ..trail });
    }
    Ok(())
}

/// The organization's trails.
///
/// # Errors
/// If the catalog fails.
pub fn trails_of(app: &App, organization: &Organization) -> Result<Vec<Trail>, ApiError> {
    let trails = app.catalog.all::<Trail>(&format!("{}/", organization.management)).map_err(|error| catalog_failure(&error))?;
    Ok(trails.iter().filter(|trail| trail.organization).cloned().collect())
}
