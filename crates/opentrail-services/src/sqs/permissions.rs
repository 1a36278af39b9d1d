//! AddPermission, RemovePermission.

use super::faults::{bad_value, missing_parameter};
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Queue;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What can be given to others. All else is the owner's.
const GRANTABLE: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];
/// Most actions of one permission.
const MAX_ACTIONS: usize = 7;
/// Most accounts of one permission.
const MAX_ACCOUNTS: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddPermissionRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default, rename = "AWSAccountIds")]
    accounts: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovePermissionRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    label: Option<String>,
}

/// # Errors
/// `QueueDoesNotExist`, `MissingParameter`, `InvalidParameterValue`.
pub async fn add_permission(app: &Arc<App>, call: &Call, input: AddPermissionRequest) -> Result<Reply, ApiError> {
    let label = input.label.as_deref().filter(|label| !label.is_empty()).ok_or_else(|| missing_parameter("Label"))?;
    if label.len() > 80 || !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err(bad_value(
            label,
            "Label",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
        ));
    }
    if input.actions.is_empty() || input.actions.len() > MAX_ACTIONS {
        return Err(missing_parameter("Actions"));
    }
    if input.accounts.is_empty() || input.accounts.len() > MAX_ACCOUNTS {
        return Err(missing_parameter("AWSAccountIds"));
    }
    if let Some(action) = input.actions.iter().find(|action| !GRANTABLE.contains(&action.as_str())) {
        let reason = "Only the queue owner is allowed to invoke this action.";
        return Err(bad_value(format!("SQS:{action}"), "ActionName", reason));
    }
    if let Some(account) = input.accounts.iter().find(|account| !opentrail_model::arn::is_account_id(account)) {
        return Err(bad_value(format!("[{account}]"), "PrincipalId", "Unable to verify."));
    }
    let (lock, mut queue) = queues::for_change(app, call, input.queue_url.as_ref()).await?;
    let mut policy = policy_of(&queue);
    if statements(&mut policy).iter().any(|statement| statement["Sid"] == label) {
        return Err(bad_value(label, "Label", "Already exists."));
    }
    let principals = input.accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
    let actions = input.actions.iter().map(|action| format!("SQS:{action}")).collect();
    statements(&mut policy).push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_many(principals)},
        "Action": one_or_many(actions),
        "Resource": queue.arn(),
    }));
    queue.policy = Some(policy.to_string().into());
    Ok(changed(lock, &queue))
}

/// # Errors
/// `QueueDoesNotExist`, `MissingParameter`, `InvalidParameterValue`.
pub async fn remove_permission(app: &Arc<App>, call: &Call, input: RemovePermissionRequest) -> Result<Reply, ApiError> {
    let label = input.label.as_deref().ok_or_else(|| missing_parameter("Label"))?;
    let (lock, mut queue) = queues::for_change(app, call, input.queue_url.as_ref()).await?;
    let mut policy = policy_of(&queue);
    let all = statements(&mut policy);
    let before = all.len();
    all.retain(|statement| statement["Sid"] != label);
    if all.len() == before {
        return Err(bad_value(label, "Label", "can't find label on existing policy"));
    }
    queue.policy = if all.is_empty() { None } else { Some(policy.to_string().into()) };
    Ok(changed(lock, &queue))
}

fn changed(lock: opentrail_catalog::NamedLock, queue: &Queue) -> Reply {
    let mut changes = Changes::new();
    changes.put(queue);
    Reply { changes, lock: Some(lock), resources: queues::resources(queue), ..Reply::output(json!({})) }
}

fn policy_of(queue: &Queue) -> Value {
    let given = queue.policy.as_ref().and_then(|text| serde_json::from_str(text.as_str()).ok());
    given.unwrap_or_else(|| json!({"Version": "2008-10-17", "Id": format!("{}/SQSDefaultPolicy", queue.arn()), "Statement": []}))
}

/// The statements of a policy as a list, which a single one may not be.
fn statements(policy: &mut Value) -> &mut Vec<Value> {
    let statement = &mut policy["Statement"];
    if !statement.is_array() {
        let single = statement.take();
        *statement = Value::Array(if single.is_null() { Vec::new() } else { vec![single] });
    }
    statement.as_array_mut().expect("made a list above")
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}
