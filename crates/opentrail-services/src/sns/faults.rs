//! SNS's errors.

use opentrail_messaging::topics::PublishError;
use opentrail_seal::SealError;
use opentrail_wire::ApiError;

pub(super) fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::new("InvalidParameter", format!("Invalid parameter: {what}"))
}

pub(super) fn not_found(what: &str) -> ApiError {
    ApiError::new("NotFound", format!("{what} does not exist")).with_status(404)
}

/// A member that has to be there.
///
/// # Errors
/// `ValidationError`.
pub(super) fn required<'a>(value: &'a Option<String>, member: &str) -> Result<&'a str, ApiError> {
    value.as_deref().filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = "failed to satisfy constraint: Member must not be null";
        ApiError::new("ValidationError", format!("1 validation error detected: Value null at '{member}' {message}"))
    })
}

pub(super) fn of_publish(error: &PublishError) -> ApiError {
    tracing::error!(%error, source = ?std::error::Error::source(error), "publishing failed");
    ApiError::new("InternalError", "An internal error occurred.").with_status(500)
}

pub(super) fn unsealable(error: &SealError) -> ApiError {
    tracing::error!(%error, "a secret of a subscription cannot be sealed or opened");
    ApiError::new("InternalError", "An internal error occurred.").with_status(500)
}

/// `true` or `false`, in any case.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn flag(name: &str, value: &str) -> Result<bool, ApiError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(format!("Attributes Reason: {name}: Invalid value [{value}]. Must be true or false."))),
    }
}
