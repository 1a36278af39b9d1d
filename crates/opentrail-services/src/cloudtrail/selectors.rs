//! Event selectors between the API and the model.

use opentrail_model::selector::Selectors;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The selectors that a request gives: one of the two lists, not both.
///
/// # Errors
/// `InvalidEventSelectorsException` for whatever is wrong with them, unknown enumeration values included.
pub(super) fn given(basic: Option<Value>, advanced: Option<Value>) -> Result<Selectors, ApiError> {
    let filled = |list: Option<Value>| list.filter(|list| list.as_array().is_none_or(|items| !items.is_empty()));
    let selectors = match (filled(basic), filled(advanced)) {
        (Some(basic), None) => Selectors::Basic(list("EventSelectors", basic)?),
        (None, Some(advanced)) => Selectors::Advanced(list("AdvancedEventSelectors", advanced)?),
        (None, None) => return Err(invalid("Specify EventSelectors or AdvancedEventSelectors.".into())),
        (Some(_), Some(_)) => return Err(invalid("Specify either EventSelectors or AdvancedEventSelectors, not both.".into())),
    };
    selectors.validate().map_err(|problem| invalid(problem.0))?;
    Ok(selectors)
}

fn list<T: DeserializeOwned>(member: &str, given: Value) -> Result<Vec<T>, ApiError> {
    serde_json::from_value(without_nulls(given)).map_err(|error| invalid(format!("{member} is invalid: {error}")))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidEventSelectorsException", message)
}

/// A null member is an absent one.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// The answer of GetEventSelectors and PutEventSelectors: only the list that is in force.
pub(super) fn output(trail: &Trail) -> Value {
    match &trail.selectors {
        Selectors::Basic(basic) => json!({"TrailARN": trail.arn(), "EventSelectors": basic}),
        Selectors::Advanced(advanced) => json!({"TrailARN": trail.arn(), "AdvancedEventSelectors": advanced}),
    }
}
