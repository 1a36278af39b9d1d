//! The role that EventBridge is given to act on a target with.

use crate::SERVICE;
use crate::faults::invalid;
use opentrail_policy::{Decision, Policies, PolicyKind, Principal, Request, RequestContext, decide};
use opentrail_services::authorisation::{Question, Standing, account_of_arn, pass_role};
use opentrail_services::iam::Role;
use opentrail_services::{App, Call, catalog_failure};
use opentrail_wire::ApiError;

/// Who assumes the role.
const SERVICE_PRINCIPAL: &str = "events.amazonaws.com";

/// Checks that the caller may hand the role to EventBridge, that the role trusts EventBridge and, if an action is given,
/// that it may do this to the resource.
///
/// # Errors
/// `AccessDeniedException`, `ValidationException`.
pub fn check(app: &App, call: &Call, role_arn: &str, rule_arn: &str, action: Option<(&str, &str)>) -> Result<(), ApiError> {
    pass_role(app, &SERVICE, call, role_arn, SERVICE_PRINCIPAL)?;
    let named = Role::split_arn(role_arn).filter(|(account, _)| *account == call.account);
    let (account, name) = named.ok_or_else(|| invalid(format!("Provided role '{role_arn}' is not of this account.")))?;
    let role = app.catalog.get::<Role>(&Role::key_of(account, name)).map_err(|error| catalog_failure(&error))?;
    let role = role
        .filter(|role| role.arn() == role_arn && trusts(role, call, rule_arn))
        .ok_or_else(|| invalid(format!("Provided role '{role_arn}' cannot be assumed by principal '{SERVICE_PRINCIPAL}'.")))?;
    let Some((action, resource)) = action else { return Ok(()) };
    let standing = Standing::of_role(&app.catalog, account, name, &role.id).map_err(|error| catalog_failure(&error))?;
    let context = standing.context(
        RequestContext::new()
            .with("aws:PrincipalArn", role_arn)
            .with("aws:PrincipalAccount", account)
            .with("aws:PrincipalType", "AssumedRole")
            .with("aws:SecureTransport", "true"),
    );
    let principal = Principal::AssumedRole {
        account: account.to_owned(),
        role_arn: role_arn.to_owned(),
        session_arn: format!("arn:aws:sts::{account}:assumed-role/{name}/EventBridge"),
        role_id: role.id.clone(),
    };
    let question = Question {
        action,
        resource,
        // What the other account says is asked when an event is delivered.
        resource_account: if account_of_arn(resource).is_some() { account } else { &call.account },
        resource_policy: None,
        grants: None,
        context: &context,
    };
    match standing.decide(&principal, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(invalid(reason.message(&question.request(&principal)))),
    }
}

fn trusts(role: &Role, call: &Call, rule_arn: &str) -> bool {
    let context = RequestContext::new()
        .with("aws:SourceArn", rule_arn)
        .with("aws:SourceAccount", call.account.as_str())
        .with("aws:PrincipalServiceName", SERVICE_PRINCIPAL)
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:SecureTransport", "true");
    let arn = role.arn();
    let principal = Principal::Service(SERVICE_PRINCIPAL.into());
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
