//! PutTargets, ListTargetsByRule, RemoveTargets.

use crate::faults::{constraint, too_many};
use crate::names;
use crate::roles;
use crate::target::{GivenTarget, shown};
use opentrail_catalog::Changes;
use opentrail_rules::{MAX_TARGETS, Rule, Target, TargetKind, bus_arn};
use opentrail_services::{App, Call, Reply, lower_cased};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most targets of one call.
const MAX_PER_CALL: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutTargetsRequest {
    rule: Option<String>,
    event_bus_name: Option<String>,
    #[serde(default)]
    targets: Vec<GivenTarget>,
}

/// What is recorded: headers of calls may be secrets.
pub fn recorded(input: &Value) -> Value {
    let mut input = input.clone();
    for target in input.get_mut("Targets").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(headers) = target.get_mut("HttpParameters").and_then(|http| http.get_mut("HeaderParameters")) {
            *headers = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
        }
    }
    lower_cased(&input)
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`, `LimitExceededException`, `AccessDeniedException`.
pub async fn put_targets(app: &Arc<App>, call: &Call, input: PutTargetsRequest) -> Result<Reply, ApiError> {
    if input.targets.is_empty() || input.targets.len() > MAX_PER_CALL {
        let length = input.targets.len();
        return Err(constraint(&format!("[{length} targets]"), "targets", "have length between 1 and 100"));
    }
    let lock = names::lock(app, call).await;
    let rule = names::rule(app, call, input.rule.as_deref(), "rule", input.event_bus_name.as_deref())?;
    let mut rule = (*rule).clone();
    if rule.targets.is_empty() {
        rule.since = app.intake.log().end();
    }
    for given in input.targets {
        let (target, kind) = given.read()?;
        check(app, call, &rule, &target, kind)?;
        match rule.targets.binary_search_by(|known| known.id.cmp(&target.id)) {
            Ok(place) => rule.targets[place] = target,
            Err(place) => rule.targets.insert(place, target),
        }
    }
    if rule.targets.len() > MAX_TARGETS {
        return Err(too_many(format!(
            "The requested resource exceeds the maximum number allowed: {MAX_TARGETS} targets a rule."
        )));
    }
    let mut changes = Changes::new();
    changes.put(&rule);
    let output = json!({"FailedEntryCount": 0, "FailedEntries": []});
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(output) })
}

/// Whether a target and its role fit the rule.
fn check(app: &App, call: &Call, rule: &Rule, target: &Target, kind: TargetKind) -> Result<(), ApiError> {
    let invalid = |reason: String| Err(crate::faults::invalid(reason));
    let Target { id, arn, .. } = target;
    let role = target.role_arn.as_ref().or(rule.role_arn.as_ref());
    match kind {
        TargetKind::Bus if *arn == bus_arn(&rule.region, &rule.account, &rule.bus) => {
            invalid(format!("Parameter {arn} is not valid. Reason: an event bus cannot be a target of its own rules."))
        }
        TargetKind::Bus => match role {
            Some(role) => roles::check(app, call, role, &rule.arn(), Some(("events:PutEvents", arn))),
            None => Ok(()),
        },
        TargetKind::ApiDestination => match role {
            Some(role) => roles::check(app, call, role, &rule.arn(), Some(("events:InvokeApiDestination", arn))),
            None => invalid(format!("RoleArn is required for target {arn}.")),
        },
        TargetKind::Queue | TargetKind::Topic | TargetKind::LogGroup if target.role_arn.is_some() => {
            invalid(format!("RoleArn is not supported for target {id}: the policy of {arn} lets EventBridge in."))
        }
        TargetKind::Queue if arn.ends_with(".fifo") => invalid(format!("FIFO queues are not supported: target {id}.")),
        TargetKind::Queue | TargetKind::Topic | TargetKind::LogGroup => Ok(()),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRequest {
    rule: Option<String>,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn list_targets_by_rule(app: &Arc<App>, call: &Call, input: ListRequest) -> Result<Reply, ApiError> {
    let rule = names::rule(app, call, input.rule.as_deref(), "rule", input.event_bus_name.as_deref())?;
    let limit = input.limit.unwrap_or(100);
    let limit = usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=100).contains(limit))
        .ok_or_else(|| constraint(&limit.to_string(), "limit", "have value between 1 and 100"))?;
    let after = input.next_token.unwrap_or_default();
    let mut rest = rule.targets.iter().filter(|target| target.id > after);
    let page: Vec<&Target> = rest.by_ref().take(limit).collect();
    let mut output = json!({"Targets": page.iter().map(|target| shown(target)).collect::<Vec<_>>()});
    if let (Some(last), Some(_)) = (page.last(), rest.next()) {
        output["NextToken"] = last.id.as_str().into();
    }
    Ok(Reply::output(output))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoveTargetsRequest {
    rule: Option<String>,
    event_bus_name: Option<String>,
    #[serde(default)]
    ids: Vec<String>,
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn remove_targets(app: &Arc<App>, call: &Call, input: RemoveTargetsRequest) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let rule = names::rule(app, call, input.rule.as_deref(), "rule", input.event_bus_name.as_deref())?;
    let mut rule = (*rule).clone();
    let failed: Vec<Value> = input
        .ids
        .iter()
        .filter(|id| !rule.targets.iter().any(|target| target.id == **id))
        .map(|id| {
            json!({"TargetId": id, "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": format!("Rule {} does not have target {id}.", rule.name)})
        })
        .collect();
    rule.targets.retain(|target| !input.ids.contains(&target.id));
    let mut changes = Changes::new();
    changes.put(&rule);
    let output = json!({"FailedEntryCount": failed.len(), "FailedEntries": failed});
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(output) })
}
