//! Why a request was not authenticated, and what each protocol's clients call it.
//!
//! JSON and CBOR services answer 400 to every fault, rest-json services 403 with the same codes; query services and S3
//! have their own codes and statuses.

use crate::error::ApiError;
use crate::protocol::Protocol;

/// Longest text of the canonical strings in an error message.
const MAX_SHOWN_CHARS: usize = 8_192;

/// Why authentication failed. Times are written as `YYYYMMDDTHHMMSSZ`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthFault {
    #[error("the request carries no credentials")]
    Missing,
    /// A part is missing or unreadable; the text is for the client.
    #[error("the credentials are incomplete: {0}")]
    Incomplete(String),
    /// The parts are readable but disagree with each other or with the rules; the text is for the client.
    #[error("the credentials are inconsistent: {0}")]
    Inconsistent(String),
    #[error("the access key is unknown")]
    UnknownKey,
    #[error("the signature does not match")]
    SignatureMismatch { canonical_request: String, string_to_sign: String },
    #[error("the signature of {signed_at} is older than {limit}")]
    Expired { signed_at: String, limit: String, now: String },
    #[error("the signature of {signed_at} is later than {limit}")]
    NotYetCurrent { signed_at: String, limit: String, now: String },
    #[error("the presigned request has expired")]
    PresignExpired,
    #[error("the credential is scoped to service {got} instead of {expected}")]
    WrongService { expected: String, got: String },
    #[error("the session has expired")]
    ExpiredToken,
    #[error("the session token is wrong")]
    BadToken,
    #[error("the access key is not active")]
    InactiveKey,
}

/// The error a client sees. `access_key` is shown by S3 only.
pub fn auth_error(protocol: Protocol, fault: &AuthFault, access_key: Option<&str>) -> ApiError {
    match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => json_error(fault),
        Protocol::RestJson => json_error(fault).with_status(403),
        Protocol::Query => query_error(fault),
        Protocol::S3 => s3_error(fault, access_key),
    }
}

fn json_error(fault: &AuthFault) -> ApiError {
    let code = match fault {
        AuthFault::Missing => "MissingAuthenticationTokenException",
        AuthFault::Incomplete(_) => "IncompleteSignatureException",
        AuthFault::UnknownKey | AuthFault::InactiveKey | AuthFault::BadToken => "UnrecognizedClientException",
        AuthFault::ExpiredToken => "ExpiredTokenException",
        AuthFault::Inconsistent(_)
        | AuthFault::SignatureMismatch { .. }
        | AuthFault::Expired { .. }
        | AuthFault::NotYetCurrent { .. }
        | AuthFault::PresignExpired
        | AuthFault::WrongService { .. } => "InvalidSignatureException",
    };
    ApiError::new(code, message(fault))
}

fn query_error(fault: &AuthFault) -> ApiError {
    let (code, status) = match fault {
        AuthFault::Missing => ("MissingAuthenticationToken", 403),
        AuthFault::Incomplete(_) => ("IncompleteSignature", 400),
        AuthFault::UnknownKey | AuthFault::InactiveKey | AuthFault::BadToken => ("InvalidClientTokenId", 403),
        AuthFault::ExpiredToken => ("ExpiredToken", 403),
        AuthFault::PresignExpired => ("RequestExpired", 400),
        AuthFault::Inconsistent(_)
        | AuthFault::SignatureMismatch { .. }
        | AuthFault::Expired { .. }
        | AuthFault::NotYetCurrent { .. }
        | AuthFault::WrongService { .. } => ("SignatureDoesNotMatch", 403),
    };
    ApiError::new(code, message(fault)).with_status(status)
}

fn message(fault: &AuthFault) -> String {
    match fault {
        AuthFault::Missing => "Request is missing Authentication Token".to_owned(),
        AuthFault::Incomplete(text) | AuthFault::Inconsistent(text) => text.clone(),
        AuthFault::UnknownKey | AuthFault::InactiveKey | AuthFault::BadToken => {
            "The security token included in the request is invalid.".to_owned()
        }
        AuthFault::SignatureMismatch { canonical_request, string_to_sign } => format!(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.\n\n\
             The Canonical String for this request should have been\n'{}'\n\n\
             The String-to-Sign should have been\n'{string_to_sign}'\n",
            shown(canonical_request)
        ),
        AuthFault::Expired { signed_at, limit, now } => {
            format!("Signature expired: {signed_at} is now earlier than {limit} ({now} - 15 min.)")
        }
        AuthFault::NotYetCurrent { signed_at, limit, now } => {
            format!("Signature not yet current: {signed_at} is still later than {limit} ({now} + 15 min.)")
        }
        AuthFault::PresignExpired => "Request has expired".to_owned(),
        AuthFault::WrongService { expected, .. } => {
            format!("Credential should be scoped to correct service: '{expected}'.")
        }
        AuthFault::ExpiredToken => "The security token included in the request is expired".to_owned(),
    }
}

fn s3_error(fault: &AuthFault, access_key: Option<&str>) -> ApiError {
    match fault {
        AuthFault::Missing => ApiError::new("AccessDenied", "Access Denied").with_status(403),
        AuthFault::Incomplete(_) | AuthFault::Inconsistent(_) | AuthFault::WrongService { .. } => {
            ApiError::new("AuthorizationHeaderMalformed", message(fault))
        }
        AuthFault::UnknownKey | AuthFault::InactiveKey => {
            let text = "The AWS Access Key Id you provided does not exist in our records.";
            ApiError::new("InvalidAccessKeyId", text).with_status(403).with_extra("AWSAccessKeyId", access_key.unwrap_or(""))
        }
        AuthFault::SignatureMismatch { canonical_request, string_to_sign } => {
            let text = "The request signature we calculated does not match the signature you provided. Check your \
                        key and signing method.";
            ApiError::new("SignatureDoesNotMatch", text)
                .with_status(403)
                .with_extra("AWSAccessKeyId", access_key.unwrap_or(""))
                .with_extra("StringToSign", string_to_sign)
                .with_extra("CanonicalRequest", shown(canonical_request))
        }
        AuthFault::Expired { signed_at, now, .. } | AuthFault::NotYetCurrent { signed_at, now, .. } => {
            let text = "The difference between the request time and the current time is too large.";
            ApiError::new("RequestTimeTooSkewed", text)
                .with_status(403)
                .with_extra("RequestTime", signed_at)
                .with_extra("ServerTime", now)
                .with_extra("MaxAllowedSkewMilliseconds", "900000")
        }
        AuthFault::PresignExpired => ApiError::new("AccessDenied", message(fault)).with_status(403),
        AuthFault::ExpiredToken => ApiError::new("ExpiredToken", "The provided token has expired."),
        AuthFault::BadToken => ApiError::new("InvalidToken", "The provided token is malformed or otherwise invalid."),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).collect()
}
