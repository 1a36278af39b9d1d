//! PutRetentionPolicy and DeleteRetentionPolicy.

use super::faults::{constraint, missing};
use super::groups;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_logs::{LogGroup, RETENTION_DAYS};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicyRequest {
    log_group_name: Option<String>,
    retention_in_days: Option<u32>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn put_retention_policy(app: &Arc<App>, call: &Call, input: RetentionPolicyRequest) -> Result<Reply, ApiError> {
    let days = input.retention_in_days.ok_or_else(|| missing("retentionInDays"))?;
    if !RETENTION_DAYS.contains(&days) {
        let legal = RETENTION_DAYS.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        return Err(constraint(&days.to_string(), "retentionInDays", &format!("satisfy enum value set: [{legal}]")));
    }
    set(app, call, input.log_group_name.as_deref(), Some(days)).await
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn delete_retention_policy(app: &Arc<App>, call: &Call, input: RetentionPolicyRequest) -> Result<Reply, ApiError> {
    set(app, call, input.log_group_name.as_deref(), None).await
}

async fn set(app: &Arc<App>, call: &Call, name: Option<&str>, retention_days: Option<u32>) -> Result<Reply, ApiError> {
    let lock = groups::lock(app, call).await;
    let group = groups::named(app, call, name, None)?;
    let mut changes = Changes::new();
    changes.put(&LogGroup { retention_days, ..LogGroup::clone(&group) });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
