//! CreateLogGroup.

use super::faults::{exists, invalid, limit_exceeded, missing};
use super::{groups, tags};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_logs::LogGroup;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most groups of an account in a region.
const MAX_GROUPS: usize = 100_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateLogGroupRequest {
    log_group_name: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    log_group_class: Option<String>,
    #[serde(default)]
    deletion_protection_enabled: bool,
}

/// # Errors
/// `InvalidParameterException`, `ResourceAlreadyExistsException`, `LimitExceededException`; `InvalidParameterException`
/// for a key and for classes other than `STANDARD`, which groups do not have yet.
pub async fn create_log_group(app: &Arc<App>, call: &Call, input: CreateLogGroupRequest) -> Result<Reply, ApiError> {
    let name = input.log_group_name.as_deref().ok_or_else(|| missing("logGroupName"))?;
    groups::check_name(name)?;
    if name.starts_with("aws/") {
        return Err(invalid("Log groups starting with AWS/ are reserved for AWS."));
    }
    if let Some(key) = &input.kms_key_id {
        return Err(invalid(format!("The specified KMS key does not exist or is not allowed to be used with LogGroup '{key}'")));
    }
    if input.log_group_class.as_deref().is_some_and(|class| class != "STANDARD") {
        return Err(invalid("Log group classes other than STANDARD are not supported by OpenTrail yet."));
    }
    tags::check(&input.tags)?;
    let lock = groups::lock(app, call).await;
    let key = LogGroup::key_of(&call.account, &call.region, name);
    if app.catalog.get::<LogGroup>(&key).map_err(|error| catalog_failure(&error))?.is_some() {
        return Err(exists("log group"));
    }
    let all = app
        .catalog
        .all::<LogGroup>(&LogGroup::key_of(&call.account, &call.region, ""))
        .map_err(|error| catalog_failure(&error))?;
    if all.len() >= MAX_GROUPS {
        return Err(limit_exceeded());
    }
    let group = LogGroup {
        account: call.account.clone(),
        region: call.region.clone(),
        name: name.to_owned(),
        id: app.intake.event_id(),
        created: groups::now_ms(call),
        retention_days: None,
        deletion_protection: input.deletion_protection_enabled,
        tags: input.tags,
    };
    let mut changes = Changes::new();
    changes.put(&group);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
