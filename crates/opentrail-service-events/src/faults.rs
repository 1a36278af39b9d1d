//! EventBridge's errors.

use opentrail_wire::ApiError;

pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

pub fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

pub fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceAlreadyExistsException", message)
}

pub fn too_many(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceededException", message)
}

pub fn no_rule(name: &str, bus: &str) -> ApiError {
    not_found(format!("Rule {name} does not exist on EventBus {bus}."))
}

pub fn no_bus(name: &str) -> ApiError {
    not_found(format!("Event bus {name} does not exist."))
}

/// A value that breaks a constraint, in the words of AWS's models.
pub fn constraint(value: &str, member: &str, must: &str) -> ApiError {
    let detected = "1 validation error detected: Value";
    invalid(format!("{detected} '{value}' at '{member}' failed to satisfy constraint: Member must {must}"))
}

/// A member that has to be there.
///
/// # Errors
/// `ValidationException`.
pub fn required<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, ApiError> {
    value.ok_or_else(|| {
        let message = "failed to satisfy constraint: Member must not be null";
        invalid(format!("1 validation error detected: Value null at '{member}' {message}"))
    })
}

/// Text of at most so many characters.
///
/// # Errors
/// `ValidationException`.
pub fn bounded(value: Option<String>, member: &str, most: usize) -> Result<Option<String>, ApiError> {
    match value {
        Some(text) if text.chars().count() > most => {
            Err(constraint(&text, member, &format!("have length less than or equal to {most}")))
        }
        other => Ok(other.filter(|text| !text.is_empty())),
    }
}
