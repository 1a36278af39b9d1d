//! PutMetricFilter.

use super::faults::{constraint, invalid, limit_exceeded, missing};
use super::groups;
use super::metric_filter::{MAX_FILTERS, MAX_REGULAR_FILTERS, MetricFilter, Transformation, check};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_logs::is_stream_name;
use opentrail_patterns::FilterPattern;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutMetricFilterRequest {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    metric_transformations: Option<Vec<Transformation>>,
    #[serde(default)]
    apply_on_transformed_logs: bool,
    field_selection_criteria: Option<String>,
    emit_system_field_dimensions: Option<Vec<String>>,
}

/// A filter of the same name is replaced.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `LimitExceededException`; `InvalidParameterException` for
/// selection criteria and system fields, which filters do not have yet.
pub async fn put_metric_filter(app: &Arc<App>, call: &Call, input: PutMetricFilterRequest) -> Result<Reply, ApiError> {
    let name = input.filter_name.as_deref().ok_or_else(|| missing("filterName"))?;
    if !is_stream_name(name) {
        return Err(constraint(name, "filterName", "satisfy regular expression pattern: [^:*]*"));
    }
    let text = input.filter_pattern.ok_or_else(|| missing("filterPattern"))?;
    let given = input.metric_transformations.ok_or_else(|| missing("metricTransformations"))?;
    let [transformation] = <[Transformation; 1]>::try_from(given).map_err(|given| {
        constraint(&format!("[{} transformations]", given.len()), "metricTransformations", "have length less than or equal to 1")
    })?;
    if input.apply_on_transformed_logs || input.field_selection_criteria.is_some() || input.emit_system_field_dimensions.is_some()
    {
        return Err(invalid("Transformed logs, selection criteria and system fields are not supported by OpenTrail yet."));
    }
    let pattern: FilterPattern = text.parse().map_err(|_| invalid("Invalid metric filter pattern"))?;
    check(&transformation, &pattern)?;
    let lock = groups::lock(app, call).await;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let others = app.catalog.list::<MetricFilter>(&MetricFilter::prefix(&group)).map_err(|error| catalog_failure(&error))?;
    let replaced = others.iter().find(|other| other.name == name);
    let is_regular = |text: &str| text.parse::<FilterPattern>().is_ok_and(|pattern| pattern.regular_expressions() > 0);
    let regular = others.iter().filter(|other| other.name != name && is_regular(&other.pattern)).count();
    if (replaced.is_none() && others.len() >= MAX_FILTERS) || (is_regular(&text) && regular >= MAX_REGULAR_FILTERS) {
        return Err(limit_exceeded());
    }
    let filter = MetricFilter {
        account: group.account.clone(),
        region: group.region.clone(),
        group: group.name.clone(),
        name: name.to_owned(),
        pattern: text,
        transformation,
        created: replaced.map_or_else(|| groups::now_ms(call), |replaced| replaced.created),
    };
    let mut changes = Changes::new();
    changes.put(&filter);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
