//! What the two Insights operations have in common: they are about a trail, or about an event data store.

use opentrail_wire::ApiError;

/// The trail that is meant.
///
/// # Errors
/// `InvalidParameterCombinationException` for both, `InvalidParameterException` for neither,
/// `UnsupportedOperationException` for an event data store.
pub(super) fn trail_name<'a>(trail: Option<&'a str>, event_data_store: Option<&str>) -> Result<&'a str, ApiError> {
    match (trail, event_data_store) {
        (Some(trail), None) => Ok(trail),
        (Some(_), Some(_)) => {
            Err(ApiError::new("InvalidParameterCombinationException", "Specify either TrailName or EventDataStore, not both."))
        }
        (None, Some(_)) => {
            Err(ApiError::new("UnsupportedOperationException", "Event data stores are not supported by OpenTrail yet."))
        }
        (None, None) => Err(ApiError::new("InvalidParameterException", "Specify TrailName or EventDataStore.")),
    }
}
