//! S3's errors: codes, texts, and where they come from.

use opentrail_eventlog::{LogError, LogErrorKind};
use opentrail_storage::StoreError;
use s3s::{S3Error, S3ErrorCode, s3_error};

/// An error whose code `s3s` does not know, or knows under another status.
pub fn custom(code: &'static str, status: u16, message: impl Into<String>) -> S3Error {
    let mut error =
        S3Error::with_message(S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError), message.into());
    if let Ok(status) = http::StatusCode::from_u16(status) {
        error.set_status_code(status);
    }
    error
}

pub fn internal() -> S3Error {
    s3_error!(InternalError, "We encountered an internal error. Please try again.")
}

pub fn access_denied() -> S3Error {
    s3_error!(AccessDenied, "Access Denied")
}

pub fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub fn not_implemented(what: &str) -> S3Error {
    s3_error!(NotImplemented, "OpenTrail does not support {}.", what)
}

pub fn invalid_argument(message: impl Into<String>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidArgument, message.into())
}

pub fn invalid_request(message: impl Into<String>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidRequest, message.into())
}

pub fn malformed_xml() -> S3Error {
    s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate against our published schema")
}

/// What a caller is told when the store failed.
pub fn of_store(error: StoreError) -> S3Error {
    match error {
        StoreError::NoSuchBucket => no_such_bucket(),
        StoreError::BucketNotEmpty => s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"),
        StoreError::Held => s3_error!(AccessDenied, "Access Denied because object protected by object lock."),
        StoreError::NoSuchUpload => s3_error!(
            NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        ),
        StoreError::InvalidPart => s3_error!(
            InvalidPart,
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        ),
        StoreError::InvalidPartOrder => {
            s3_error!(InvalidPartOrder, "The list of parts was not in ascending order. Parts must be ordered by part number.")
        }
        StoreError::PartTooSmall { .. } => {
            s3_error!(EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size")
        }
        StoreError::TooLarge { .. } => s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size"),
        StoreError::Catalog(_)
        | StoreError::File { .. }
        | StoreError::Seal(_)
        | StoreError::Locked { .. }
        | StoreError::Lost { .. } => {
            tracing::error!(error = &error as &dyn std::error::Error, "the embedded store failed");
            internal()
        }
    }
}

/// What a caller is told when the event log could not take the record.
pub fn of_log(error: &LogError) -> S3Error {
    match error.kind() {
        LogErrorKind::Retry => {
            tracing::warn!(error = error as &dyn std::error::Error, "refusing a call that could not be recorded");
            s3_error!(ServiceUnavailable, "The call could not be recorded and was not carried out. Please try again.")
        }
        LogErrorKind::FixRequest => invalid_request("The request is too large to be recorded."),
        LogErrorKind::CallOperator => {
            tracing::error!(error = error as &dyn std::error::Error, "refusing a call that could not be recorded");
            custom("ServiceUnavailable", 503, "The call could not be recorded.")
        }
    }
}

/// S3's text for a code that came without one.
pub fn default_message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "AuthorizationHeaderMalformed" => "The authorization header is malformed.",
        "BadDigest" => "The Content-MD5 you specified did not match what we received.",
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidRange" => "The requested range is not satisfiable",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "NoSuchBucket" => "The specified bucket does not exist",
        "NoSuchKey" => "The specified key does not exist.",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold",
        "RequestTimeTooSkewed" => "The difference between the request time and the current time is too large.",
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        "XAmzContentSHA256Mismatch" => "The provided 'x-amz-content-sha256' header does not match what was computed.",
        _ => "The request could not be carried out.",
    }
}
