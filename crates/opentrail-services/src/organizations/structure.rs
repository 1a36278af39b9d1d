//! The tree of an organization: roots, organizational units, and who is where.

use super::accounts::described as described_account;
use super::attachments::root;
use super::input::{NamedParent, Paged, invalid, no_child, no_parent};
use super::members;
use super::organization::{Organization, Unit};
use super::tags::{self, Tags};
use crate::app::App;
use crate::call::Call;
use crate::credentials::Account;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Deepest nesting of units below the root.
const MAX_DEPTH: usize = 5;
/// Most units of an organization.
const MAX_UNITS: usize = 1000;

/// # Errors
/// `AccessDeniedException`, `AWSOrganizationsNotInUseException`.
pub async fn list_roots(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    let organization = members::overseen(app, call)?;
    Ok(Reply::output(json!({"Roots": [root(&organization)]})))
}

/// # Errors
/// `ParentNotFoundException`.
pub async fn list_units(app: &Arc<App>, call: &Call, input: NamedParent) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let parent = existing(&organization, input.parent())?;
    let units = organization.units.iter().filter(|(_, unit)| unit.parent == parent);
    let units: Vec<Value> = units.map(|(id, unit)| described(&organization, id, unit)).collect();
    Ok(Reply::output(json!({"OrganizationalUnits": units})))
}

/// # Errors
/// `ParentNotFoundException`.
pub async fn list_accounts_for_parent(app: &Arc<App>, call: &Call, input: NamedParent) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let parent = existing(&organization, input.parent())?;
    let accounts: Vec<Value> =
        accounts_in(app, &organization, parent)?.iter().map(|account| described_account(&organization, account)).collect();
    Ok(Reply::output(json!({"Accounts": accounts})))
}

/// # Errors
/// `ParentNotFoundException`, `InvalidInputException`.
pub async fn list_children(app: &Arc<App>, call: &Call, input: NamedParent) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let parent = existing(&organization, input.parent())?;
    let ids: Vec<String> = match input.child_type.as_deref() {
        Some("ACCOUNT") => accounts_in(app, &organization, parent)?.into_iter().map(|account| account.id).collect(),
        Some("ORGANIZATIONAL_UNIT") => {
            organization.units.iter().filter(|(_, unit)| unit.parent == parent).map(|(id, _)| id.clone()).collect()
        }
        _ => return Err(invalid("You specified an invalid child type.")),
    };
    let children: Vec<Value> = ids.iter().map(|id| json!({"Id": id, "Type": input.child_type})).collect();
    Ok(Reply::output(json!({"Children": children})))
}

/// # Errors
/// `ChildNotFoundException`.
pub async fn list_parents(app: &Arc<App>, call: &Call, input: NamedParent) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let child = input.child();
    let parent = match organization.units.get(child) {
        Some(unit) => unit.parent.clone(),
        None => parent_of(&members::member(app, &organization, child).map_err(|_| no_child())?, &organization),
    };
    let kind = if parent == organization.root_id { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    Ok(Reply::output(json!({"Parents": [{"Id": parent, "Type": kind}]})))
}

fn existing<'p>(organization: &Organization, parent: &'p str) -> Result<&'p str, ApiError> {
    if organization.has_parent(parent) { Ok(parent) } else { Err(no_parent()) }
}

/// The root or unit that an account is in. One whose unit is gone is at the root.
fn parent_of(account: &Account, organization: &Organization) -> String {
    let parent = account.membership.as_ref().map(|membership| membership.parent.clone());
    parent.filter(|parent| organization.has_parent(parent)).unwrap_or_else(|| organization.root_id.clone())
}

