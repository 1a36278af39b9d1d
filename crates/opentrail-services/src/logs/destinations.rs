//! PutDestination, PutDestinationPolicy, DescribeDestinations, DeleteDestination; and which targets may be subscribed.

use super::SERVICE;
use super::faults::{constraint, invalid, missing};
use super::groups::{self, MAX_PAGE};
use crate::app::{App, catalog_failure};
use crate::authorisation::pass_role;
use crate::call::Call;
use crate::service::Reply;
use crate::service_role;
use opentrail_catalog::{Changes, Entity};
use opentrail_logs::{LogGroup, is_stream_name};
use opentrail_policy::{Policies, PolicyDocument, PolicyKind, Request, decide};
use opentrail_subscriptions::{DELIVERER, Destination, Target};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Largest policy of a destination, in characters.
const MAX_POLICY_CHARS: usize = 5120;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutDestinationRequest {
    destination_name: Option<String>,
    target_arn: Option<String>,
    role_arn: Option<String>,
    tags: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutDestinationPolicyRequest {
    destination_name: Option<String>,
    access_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeDestinationsRequest {
    #[serde(rename = "DestinationNamePrefix")]
    destination_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteDestinationRequest {
    destination_name: Option<String>,
}

/// One of the same name is replaced and keeps its policy.
///
/// # Errors
/// `InvalidParameterException`, `AccessDeniedException`.
pub async fn put_destination(app: &Arc<App>, call: &Call, input: PutDestinationRequest) -> Result<Reply, ApiError> {
    let name = name(input.destination_name.as_deref())?;
    let target_arn = input.target_arn.ok_or_else(|| missing("targetArn"))?;
    let role = input.role_arn.ok_or_else(|| missing("roleArn"))?;
    if input.tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(invalid("Tags of destinations are not supported by OpenTrail yet."));
    }
    let target = Target::parse(&target_arn).ok_or_else(|| invalid(format!("{target_arn} is not a valid target.")))?;
    if matches!(target, Target::Destination(_)) {
        return Err(invalid("A destination cannot deliver to a destination."));
    }
    let own_arn = format!("arn:aws:logs:{}:{}:destination:{name}", call.region, call.account);
    check_role(app, call, &target, Some(&role), &own_arn)?;
    let mut changes = Changes::new();
    probe(app, &target, &own_arn, &call.account, &mut changes).await?;
    let lock = groups::lock(app, call).await;
    let known = find(app, call, name)?;
    let destination = Destination {
        account: call.account.clone(),
        region: call.region.clone(),
        name: name.to_owned(),
        target: target_arn,
        role,
        policy: known.as_ref().and_then(|known| known.policy.clone()),
        created: known.map_or_else(|| groups::now_ms(call), |known| known.created),
    };
    changes.put(&destination);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"destination": shown(&destination)})) })
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn put_destination_policy(app: &Arc<App>, call: &Call, input: PutDestinationPolicyRequest) -> Result<Reply, ApiError> {
    let name = name(input.destination_name.as_deref())?;
    let policy = input.access_policy.ok_or_else(|| missing("accessPolicy"))?;
    let length = policy.chars().count();
    if length == 0 || length > MAX_POLICY_CHARS {
        let must = format!("have length between 1 and {MAX_POLICY_CHARS}");
        return Err(constraint(&format!("[{length} characters]"), "accessPolicy", &must));
    }
    PolicyDocument::parse(&policy, PolicyKind::Resource).map_err(|error| invalid(format!("Invalid access policy: {error}")))?;
    let lock = groups::lock(app, call).await;
    let known = find(app, call, name)?.ok_or_else(no_destination)?;
    let mut changes = Changes::new();
    changes.put(&Destination { policy: Some(policy), ..Destination::clone(&known) });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// # Errors
/// `InvalidParameterException`.
pub async fn describe_destinations(app: &Arc<App>, call: &Call, input: DescribeDestinationsRequest) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let key = Destination::key_of(&call.account, &call.region, input.destination_name_prefix.as_deref().unwrap_or_default());
    let found = app.catalog.list::<Destination>(&key).map_err(|error| catalog_failure(&error))?;
    let (page, next) = groups::page(found.iter(), input.next_token.as_deref(), limit, |destination| destination.name.clone());
    let mut output = json!({"destinations": page.into_iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

/// Filters that deliver to it fail from then on.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn delete_destination(app: &Arc<App>, call: &Call, input: DeleteDestinationRequest) -> Result<Reply, ApiError> {
    let name = name(input.destination_name.as_deref())?;
    let lock = groups::lock(app, call).await;
    let known = find(app, call, name)?.ok_or_else(no_destination)?;
    let mut changes = Changes::new();
    changes.delete::<Destination>(&known.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// The ARN policies are asked about.
pub fn arn_of(_: &App, call: &Call, input: &Value) -> String {
    let name = input["destinationName"].as_str().unwrap_or("*");
    format!("arn:aws:logs:{}:{}:destination:{name}", call.region, call.account)
}

fn name(given: Option<&str>) -> Result<&str, ApiError> {
    let name = given.ok_or_else(|| missing("destinationName"))?;
    if is_stream_name(name) {
        return Ok(name);
    }
    Err(constraint(name, "destinationName", "satisfy regular expression pattern: [^:*]*"))
}

fn find(app: &App, call: &Call, name: &str) -> Result<Option<Arc<Destination>>, ApiError> {
    let key = Destination::key_of(&call.account, &call.region, name);
    app.catalog.get::<Destination>(&key).map_err(|error| catalog_failure(&error))
}

fn no_destination() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified destination does not exist.")
}

fn shown(destination: &Destination) -> Value {
    let mut shown = json!({
        "destinationName": destination.name,
        "targetArn": destination.target,
        "roleArn": destination.role,
        "arn": destination.arn(),
        "creationTime": destination.created,
    });
    if let Some(policy) = &destination.policy {
        shown["accessPolicy"] = policy.as_str().into();
    }
    shown
}

/// What a filter of `group` would deliver to, and the account in whose name: a target itself, or what is behind a
/// destination that the caller's account may subscribe to.
///
/// # Errors
/// `InvalidParameterException`, `AccessDeniedException`.
pub(super) fn behind(
    app: &App,
    call: &Call,
    given: Target,
    role: Option<&str>,
    group: &LogGroup,
) -> Result<(Target, String), ApiError> {
    let Target::Destination(arn) = &given else {
        check_role(app, call, &given, role, &format!("{}:*", group.arn()))?;
        return Ok((given, group.account.clone()));
    };
    let absent = || invalid(format!("Could not find the destination {arn}."));
    let key = Destination::key_in(arn).ok_or_else(absent)?;
    let found = app.catalog.get::<Destination>(&key).map_err(|error| catalog_failure(&error))?;
    let destination = found.filter(|found| found.region == call.region).ok_or_else(absent)?;
    if destination.account != call.account && !admits(&destination, call) {
        let message = format!(
            "User with accountId: {} is not authorized to perform: logs:PutSubscriptionFilter on resource: {arn}",
            call.account
        );
        return Err(ApiError::new("AccessDeniedException", message));
    }
    let target = Target::parse(&destination.target).ok_or_else(absent)?;
    Ok((target, group.account.clone()))
}

/// Whether a destination's policy lets the caller subscribe.
fn admits(destination: &Destination, call: &Call) -> bool {
    let Some(policy) = &destination.policy else { return false };
    let Ok(document) = PolicyDocument::parse(policy, PolicyKind::Resource) else { return false };
    let arn = destination.arn();
    let principal = opentrail_policy::Principal::Account { account: call.account.clone() };
    let context = call.policy_context();
    let request = Request {
        principal: &principal,
        action: "logs:PutSubscriptionFilter",
        resource: &arn,
        resource_account: &destination.account,
        context: &context,
    };
    // The caller's own policies have allowed the call already.
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let Ok(own) = PolicyDocument::parse(everything, PolicyKind::Identity) else { return false };
    decide(&request, &Policies { identity: &[&own], resource: Some(&document), ..Policies::default() }).is_allowed()
}

/// Refuses targets that OpenTrail does not have, and roles that could not deliver.
fn check_role(app: &App, call: &Call, target: &Target, role: Option<&str>, source_arn: &str) -> Result<(), ApiError> {
    if *target == Target::Function {
        let message = "Functions are not supported by OpenTrail: subscribe a queue, a topic, a web address, or a stream of a Kinesis- or Firehose-compatible service.";
        return Err(invalid(message));
    }
    let (vendor, role) = match (target.vendor(), role) {
        (None, Some(role)) => {
            return pass_role(app, &SERVICE, call, role, DELIVERER);
        }
        (None, None) => return Ok(()),
        (Some(vendor), None) => {
            return Err(invalid(format!("destinationArn for vendor {vendor} cannot be used without roleArn")));
        }
        (Some(vendor), Some(role)) => (vendor, role),
    };
    pass_role(app, &SERVICE, call, role, DELIVERER)?;
    let refused = || {
        invalid(format!(
            "Could not deliver test message to specified {} stream. Check if the given {vendor} stream is in ACTIVE state.",
            if vendor == "kinesis" { "Kinesis" } else { "Firehose" }
        ))
    };
    let regional = format!("logs.{}.amazonaws.com", call.region);
    let found = service_role::find(app, role)?.filter(|found| {
        [DELIVERER, &regional].iter().any(|service| service_role::trusts(found, service, source_arn, &call.account))
    });
    let found = found.ok_or_else(|| {
        invalid("Could not assume the specified role. Check that it exists and trusts CloudWatch Logs (logs.amazonaws.com).")
    })?;
    let (Target::Kinesis { arn, .. } | Target::Firehose { arn, .. }) = target else { return Ok(()) };
    if service_role::may(app, &found, &format!("{vendor}:PutRecord"), arn)? { Ok(()) } else { Err(refused()) }
}

/// Sends the control message that tests a target.
///
/// # Errors
/// `InvalidParameterException` if the target does not take it.
pub(super) async fn probe(
    app: &App,
    target: &Target,
    source_arn: &str,
    account: &str,
    changes: &mut Changes,
) -> Result<(), ApiError> {
    let Err(fault) = app.subscriptions.probe(target, source_arn, account, changes).await else { return Ok(()) };
    tracing::info!(?target, %fault, "a subscription's target does not take its test message");
    let what = match target {
        Target::Kinesis { .. } => "Kinesis stream. Check if the given kinesis stream is in ACTIVE state.",
        Target::Firehose { .. } => "Firehose stream. Check if the given Firehose stream is in ACTIVE state.",
        _ => "destination.",
    };
    Err(invalid(format!("Could not deliver test message to specified {what} ({fault})")))
}
