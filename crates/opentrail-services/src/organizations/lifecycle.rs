//! CreateOrganization, DescribeOrganization, DeleteOrganization.

use super::control::ControlPolicy;
use super::members::{self, own};
use super::organization::{Membership, Organization, shown};
use super::policies::{self, TYPE};
use super::tags;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateOrganizationRequest {
    #[serde(default)]
    feature_set: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// # Errors
/// `AlreadyInOrganizationException`, `InvalidInputException`.
pub async fn create_organization(app: &Arc<App>, call: &Call, input: CreateOrganizationRequest) -> Result<Reply, ApiError> {
    match input.feature_set.as_deref() {
        None | Some("ALL") => {}
        Some("CONSOLIDATED_BILLING") => {
            return Err(super::input::invalid("OpenTrail has no bills to consolidate; the feature set is ALL."));
        }
        Some(_) => return Err(super::input::invalid("You specified an invalid feature set.")),
    }
    let lock = members::lock(app, &call.account).await;
    let account = app.catalog.get::<Account>(&call.account).map_err(|error| catalog_failure(&error))?;
    let account = account.map(|account| Account::clone(&account)).ok_or_else(members::no_account)?;
    if account.membership.is_some() {
        let message = "The AWS account is already a member of an organization.";
        return Err(ApiError::new("AlreadyInOrganizationException", message));
    }
    let organization = Organization::begin(&call.account, call.now);
    let membership = Membership {
        organization: organization.id.clone(),
        parent: organization.root_id.clone(),
        joined: call.now,
        created_here: false,
    };
    let described = json!({"Organization": described(&organization, &account)});
    let mut changes = Changes::new();
    changes.put(&organization).put(&Account { membership: Some(membership), ..account });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(described) })
}

/// Open to every member.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`.
pub async fn describe_organization(app: &Arc<App>, call: &Call, _: Nothing) -> Result<Reply, ApiError> {
    let organization = own(app, call)?;
    let management = members::member(app, &organization, &organization.management)?;
    Ok(Reply::output(json!({"Organization": described(&organization, &management)})))
}

/// # Errors
/// `OrganizationNotEmptyException` while there are other accounts or units.
pub async fn delete_organization(app: &Arc<App>, call: &Call, _: Nothing) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let accounts = members::accounts_of(app, &organization.id)?;
    if accounts.len() > 1 || !organization.units.is_empty() {
        let message = "To delete an organization, you must first remove all member accounts and organizational units.";
        return Err(ApiError::new("OrganizationNotEmptyException", message));
    }
    let mut changes = Changes::new();
    for policy in policies::all(app, &organization)? {
        changes.delete::<ControlPolicy>(&ControlPolicy::key_of(&organization.id, &policy.id));
        tags::forget(&organization.id, &policy.id, &mut changes);
    }
    for gone in [&organization.management, &organization.root_id] {
        tags::forget(&organization.id, gone, &mut changes);
    }
    for account in accounts {
        changes.put(&Account { membership: None, ..account });
    }
    members::rescope(app, &organization, BTreeSet::new(), &mut changes)?;
    changes.delete::<Organization>(&organization.id);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

fn described(organization: &Organization, management: &Account) -> Value {
    json!({
        "Id": organization.id,
        "Arn": organization.arn(),
        "FeatureSet": "ALL",
        "MasterAccountArn": organization.account_arn(&organization.management),
        "MasterAccountId": organization.management,
        "MasterAccountEmail": shown(management).1,
        "AvailablePolicyTypes": [{"Type": TYPE, "Status": "ENABLED"}],
    })
}
