//! PutPermission, RemovePermission: who else may put events onto a bus.

use crate::faults::{constraint, invalid, not_found, required};
use crate::names::{self, now_ms};
use opentrail_catalog::Changes;
use opentrail_policy::{PolicyDocument, PolicyKind, PolicyText};
use opentrail_rules::EventBus;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Largest policy of a bus.
const MAX_POLICY_BYTES: usize = 10_240;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Condition {
    #[serde(rename = "Type")]
    kind: String,
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutPermissionRequest {
    event_bus_name: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    statement_id: Option<String>,
    condition: Option<Condition>,
    policy: Option<String>,
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`, `PolicyLengthExceededException`.
pub async fn put_permission(app: &Arc<App>, call: &Call, input: PutPermissionRequest) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let mut bus = names::bus(app, call, names::bus_name(call, input.event_bus_name.as_deref())?)?;
    let policy = match &input.policy {
        Some(policy) => policy.clone(),
        None => {
            let added = statement(&input, &bus)?;
            let mut statements = statements(&bus);
            statements.retain(|statement| statement["Sid"] != added["Sid"]);
            statements.push(added);
            json!({"Version": "2012-10-17", "Statement": statements}).to_string()
        }
    };
    if policy.len() > MAX_POLICY_BYTES {
        let message = format!("The policy is longer than {MAX_POLICY_BYTES} bytes.");
        return Err(ApiError::new("PolicyLengthExceededException", message));
    }
    PolicyDocument::parse_within(&policy, PolicyKind::Resource, MAX_POLICY_BYTES)
        .map_err(|error| invalid(format!("Parameter Policy is not valid. Reason: {error}")))?;
    set(&mut bus, Some(policy), call);
    let mut changes = Changes::new();
    changes.put(&bus);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

fn set(bus: &mut EventBus, policy: Option<String>, call: &Call) {
    bus.policy = policy.map(PolicyText::from);
    bus.modified_ms = now_ms(call);
    if bus.created_ms == 0 {
        bus.created_ms = bus.modified_ms;
    }
}

/// The statement that the parts of a request make.
fn statement(input: &PutPermissionRequest, bus: &EventBus) -> Result<Value, ApiError> {
    let action = required(input.action.as_deref(), "action")?;
    let principal = required(input.principal.as_deref(), "principal")?;
    let sid = required(input.statement_id.as_deref(), "statementId")?;
    if action != "events:PutEvents" {
        return Err(invalid("Provided value in parameter 'action' is not supported."));
    }
    let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !plain || !(1..=64).contains(&sid.len()) {
        return Err(constraint(sid, "statementId", "satisfy regular expression pattern: [a-zA-Z0-9-_]+"));
    }
    let who = match principal {
        "*" => json!("*"),
        account if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => {
            json!({"AWS": format!("arn:aws:iam::{account}:root")})
        }
        other => return Err(constraint(other, "principal", "satisfy regular expression pattern: (\\d{12}|\\*)")),
    };
    let mut statement = json!({"Sid": sid, "Effect": "Allow", "Principal": who, "Action": action, "Resource": bus.arn()});
    if let Some(Condition { kind, key, value }) = &input.condition {
        if kind != "StringEquals" || key != "aws:PrincipalOrgID" {
            return Err(invalid("Condition must be StringEquals on aws:PrincipalOrgID."));
        }
        statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": value}});
    }
    Ok(statement)
}

fn statements(bus: &EventBus) -> Vec<Value> {
    let policy = bus.policy.as_ref().and_then(|policy| serde_json::from_str::<Value>(policy.as_str()).ok());
    match policy.map(|mut policy| policy["Statement"].take()) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovePermissionRequest {
    event_bus_name: Option<String>,
    statement_id: Option<String>,
    #[serde(default)]
    remove_all_permissions: bool,
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn remove_permission(app: &Arc<App>, call: &Call, input: RemovePermissionRequest) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let mut bus = names::bus(app, call, names::bus_name(call, input.event_bus_name.as_deref())?)?;
    let left = if input.remove_all_permissions {
        None
    } else {
        let sid = required(input.statement_id.as_deref(), "statementId")?;
        let mut statements = statements(&bus);
        let before = statements.len();
        statements.retain(|statement| statement["Sid"] != sid);
        if statements.len() == before {
            return Err(not_found(if before == 0 {
                "EventBus does not have a policy."
            } else {
                "Statement with the provided id does not exist."
            }));
        }
        (!statements.is_empty()).then(|| json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    };
    set(&mut bus, left, call);
    let mut changes = Changes::new();
    changes.put(&bus);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
