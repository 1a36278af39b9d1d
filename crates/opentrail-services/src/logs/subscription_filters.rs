//! PutSubscriptionFilter, DescribeSubscriptionFilters, DeleteSubscriptionFilter.

use super::destinations;
use super::faults::{constraint, invalid, limit_exceeded, missing, no_subscription_filter};
use super::groups::{self, MAX_PAGE};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_logs::{LogGroup, is_stream_name};
use opentrail_patterns::FilterPattern;
use opentrail_subscriptions::{SubscriptionFilter, Target};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most subscription filters of a group.
const MAX_FILTERS: usize = 2;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutSubscriptionFilterRequest {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    destination_arn: Option<String>,
    role_arn: Option<String>,
    distribution: Option<String>,
    #[serde(default)]
    apply_on_transformed_logs: bool,
    field_selection_criteria: Option<String>,
    emit_system_fields: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSubscriptionFiltersRequest {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteSubscriptionFilterRequest {
    log_group_name: Option<String>,
    filter_name: Option<String>,
}

/// A filter of the same name is replaced. The target gets a control message first, and must take it.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `LimitExceededException`, `AccessDeniedException`.
pub async fn put_subscription_filter(
    app: &Arc<App>,
    call: &Call,
    input: PutSubscriptionFilterRequest,
) -> Result<Reply, ApiError> {
    let name = input.filter_name.as_deref().ok_or_else(|| missing("filterName"))?;
    if !is_stream_name(name) {
        return Err(constraint(name, "filterName", "satisfy regular expression pattern: [^:*]*"));
    }
    let pattern = input.filter_pattern.ok_or_else(|| missing("filterPattern"))?;
    let destination = input.destination_arn.ok_or_else(|| missing("destinationArn"))?;
    let random = match input.distribution.as_deref() {
        None | Some("ByLogStream") => false,
        Some("Random") => true,
        Some(other) => return Err(constraint(other, "distribution", "satisfy enum value set: [Random, ByLogStream]")),
    };
    if input.apply_on_transformed_logs || input.field_selection_criteria.is_some() || input.emit_system_fields.is_some() {
        return Err(invalid("Transformed logs, selection criteria and system fields are not supported by OpenTrail yet."));
    }
    pattern.parse::<FilterPattern>().map_err(|_| invalid("Invalid subscription filter pattern"))?;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    room(app, &group, name)?;
    let given = Target::parse(&destination).ok_or_else(|| invalid(format!("{destination} is not a valid destination.")))?;
    let (target, owner) = destinations::behind(app, call, given, input.role_arn.as_deref(), &group)?;
    let mut changes = Changes::new();
    let group_arn = format!("{}:*", group.arn());
    destinations::probe(app, &target, &group_arn, &owner, &mut changes).await?;

    let lock = groups::lock(app, call).await;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let replaced = room(app, &group, name)?;
    let now = groups::now_ms(call);
    let filter = SubscriptionFilter {
        account: group.account.clone(),
        region: group.region.clone(),
        group: group.name.clone(),
        group_id: group.id.clone(),
        name: name.to_owned(),
        id: replaced.as_ref().map_or_else(|| app.intake.event_id(), |replaced| replaced.id.clone()),
        pattern,
        destination,
        role: input.role_arn,
        random,
        created: replaced.map_or(now, |replaced| replaced.created),
        changed: now,
    };
    changes.put(&filter);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// The filter of this name, if there is one; or room for another.
fn room(app: &App, group: &LogGroup, name: &str) -> Result<Option<SubscriptionFilter>, ApiError> {
    let mut filters = of_group(app, group)?;
    let known = filters.iter().position(|filter| filter.name == name);
    if known.is_none() && filters.len() >= MAX_FILTERS {
        return Err(limit_exceeded());
    }
    Ok(known.map(|place| filters.swap_remove(place)))
}

/// The filters of a group, by name.
pub fn of_group(app: &App, group: &LogGroup) -> Result<Vec<SubscriptionFilter>, ApiError> {
    app.catalog.list::<SubscriptionFilter>(&SubscriptionFilter::prefix(group)).map_err(|error| catalog_failure(&error))
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn describe_subscription_filters(
    app: &Arc<App>,
    call: &Call,
    input: DescribeSubscriptionFiltersRequest,
) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let filters = of_group(app, &group)?;
    let wanted =
        |filter: &&SubscriptionFilter| input.filter_name_prefix.as_deref().is_none_or(|prefix| filter.name.starts_with(prefix));
    let (page, next) =
        groups::page(filters.iter().filter(wanted), input.next_token.as_deref(), limit, |filter| filter.name.clone());
    let mut output = json!({"subscriptionFilters": page.into_iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

fn shown(filter: &SubscriptionFilter) -> Value {
    let mut shown = json!({
        "filterName": filter.name,
        "logGroupName": filter.group,
        "filterPattern": filter.pattern,
        "destinationArn": filter.destination,
        "distribution": if filter.random { "Random" } else { "ByLogStream" },
        "applyOnTransformedLogs": false,
        "creationTime": filter.created,
    });
    if let Some(role) = &filter.role {
        shown["roleArn"] = role.as_str().into();
    }
    shown
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn delete_subscription_filter(
    app: &Arc<App>,
    call: &Call,
    input: DeleteSubscriptionFilterRequest,
) -> Result<Reply, ApiError> {
    let name = input.filter_name.as_deref().ok_or_else(|| missing("filterName"))?;
    let lock = groups::lock(app, call).await;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let filters = of_group(app, &group)?;
    let filter = filters.iter().find(|filter| filter.name == name).ok_or_else(no_subscription_filter)?;
    let mut changes = Changes::new();
    changes.delete::<SubscriptionFilter>(&filter.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
