//! PutInsightSelectors: turns Insights off. Turning it on is refused, as nothing would come of it yet.

use super::insights;
use super::trails::{self, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::trail::{InsightSelector, Trail};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const TYPES: &[&str] = &["ApiCallRateInsight", "ApiErrorRateInsight"];
const CATEGORIES: &[&str] = &["Management", "Data"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutInsightSelectorsRequest {
    #[serde(default)]
    trail_name: Option<String>,
    #[serde(default)]
    event_data_store: Option<String>,
    #[serde(default)]
    insights_destination: Option<String>,
    #[serde(default)]
    insight_selectors: Option<Vec<Value>>,
}

/// # Errors
/// The faults of [`trails::changeable`], `InvalidInsightSelectorsException`, and `UnsupportedOperationException` for
/// selectors that are right.
pub async fn put_insight_selectors(app: &Arc<App>, call: &Call, input: PutInsightSelectorsRequest) -> Result<Reply, ApiError> {
    let store = input.event_data_store.as_deref().or(input.insights_destination.as_deref());
    let given = insights::trail_name(input.trail_name.as_deref(), store)?;
    let lock = trails::lock(app, call, given).await;
    let stored = trails::changeable(app, call, given, Unknown::AsGiven)?;
    let Some(selectors) = input.insight_selectors else {
        return Err(ApiError::new("InvalidParameterException", "Specify InsightSelectors."));
    };
    if !selectors.is_empty() {
        selectors.into_iter().try_for_each(check)?;
        let message =
            "CloudTrail Insights is not supported by OpenTrail yet: only an empty list of InsightSelectors is accepted.";
        return Err(ApiError::new("UnsupportedOperationException", message));
    }
    let mut changes = Changes::new();
    if !stored.insight_selectors.is_empty() {
        changes.put(&Trail { insight_selectors: Vec::new(), ..Trail::clone(&stored) });
    }
    Ok(trails::changed(&stored, json!({"TrailARN": stored.arn(), "InsightSelectors": []}), changes, lock))
}

fn check(selector: Value) -> Result<(), ApiError> {
    let invalid = |message: String| ApiError::new("InvalidInsightSelectorsException", message);
    let selector: InsightSelector =
        serde_json::from_value(selector).map_err(|error| invalid(format!("InsightSelectors is invalid: {error}")))?;
    if !TYPES.contains(&selector.insight_type.as_str()) {
        return Err(invalid(format!("Value {} for InsightType is invalid.", selector.insight_type)));
    }
    match selector.event_categories.iter().find(|category| !CATEGORIES.contains(&category.as_str())) {
        Some(category) => Err(invalid(format!("Value {category} for EventCategories is invalid."))),
        None => Ok(()),
    }
}