fn accounts_in(app: &App, organization: &Organization, parent: &str) -> Result<Vec<Account>, ApiError> {
    let mut accounts = members::accounts_of(app, &organization.id)?;
    accounts.retain(|account| parent_of(account, organization) == parent);
    Ok(accounts)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnitRequest {
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    organizational_unit_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
}

impl UnitRequest {
    fn id(&self) -> &str {
        self.organizational_unit_id.as_deref().unwrap_or_default()
    }

    fn name(&self) -> Result<&str, ApiError> {
        let fits = |name: &&str| (1..=128).contains(&name.chars().count());
        self.name.as_deref().filter(fits).ok_or_else(|| invalid("You provided a name that is not valid."))
    }
}

/// # Errors
/// `ParentNotFoundException`, `DuplicateOrganizationalUnitException`, `ConstraintViolationException`.
pub async fn create_unit(app: &Arc<App>, call: &Call, input: UnitRequest) -> Result<Reply, ApiError> {
    let name = input.name()?.to_owned();
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    let parent = existing(&organization, input.parent_id.as_deref().unwrap_or_default())?.to_owned();
    check_name(&organization, &parent, &name)?;
    if organization.units.len() >= MAX_UNITS || depth(&organization, &parent) >= MAX_DEPTH {
        return Err(constraint("You have exceeded the limit of organizational units or of their depth."));
    }
    let id = organization.new_unit_id();
    let unit = Unit { name, parent };
    let output = json!({"OrganizationalUnit": described(&organization, &id, &unit)});
    let mut reply = changed(&organization, lock, output);
    tags::begin(&organization, &id, input.tags, &mut reply.changes)?;
    organization.units.insert(id, unit);
    reply.changes.put(&organization);
    Ok(reply)
}

/// # Errors
/// `OrganizationalUnitNotFoundException`.
pub async fn describe_unit(app: &Arc<App>, call: &Call, input: UnitRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let unit = organization.units.get(input.id()).ok_or_else(no_unit)?;
    Ok(Reply::output(json!({"OrganizationalUnit": described(&organization, input.id(), unit)})))
}

/// # Errors
/// `OrganizationalUnitNotFoundException`, `DuplicateOrganizationalUnitException`.
pub async fn update_unit(app: &Arc<App>, call: &Call, input: UnitRequest) -> Result<Reply, ApiError> {
    let name = input.name()?.to_owned();
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    let unit = organization.units.get(input.id()).cloned().ok_or_else(no_unit)?;
    if unit.name != name {
        check_name(&organization, &unit.parent, &name)?;
    }
    let unit = Unit { name, ..unit };
    let output = json!({"OrganizationalUnit": described(&organization, input.id(), &unit)});
    organization.units.insert(input.id().to_owned(), unit);
    Ok(changed(&organization, lock, output))
}

/// # Errors
/// `OrganizationalUnitNotFoundException`, `OrganizationalUnitNotEmptyException`.
pub async fn delete_unit(app: &Arc<App>, call: &Call, input: UnitRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let mut organization = Organization::clone(&*members::managed(app, call)?);
    let id = input.id();
    if !organization.units.contains_key(id) {
        return Err(no_unit());
    }
    let has_units = organization.units.values().any(|unit| unit.parent == id);
    if has_units || !accounts_in(app, &organization, id)?.is_empty() {
        let message = "The specified organizational unit is not empty.";
        return Err(ApiError::new("OrganizationalUnitNotEmptyException", message));
    }
    organization.units.remove(id);
    if let Some(control) = &mut organization.control {
        control.forget(id);
    }
    let mut reply = changed(&organization, lock, json!({}));
    tags::forget(&organization.id, id, &mut reply.changes);
    Ok(reply)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MoveAccountRequest {
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    source_parent_id: Option<String>,
    #[serde(default)]
    destination_parent_id: Option<String>,
}

/// # Errors
/// `AccountNotFoundException`, `SourceParentNotFoundException`, `DestinationParentNotFoundException`,
/// `DuplicateAccountException`.
pub async fn move_account(app: &Arc<App>, call: &Call, input: MoveAccountRequest) -> Result<Reply, ApiError> {
    let id = super::input::account_id(input.account_id.as_deref())?;
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let account = members::member(app, &organization, id)?;
    if input.source_parent_id.as_deref() != Some(parent_of(&account, &organization).as_str()) {
        let message = "The specified source parent does not contain the account.";
        return Err(ApiError::new("SourceParentNotFoundException", message));
    }
    let destination = input.destination_parent_id.filter(|id| organization.has_parent(id)).ok_or_else(|| {
        ApiError::new("DestinationParentNotFoundException", "You specified a destination parent that doesn't exist.")
    })?;
    if input.source_parent_id.as_ref() == Some(&destination) {
        return Err(ApiError::new("DuplicateAccountException", "The account is already present in the destination parent."));
    }
    let mut changes = Changes::new();
    let membership = account.membership.clone().map(|membership| super::Membership { parent: destination, ..membership });
    changes.put(&Account { membership, ..account });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

fn described(organization: &Organization, id: &str, unit: &Unit) -> Value {
    json!({"Id": id, "Arn": organization.unit_arn(id), "Name": unit.name})
}

fn check_name(organization: &Organization, parent: &str, name: &str) -> Result<(), ApiError> {
    if organization.units.values().any(|unit| unit.parent == parent && unit.name == name) {
        let message = "An OU with the same name already exists.";
        return Err(ApiError::new("DuplicateOrganizationalUnitException", message));
    }
    Ok(())
}

fn depth(organization: &Organization, parent: &str) -> usize {
    let above = |id: &str| organization.units.get(id).map(|unit| unit.parent.clone());
    std::iter::successors(Some(parent.to_owned()), |id| above(id)).take(MAX_DEPTH + 1).count() - 1
}

fn no_unit() -> ApiError {
    ApiError::new("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
}

pub(super) fn constraint(message: &str) -> ApiError {
    ApiError::new("ConstraintViolationException", message)
}

/// The answer of an operation that changes the organization itself.
pub(super) fn changed(organization: &Organization, lock: opentrail_catalog::NamedLock, output: Value) -> Reply {
    let mut changes = Changes::new();
    changes.put(organization);
    Reply { changes, lock: Some(lock), ..Reply::output(output) }
}
