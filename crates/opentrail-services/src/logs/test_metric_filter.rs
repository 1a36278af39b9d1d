//! TestMetricFilter.

use super::faults::{constraint, invalid, missing};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_patterns::{FilterPattern, FilterSet};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Most messages of a request.
const MAX_MESSAGES: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestMetricFilterRequest {
    filter_pattern: Option<String>,
    log_event_messages: Option<Vec<String>>,
}

/// What is recorded: the pattern, not the messages.
pub fn parameters(input: &Value) -> Value {
    json!({"filterPattern": input["filterPattern"]})
}

/// # Errors
/// `InvalidParameterException`.
pub async fn test_metric_filter(_: &Arc<App>, _: &Call, input: TestMetricFilterRequest) -> Result<Reply, ApiError> {
    let text = input.filter_pattern.ok_or_else(|| missing("filterPattern"))?;
    let messages = input.log_event_messages.ok_or_else(|| missing("logEventMessages"))?;
    if messages.is_empty() || messages.len() > MAX_MESSAGES || messages.iter().any(String::is_empty) {
        let must = format!("have length between 1 and {MAX_MESSAGES}");
        return Err(constraint(&format!("[{} messages]", messages.len()), "logEventMessages", &must));
    }
    let pattern: FilterPattern = text.parse().map_err(|error| invalid(format!("{error}")))?;
    let set = FilterSet::new([pattern.into()]);
    let mut matches = Vec::new();
    for (number, message) in (1..).zip(&messages) {
        for found in set.matches(message) {
            let values: Map<String, Value> = found.fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            matches.push(json!({"eventNumber": number, "eventMessage": message, "extractedValues": values}));
        }
    }
    Ok(Reply::output(json!({"matches": matches})))
}
