//! CreatePolicy, UpdatePolicy, DescribePolicy, DeletePolicy, ListPolicies: service control policies, and no other type.

use super::control::{ControlPolicy, FULL_ACCESS};
use super::input::invalid;
use super::members;
use super::organization::Organization;
use super::structure::constraint;
use super::tags::{self, Tags};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_policy::{PolicyDocument, PolicyKind, PolicyText};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The type of all policies here.
pub(super) const TYPE: &str = "SERVICE_CONTROL_POLICY";
/// Types that AWS has besides.
const OTHER_TYPES: &[&str] = &[
    "AISERVICES_OPT_OUT_POLICY",
    "BACKUP_POLICY",
    "CHATBOT_POLICY",
    "DECLARATIVE_POLICY_EC2",
    "RESOURCE_CONTROL_POLICY",
    "SECURITYHUB_POLICY",
    "TAG_POLICY",
];
/// Most policies of an organization. Source: AWS Organizations User Guide, "Quotas", as the next.
const MAX_POLICIES: usize = 1000;
/// Longest text of a policy, white space included.
const MAX_CONTENT_CHARS: usize = 10_240;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyRequest {
    #[serde(default)]
    policy_id: Option<String>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "Type")]
    kind: Option<String>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
}

/// Whether a type of policy is the one that is here.
///
/// # Errors
/// `PolicyTypeNotAvailableForOrganizationException` for AWS's other types, `InvalidInputException`.
pub(super) fn check_type(kind: Option<&str>) -> Result<(), ApiError> {
    match kind {
        Some(TYPE) => Ok(()),
        Some(other) if OTHER_TYPES.contains(&other) => {
            let message = format!("OpenTrail has policies of the type {TYPE} only.");
            Err(ApiError::new("PolicyTypeNotAvailableForOrganizationException", message))
        }
        _ => Err(invalid("You specified an invalid policy type.")),
    }
}

fn name(given: Option<String>) -> Result<String, ApiError> {
    given
        .filter(|name| (1..=128).contains(&name.chars().count()))
        .ok_or_else(|| invalid("You provided a name that is not valid."))
}

fn description(given: Option<String>) -> Result<String, ApiError> {
    given.filter(|text| text.chars().count() <= 512).ok_or_else(|| invalid("You provided a description that is not valid."))
}

fn content(given: Option<String>) -> Result<PolicyText, ApiError> {
    let text = given.filter(|text| !text.is_empty()).ok_or_else(|| invalid("You must specify the content of the policy."))?;
    if text.chars().count() > MAX_CONTENT_CHARS {
        return Err(constraint("You have exceeded the maximum size of a policy."));
    }
    let read = PolicyDocument::parse(&text, PolicyKind::Identity);
    read.map_err(|error| {
        let message = "The provided policy document does not meet the requirements of the specified policy type.";
        ApiError::new("MalformedPolicyDocumentException", format!("{message} {error}"))
    })?;
    Ok(PolicyText::from(text))
}

/// The policies of an organization, [`FULL_ACCESS`] among them.
pub(super) fn all(app: &App, organization: &Organization) -> Result<Vec<ControlPolicy>, ApiError> {
    let own = app.catalog.list::<ControlPolicy>(&format!("{}/", organization.id)).map_err(|error| catalog_failure(&error))?;
    Ok(std::iter::once(ControlPolicy::full_access(&organization.id)).chain(own).collect())
}

/// One policy of an organization.
///
/// # Errors
/// `PolicyNotFoundException`.
pub(super) fn named(app: &App, organization: &Organization, id: Option<&str>) -> Result<ControlPolicy, ApiError> {
    let id = id.unwrap_or_default();
    if id == FULL_ACCESS {
        return Ok(ControlPolicy::full_access(&organization.id));
    }
    let key = ControlPolicy::key_of(&organization.id, id);
    let policy = app.catalog.get::<ControlPolicy>(&key).map_err(|error| catalog_failure(&error))?;
    policy
        .map(|policy| ControlPolicy::clone(&policy))
        .ok_or_else(|| ApiError::new("PolicyNotFoundException", "We can't find a policy with the PolicyId that you specified."))
}

fn own(app: &App, organization: &Organization, id: Option<&str>) -> Result<ControlPolicy, ApiError> {
    let policy = named(app, organization, id)?;
    if policy.is_full_access() {
        return Err(invalid("You specified a policy that is managed by AWS and can't be modified."));
    }
    Ok(policy)
}

