//! CreateServiceLinkedRole, DeleteServiceLinkedRole: roles that belong to a service.

use super::aws_managed;
use super::holders;
use super::input::Input;
use super::role::{DEFAULT_SESSION_SECONDS, Role, SERVICE_LINKED_PATH};
use super::users::{self, no_such_entity};
use super::{create_role, roles, validation};
use crate::app::App;
use crate::call::Call;
use crate::credentials::unique_id;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_policy::PolicyText;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The services that have such roles here: name, role, and the managed policy of it.
const SERVICES: &[(&str, &str, Option<&str>)] = &[
    ("cloudtrail.amazonaws.com", "AWSServiceRoleForCloudTrail", Some("CloudTrailServiceRolePolicy")),
    ("organizations.amazonaws.com", "AWSServiceRoleForOrganizations", None),
];

/// # Errors
/// `ValidationError`, `InvalidInput`, `LimitExceeded`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let service = input.required("AWSServiceName")?;
    validation::length(service, "aWSServiceName", 1, 128)?;
    let description = input.bounded("Description", 0..=create_role::MAX_DESCRIPTION_CHARS)?;
    if input.has("CustomSuffix") {
        return Err(ApiError::new("InvalidInput", format!("Custom suffix is not allowed for {service}")));
    }
    let lock = users::lock(app, call).await;
    let role = of_service(call, service, description)?;
    if holders::find::<Role>(app, call, &role.name)?.is_some() {
        let name = &role.name;
        let message = format!("Service role name {name} has been taken in this account, please try a different suffix.");
        return Err(ApiError::new("InvalidInput", message));
    }
    let mut changes = Changes::new();
    changes.put(&role);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(roles::response_elements(&role)),
        ..Reply::output(json!({"Role": roles::full_output(app, &role)?}))
    })
}

/// The role of a service in the caller's account, ready to be stored. For operations that make it by the way.
///
/// # Errors
/// `InvalidInput` for services that have none.
pub fn of_service(call: &Call, service: &str, description: Option<&str>) -> Result<Role, ApiError> {
    let Some((_, name, policy)) = SERVICES.iter().find(|(known, ..)| *known == service) else {
        let message = format!("Service name {service} is not valid or does not support service-linked roles.");
        return Err(ApiError::new("InvalidInput", message));
    };
    let path = format!("{SERVICE_LINKED_PATH}{service}/");
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
    let policy = policy.and_then(|name| aws_managed::find(&format!("arn:aws:iam::aws:policy{SERVICE_LINKED_PATH}{name}")));
    Ok(Role {
        account: call.account.clone(),
        name: (*name).to_owned(),
        path,
        id: unique_id("AROA"),
        created: call.now,
        trust: PolicyText::from(trust.to_string()),
        description: description.map(Into::into),
        max_session_seconds: DEFAULT_SESSION_SECONDS,
        policies: BTreeMap::new(),
        attached: policy.iter().map(|policy| policy.arn()).collect::<BTreeSet<_>>(),
        boundary: None,
        tags: BTreeMap::new(),
    })
}

/// Done at once; the task that AWS hands out is always finished.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`, `InvalidInput`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("RoleName")?;
    let lock = users::lock(app, call).await;
    let role = holders::named::<Role>(app, call, name)?;
    if !role.is_service_linked() {
        let message = format!("Role {name} is not a service-linked role.");
        return Err(ApiError::new("InvalidInput", message));
    }
    let mut changes = Changes::new();
    changes.delete::<Role>(&role.key());
    let task = format!("task{}{name}/{}", role.path, role.id);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"DeletionTaskId": task})) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn deletion_status(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let task = input.required("DeletionTaskId")?;
    let role = task.strip_prefix("task/").and_then(|rest| rest.rsplit('/').nth(1));
    match role {
        Some(name) if holders::find::<Role>(app, call, name)?.is_none() => Ok(Reply::output(json!({"Status": "SUCCEEDED"}))),
        _ => Err(no_such_entity(format!("No deletion task with id {task} was found."))),
    }
}

/// What creation is asked about.
pub(super) fn resource(_: &App, call: &Call, input: &Value) -> String {
    let service = input["AWSServiceName"].as_str().unwrap_or_default();
    let name = SERVICES.iter().find(|(known, ..)| *known == service).map_or("*", |(_, name, _)| name);
    format!("arn:aws:iam::{}:role{SERVICE_LINKED_PATH}{service}/{name}", call.account)
}
