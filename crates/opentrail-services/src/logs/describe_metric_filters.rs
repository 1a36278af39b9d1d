//! DescribeMetricFilters.

use super::faults::invalid;
use super::groups::{self, MAX_PAGE};
use super::metric_filter::{MetricFilter, output};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Entity;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeMetricFiltersRequest {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    metric_name: Option<String>,
    metric_namespace: Option<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn describe_metric_filters(
    app: &Arc<App>,
    call: &Call,
    input: DescribeMetricFiltersRequest,
) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let by_metric = input.metric_name.is_some() || input.metric_namespace.is_some();
    let half = input.metric_name.is_some() != input.metric_namespace.is_some();
    if half || by_metric && input.log_group_name.is_some() {
        return Err(invalid(
            "Describe Metric Filters request must contain either logGroupName or metricName and metricNamespace",
        ));
    }
    let prefix = match &input.log_group_name {
        Some(name) => MetricFilter::prefix(&*groups::named(app, call, Some(name), None)?),
        None => format!("{}:{}:", call.account, call.region),
    };
    let filters = app.catalog.list::<MetricFilter>(&prefix).map_err(|error| catalog_failure(&error))?;
    let wanted = |filter: &&MetricFilter| {
        input.filter_name_prefix.as_deref().is_none_or(|prefix| filter.name.starts_with(prefix))
            && input.metric_name.as_ref().is_none_or(|name| *name == filter.transformation.metric_name)
            && input.metric_namespace.as_ref().is_none_or(|namespace| *namespace == filter.transformation.metric_namespace)
    };
    let known_token = |token: &String| filters.iter().any(|filter| filter.key() == *token);
    if input.next_token.as_ref().is_some_and(|token| !known_token(token)) {
        return Err(invalid("Pagination token in request is invalid. Only token from previous list call or null is valid."));
    }
    let (page, next) = groups::page(filters.iter().filter(wanted), input.next_token.as_deref(), limit, |filter| filter.key());
    let mut answer = json!({"metricFilters": page.into_iter().map(output).collect::<Vec<_>>()});
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(Reply::output(answer))
}
