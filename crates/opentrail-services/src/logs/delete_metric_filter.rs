//! DeleteMetricFilter.

use super::faults::{missing, no_metric_filter};
use super::groups;
use super::metric_filter::MetricFilter;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteMetricFilterRequest {
    log_group_name: Option<String>,
    filter_name: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn delete_metric_filter(app: &Arc<App>, call: &Call, input: DeleteMetricFilterRequest) -> Result<Reply, ApiError> {
    let name = input.filter_name.as_deref().ok_or_else(|| missing("filterName"))?;
    let lock = groups::lock(app, call).await;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let key = format!("{}{name}", MetricFilter::prefix(&group));
    if app.catalog.get::<MetricFilter>(&key).map_err(|error| catalog_failure(&error))?.is_none() {
        return Err(no_metric_filter());
    }
    let mut changes = Changes::new();
    changes.delete::<MetricFilter>(&key);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
