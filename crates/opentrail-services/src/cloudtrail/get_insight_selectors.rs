//! GetInsightSelectors: an error, for as long as Insights cannot be turned on.

use super::insights;
use super::trails::{self, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightSelectorsRequest {
    #[serde(default)]
    trail_name: Option<String>,
    #[serde(default)]
    event_data_store: Option<String>,
}

/// # Errors
/// The faults of [`trails::visible`], `InsightNotEnabledException`.
pub async fn get_insight_selectors(app: &Arc<App>, call: &Call, input: GetInsightSelectorsRequest) -> Result<Reply, ApiError> {
    let given = insights::trail_name(input.trail_name.as_deref(), input.event_data_store.as_deref())?;
    let trail = trails::visible(app, call, given, Unknown::AsGiven)?;
    if trail.insight_selectors.is_empty() {
        let message = format!(
            "Trail {} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.",
            trail.name
        );
        return Err(ApiError::new("InsightNotEnabledException", message));
    }
    Ok(trails::read(&trail, json!({"TrailARN": trail.arn(), "InsightSelectors": trail.insight_selectors})))
}
