//! SQS's errors, with the names of both protocols.

use crate::app::catalog_failure;
use opentrail_messaging::QueueError;
use opentrail_wire::{ApiError, QUERY_ERROR};

/// Most entries of a batch.
pub(super) const MAX_BATCH: usize = 10;

fn fault(shape_id: &str, query_code: &str, message: impl Into<String>) -> ApiError {
    let shape = shape_id.rsplit('#').next().unwrap_or(shape_id);
    ApiError::new(shape, message).with_extra("__type", shape_id).with_extra(QUERY_ERROR, format!("{query_code};Sender"))
}

/// An error that has the same name in both protocols.
pub(super) fn same(shape: &str, message: impl Into<String>) -> ApiError {
    fault(&format!("com.amazonaws.sqs#{shape}"), shape, message)
}

/// An error whose name in the query protocol has SQS's prefix.
pub(super) fn prefixed(shape: &str, message: impl Into<String>) -> ApiError {
    fault(&format!("com.amazonaws.sqs#{shape}"), &format!("AWS.SimpleQueueService.{shape}"), message)
}

pub(super) fn no_such_queue() -> ApiError {
    let code = "AWS.SimpleQueueService.NonExistentQueue";
    fault("com.amazonaws.sqs#QueueDoesNotExist", code, "The specified queue does not exist.")
}

pub(super) fn queue_name_exists(attribute: &str) -> ApiError {
    let message = format!("A queue already exists with the same name and a different value for attribute {attribute}");
    fault("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists", message)
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> ApiError {
    fault("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue", message)
}

pub(super) fn bad_value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> ApiError {
    invalid_parameter(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

pub(super) fn missing_parameter(name: &str) -> ApiError {
    let message = format!("The request must contain the parameter {name}.");
    fault("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter", message)
}

pub(super) fn of_queue(error: QueueError) -> ApiError {
    match error {
        QueueError::NoSuchQueue => no_such_queue(),
        QueueError::OverLimit => {
            same("OverLimit", "Too many messages in flight. You must delete messages before you can receive others.")
        }
        QueueError::BadHandle => same("ReceiptHandleIsInvalid", "The input receipt handle is invalid."),
        QueueError::NotInFlight => {
            invalid_parameter("The message referred to does not exist or is not available for visibility timeout change.")
        }
        QueueError::HiddenTooLong => {
            invalid_parameter("Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
        }
        QueueError::Catalog(error) => catalog_failure(&error),
    }
}

/// A whole number within bounds; the text is SQS's own.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn within(value: Option<i64>, parameter: &str, min: u32, max: u32, default: u32) -> Result<u32, ApiError> {
    match value {
        None => Ok(default),
        Some(number) => u32::try_from(number).ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
            let reason = match parameter {
                "WaitTimeSeconds" => format!("Must be >= {min} and <= {max}, if provided."),
                "DelaySeconds" => format!("DelaySeconds must be >= {min} and <= {max}."),
                _ => format!("Must be between {min} and {max}, if provided."),
            };
            bad_value(number, parameter, &reason)
        }),
    }
}
