//! AddPermission, RemovePermission.

use super::faults::{invalid, required};
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Topic;
use opentrail_model::arn::is_account_id;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What can be given to others.
const GRANTABLE: &[&str] = &[
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PermissionRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default, rename = "AWSAccountId")]
    accounts: Vec<String>,
    #[serde(default, rename = "ActionName")]
    actions: Vec<String>,
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn add_permission(app: &Arc<App>, call: &Call, input: PermissionRequest) -> Result<Reply, ApiError> {
    let label = required(&input.label, "label")?;
    if input.accounts.is_empty() || !input.accounts.iter().all(|account| is_account_id(account)) {
        return Err(invalid("AWSAccountId"));
    }
    if input.actions.is_empty() || !input.actions.iter().all(|action| GRANTABLE.contains(&action.as_str())) {
        return Err(invalid("Policy statement action out of service scope!"));
    }
    change(app, call, &input.topic_arn, |topic, statements| {
        if statements.iter().any(|statement| statement["Sid"] == label) {
            return Err(invalid("Statement already exists"));
        }
        let principals: Vec<String> = input.accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
        let actions: Vec<String> = input.actions.iter().map(|action| format!("SNS:{action}")).collect();
        statements.push(json!({
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals},
            "Action": actions,
            "Resource": topic.arn(),
        }));
        Ok(())
    })
    .await
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn remove_permission(app: &Arc<App>, call: &Call, input: PermissionRequest) -> Result<Reply, ApiError> {
    let label = required(&input.label, "label")?;
    change(app, call, &input.topic_arn, |_, statements| {
        statements.retain(|statement| statement["Sid"] != label);
        Ok(())
    })
    .await
}

async fn change(
    app: &App,
    call: &Call,
    arn: &Option<String>,
    edit: impl FnOnce(&Topic, &mut Vec<Value>) -> Result<(), ApiError>,
) -> Result<Reply, ApiError> {
    let lock = subjects::lock(app, &call.account).await;
    let mut topic = (*subjects::topic(app, arn)?).clone();
    let mut policy: Value = serde_json::from_str(topic.policy.as_str()).unwrap_or_default();
    let mut statements = match policy["Statement"].take() {
        Value::Array(statements) => statements,
        Value::Null => Vec::new(),
        single => vec![single],
    };
    edit(&topic, &mut statements)?;
    policy["Statement"] = statements.into();
    topic.policy = policy.to_string().into();
    let mut changes = Changes::new();
    changes.put(&topic);
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(Value::Null) })
}
