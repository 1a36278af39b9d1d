//! Errors in the words of CloudWatch Logs. All are 400.

use opentrail_logs::LogsError;
use opentrail_wire::ApiError;

pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message.into())
}

/// A constraint of the model that a member breaks.
pub fn constraint(value: &str, member: &str, constraint: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
    ))
}

pub fn missing(member: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

fn not_found(message: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

pub fn no_group() -> ApiError {
    not_found("The specified log group does not exist.")
}

pub fn no_stream() -> ApiError {
    not_found("The specified log stream does not exist.")
}

pub fn no_metric_filter() -> ApiError {
    not_found("The specified metric filter does not exist.")
}

pub fn no_subscription_filter() -> ApiError {
    not_found("The specified subscription filter does not exist.")
}

pub fn no_export_task() -> ApiError {
    not_found("The specified export task does not exist.")
}

pub fn exists(what: &str) -> ApiError {
    ApiError::new("ResourceAlreadyExistsException", format!("The specified {what} already exists"))
}

pub fn limit_exceeded() -> ApiError {
    ApiError::new("LimitExceededException", "Resource limit exceeded.")
}

/// That stored events could not be read: for the operator, not the caller.
pub fn unreadable(error: &LogsError) -> ApiError {
    tracing::error!(%error, source = ?std::error::Error::source(error), "stored log events could not be read");
    ApiError::new("ServiceUnavailableException", "The service cannot complete the request.").with_status(500)
}