fn check_name(app: &App, organization: &Organization, id: &str, name: &str) -> Result<(), ApiError> {
    if all(app, organization)?.iter().any(|other| other.name == name && other.id != id) {
        return Err(ApiError::new("DuplicatePolicyException", "A policy with the same name already exists."));
    }
    Ok(())
}

/// `PolicySummary` of answers.
pub(super) fn summary(organization: &Organization, policy: &ControlPolicy) -> Value {
    json!({
        "Id": policy.id,
        "Arn": organization.policy_arn(&policy.id),
        "Name": policy.name,
        "Description": policy.description,
        "Type": TYPE,
        "AwsManaged": policy.is_full_access(),
    })
}

fn described(organization: &Organization, policy: &ControlPolicy) -> Value {
    json!({"Policy": {"PolicySummary": summary(organization, policy), "Content": policy.content.as_str()}})
}

/// # Errors
/// `InvalidInputException`, `MalformedPolicyDocumentException`, `DuplicatePolicyException`,
/// `ConstraintViolationException`, `PolicyTypeNotAvailableForOrganizationException`.
pub async fn create_policy(app: &Arc<App>, call: &Call, input: PolicyRequest) -> Result<Reply, ApiError> {
    check_type(input.kind.as_deref())?;
    let (name, description, content) = (name(input.name)?, description(input.description)?, content(input.content)?);
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    if all(app, &organization)?.len() > MAX_POLICIES {
        return Err(constraint("You have exceeded the number of policies that an organization can have."));
    }
    check_name(app, &organization, "", &name)?;
    let policy = ControlPolicy { id: ControlPolicy::new_id(), organization: organization.id.clone(), name, description, content };
    let mut changes = Changes::new();
    tags::begin(&organization, &policy.id, input.tags, &mut changes)?;
    changes.put(&policy);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(described(&organization, &policy)) })
}

/// # Errors
/// As [`create_policy`], and `PolicyNotFoundException`.
pub async fn update_policy(app: &Arc<App>, call: &Call, input: PolicyRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let mut policy = own(app, &organization, input.policy_id.as_deref())?;
    if input.name.is_some() {
        policy.name = name(input.name)?;
        check_name(app, &organization, &policy.id, &policy.name)?;
    }
    if input.description.is_some() {
        policy.description = description(input.description)?;
    }
    if input.content.is_some() {
        policy.content = content(input.content)?;
    }
    let mut changes = Changes::new();
    changes.put(&policy);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(described(&organization, &policy)) })
}

/// # Errors
/// `PolicyNotFoundException`.
pub async fn describe_policy(app: &Arc<App>, call: &Call, input: PolicyRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let policy = named(app, &organization, input.policy_id.as_deref())?;
    Ok(Reply::output(described(&organization, &policy)))
}

/// # Errors
/// `PolicyNotFoundException`, `PolicyInUseException`.
pub async fn delete_policy(app: &Arc<App>, call: &Call, input: PolicyRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let policy = own(app, &organization, input.policy_id.as_deref())?;
    if organization.control.as_ref().is_some_and(|control| control.uses(&policy.id)) {
        let message = "The policy is attached to one or more entities. You must detach it from all roots, organizational \
                       units (OUs), or accounts before performing this operation.";
        return Err(ApiError::new("PolicyInUseException", message));
    }
    let mut changes = Changes::new();
    tags::forget(&organization.id, &policy.id, &mut changes);
    changes.delete::<ControlPolicy>(&ControlPolicy::key_of(&organization.id, &policy.id));
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// All on one page. Of other types there are none.
///
/// # Errors
/// `InvalidInputException`.
pub async fn list_policies(app: &Arc<App>, call: &Call, input: PolicyRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let policies = match listed(input.filter.as_deref(), input.next_token.as_deref())? {
        true => all(app, &organization)?,
        false => Vec::new(),
    };
    let policies: Vec<Value> = policies.iter().map(|policy| summary(&organization, policy)).collect();
    Ok(Reply::output(json!({"Policies": policies})))
}

/// Whether a list is of the type that is here.
///
/// # Errors
/// `InvalidInputException`.
pub(super) fn listed(filter: Option<&str>, next_token: Option<&str>) -> Result<bool, ApiError> {
    if next_token.is_some() {
        return Err(invalid("You provided a next token that is not valid."));
    }
    match filter {
        Some(TYPE) => Ok(true),
        Some(other) if OTHER_TYPES.contains(&other) => Ok(false),
        _ => Err(invalid("You specified an invalid policy type.")),
    }
}
