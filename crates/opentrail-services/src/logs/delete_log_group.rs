//! DeleteLogGroup.

use super::groups;
use super::metric_filter::MetricFilter;
use super::tidying::RemovedStreams;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_logs::{LogGroup, ResourcePolicy};
use opentrail_subscriptions::SubscriptionFilter;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteLogGroupRequest {
    log_group_name: Option<String>,
}

/// The group and its filters go at once, its streams and events soon after.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `ValidationException` if it is protected.
pub async fn delete_log_group(app: &Arc<App>, call: &Call, input: DeleteLogGroupRequest) -> Result<Reply, ApiError> {
    let lock = groups::lock(app, call).await;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    if group.deletion_protection {
        let message = format!("Log group {} has deletion protection enabled.", group.name);
        return Err(ApiError::new("ValidationException", message));
    }
    let mut changes = Changes::new();
    changes.delete::<LogGroup>(&group.key()).put(&RemovedStreams::of_group(&group));
    for filter in app.catalog.list::<MetricFilter>(&MetricFilter::prefix(&group)).map_err(|error| catalog_failure(&error))? {
        changes.delete::<MetricFilter>(&filter.key());
    }
    for filter in super::subscription_filters::of_group(app, &group)? {
        changes.delete::<SubscriptionFilter>(&filter.key());
    }
    let prefix = ResourcePolicy::prefix(&group.account, &group.region);
    let policies = app.catalog.all::<ResourcePolicy>(&prefix).map_err(|error| catalog_failure(&error))?;
    for policy in policies.iter().filter(|policy| policy.resource_arn.as_ref() == Some(&group.arn())) {
        changes.delete::<ResourcePolicy>(&policy.key());
    }
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
