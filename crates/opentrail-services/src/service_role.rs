//! Roles that services act with.

use crate::app::{App, catalog_failure};
use crate::authorisation::{Question, Standing};
use crate::iam::Role;
use opentrail_policy::{Policies, PolicyKind, Principal, Request, RequestContext, decide};
use opentrail_wire::ApiError;
use std::sync::Arc;

/// Whether a role lets this service assume it for the resource `source_arn` of `source_account`.
pub fn trusts(role: &Role, service: &str, source_arn: &str, source_account: &str) -> bool {
    let context = RequestContext::new()
        .with("aws:SourceArn", source_arn)
        .with("aws:SourceAccount", source_account)
        .with("aws:PrincipalServiceName", service)
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:SecureTransport", "true");
    let arn = role.arn();
    let principal = Principal::Service(service.to_owned());
    let request = Request {
        principal: &principal,
        action: "sts:AssumeRole",
        resource: &arn,
        resource_account: &role.account,
        context: &context,
    };
    let trust = role.trust.document(PolicyKind::Trust);
    decide(&request, &Policies { resource: Some(trust.as_ref()), ..Policies::default() }).is_allowed()
}

/// The role of this ARN, if it is there.
///
/// # Errors
/// If the catalog fails.
pub fn find(app: &App, arn: &str) -> Result<Option<Arc<Role>>, ApiError> {
    let Some((account, name)) = Role::split_arn(arn) else { return Ok(None) };
    let found = app.catalog.get::<Role>(&Role::key_of(account, name)).map_err(|error| catalog_failure(&error))?;
    Ok(found.filter(|role| role.arn() == arn))
}

/// Whether the role's own policies let it do this.
///
/// # Errors
/// If the catalog fails.
pub fn may(app: &App, role: &Role, action: &str, resource: &str) -> Result<bool, ApiError> {
    let standing =
        Standing::of_role(&app.catalog, &role.account, &role.name, &role.id).map_err(|error| catalog_failure(&error))?;
    let context = standing.context(
        RequestContext::new()
            .with("aws:PrincipalArn", role.arn())
            .with("aws:PrincipalAccount", role.account.as_str())
            .with("aws:PrincipalType", "AssumedRole")
            .with("aws:SecureTransport", "true"),
    );
    let principal = Principal::AssumedRole {
        account: role.account.clone(),
        role_arn: role.arn(),
        session_arn: format!("arn:aws:sts::{}:assumed-role/{}/service", role.account, role.name),
        role_id: role.id.clone(),
    };
    let resource_account = resource.split(':').nth(4).filter(|account| !account.is_empty()).unwrap_or(&role.account);
    let question = Question { action, resource, resource_account, resource_policy: None, grants: None, context: &context };
    Ok(standing.decide(&principal, &question).is_allowed())
}
