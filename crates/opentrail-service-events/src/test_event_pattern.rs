//! TestEventPattern.

use crate::faults::{invalid, required};
use crate::put_rule::pattern;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What an event has to have.
const MEMBERS: &[&str] = &["id", "account", "source", "time", "region", "resources", "detail-type"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestEventPatternRequest {
    event_pattern: Option<String>,
    event: Option<String>,
}

/// # Errors
/// `ValidationException`, `InvalidEventPatternException`.
pub async fn test_event_pattern(_: &Arc<App>, _: &Call, input: TestEventPatternRequest) -> Result<Reply, ApiError> {
    let pattern = pattern(required(input.event_pattern.as_deref(), "eventPattern")?)?;
    let event = serde_json::from_str::<Value>(required(input.event.as_deref(), "event")?).unwrap_or_default();
    if MEMBERS.iter().any(|member| event.get(member).is_none()) {
        return Err(invalid("Parameter Event is not valid."));
    }
    Ok(Reply::output(json!({"Result": pattern.matches(&event)})))
}
