//! DescribeLogGroups.

use super::faults::invalid;
use super::groups::{self, MAX_PAGE};
use super::metric_filter::MetricFilter;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_logs::LogGroup;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeLogGroupsRequest {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    #[serde(default)]
    log_group_identifiers: Vec<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameterException`.
pub async fn describe_log_groups(app: &Arc<App>, call: &Call, input: DescribeLogGroupsRequest) -> Result<Reply, ApiError> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let all = app
        .catalog
        .all::<LogGroup>(&LogGroup::key_of(&call.account, &call.region, ""))
        .map_err(|error| catalog_failure(&error))?;
    let wanted_names: Vec<&str> = input.log_group_identifiers.iter().map(|identifier| groups::name_in(identifier)).collect();
    let wanted = |group: &&LogGroup| {
        input.log_group_name_prefix.as_deref().is_none_or(|prefix| group.name.starts_with(prefix))
            && input.log_group_name_pattern.as_deref().is_none_or(|pattern| group.name.contains(pattern))
            && input.log_group_class.as_deref().is_none_or(|class| class == "STANDARD")
            && (wanted_names.is_empty() || wanted_names.contains(&group.name.as_str()))
    };
    let token = input.next_token.as_deref();
    let (page, next) = groups::page(all.iter().filter(wanted), token, limit, |group| group.name.clone());
    let mut listed = Vec::new();
    for group in page {
        listed.push(output(app, group)?);
    }
    let mut output = json!({"logGroups": listed});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

fn output(app: &App, group: &LogGroup) -> Result<Value, ApiError> {
    let filters = app.catalog.all::<MetricFilter>(&MetricFilter::prefix(group)).map_err(|error| catalog_failure(&error))?;
    let mut output = json!({
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": filters.len(),
        "arn": format!("{}:*", group.arn()),
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": group.arn(),
        "deletionProtectionEnabled": group.deletion_protection,
    });
    if let Some(days) = group.retention_days {
        output["retentionInDays"] = days.into();
    }
    Ok(output)
}
