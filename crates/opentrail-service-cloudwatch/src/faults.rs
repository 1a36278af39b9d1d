//! Errors in the service's words, with the names of all protocols.

use opentrail_alarms::MathError;
use opentrail_services::catalog_failure;
use opentrail_wire::{ApiError, QUERY_ERROR};

fn fault(shape_id: &'static str, query_code: &str, status: u16, message: impl Into<String>) -> ApiError {
    let shape = shape_id.rsplit('#').next().unwrap_or(shape_id);
    ApiError::new(shape, message)
        .with_status(status)
        .with_extra("__type", shape_id)
        .with_extra(QUERY_ERROR, format!("{query_code};Sender"))
}

pub fn validation(message: impl Into<String>) -> ApiError {
    fault("com.amazonaws.cloudwatch#ValidationException", "ValidationError", 400, message)
}

/// A member that does not keep to the model, in AWS's grammar.
pub fn constraint(value: &str, member: &str, must: &str) -> ApiError {
    let message =
        format!("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}");
    validation(message)
}

pub fn missing(member: &str) -> ApiError {
    validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

pub fn unsupported(what: &str) -> ApiError {
    validation(format!("{what} is not supported by OpenTrail."))
}

pub fn invalid_value(message: impl Into<String>) -> ApiError {
    fault("com.amazonaws.cloudwatch#InvalidParameterValueException", "InvalidParameterValue", 400, message)
}

pub fn invalid_combination(message: impl Into<String>) -> ApiError {
    fault("com.amazonaws.cloudwatch#InvalidParameterCombinationException", "InvalidParameterCombination", 400, message)
}

pub fn required(parameter: &str) -> ApiError {
    let message = format!("The parameter {parameter} is required.");
    fault("com.amazonaws.cloudwatch#MissingRequiredParameterException", "MissingParameter", 400, message)
}

pub fn missing_parameter(message: &str) -> ApiError {
    fault("com.amazonaws.cloudwatch#MissingRequiredParameterException", "MissingParameter", 400, message)
}

/// No such alarm. AWS says no more.
pub fn not_found() -> ApiError {
    fault("com.amazonaws.cloudwatch#ResourceNotFound", "ResourceNotFound", 404, "")
}

/// No such resource to be tagged.
pub fn no_resource(arn: &str) -> ApiError {
    let message = format!("Unknown resource: {arn}");
    fault("com.amazonaws.cloudwatch#ResourceNotFoundException", "ResourceNotFoundException", 404, message)
}

pub fn invalid_format(message: &str) -> ApiError {
    fault("com.amazonaws.cloudwatch#InvalidFormatFault", "InvalidFormat", 400, message)
}

pub fn limit_exceeded(message: &str) -> ApiError {
    fault("com.amazonaws.cloudwatch#LimitExceededFault", "LimitExceeded", 400, message)
}

pub fn bad_token() -> ApiError {
    fault("com.amazonaws.cloudwatch#InvalidNextToken", "InvalidNextToken", 400, "The specified next token is invalid.")
}

pub fn of_math(error: &MathError) -> ApiError {
    match error {
        MathError::Catalog(error) => catalog_failure(error),
        error => validation(error.to_string()),
    }
}
