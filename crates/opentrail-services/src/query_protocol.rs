//! Services that speak JSON and the query protocol at once: how members and errors of the one become those of the other.

use crate::service::Service;
use crate::sqs;
use opentrail_wire::{ApiError, FlatMember, QUERY_ERROR};

/// Codes of the JSON protocols and what the query protocol calls them.
const CODES: &[(&str, &str, u16)] = &[
    ("AccessDeniedException", "AccessDenied", 403),
    ("ExpiredTokenException", "ExpiredToken", 403),
    ("IncompleteSignatureException", "IncompleteSignature", 400),
    ("InvalidSignatureException", "SignatureDoesNotMatch", 403),
    ("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403),
    ("SerializationException", "MalformedInput", 400),
    ("UnknownOperationException", "InvalidAction", 400),
    ("UnrecognizedClientException", "InvalidClientTokenId", 403),
];

/// The members of a service that the query protocol flattens.
pub fn flattened(service: &Service) -> &'static [FlatMember] {
    if service.name == sqs::SERVICE.name { sqs::FLATTENED } else { &[] }
}

/// Gives an error of a service with both protocols the code that its query clients know.
pub fn query_compatible(service: &Service, error: ApiError) -> ApiError {
    let both = service.target.is_some() && service.version.is_some();
    if !both || error.extra.iter().any(|(name, _)| *name == QUERY_ERROR) {
        return error;
    }
    let known = CODES.iter().find(|(json, ..)| *json == error.code);
    let (code, status) = known.map_or((error.code.as_str(), error.status), |(_, query, status)| (query, *status));
    let fault = if status >= 500 { "Receiver" } else { "Sender" };
    let header = format!("{code};{fault}");
    error.with_status(status).with_extra(QUERY_ERROR, header)
}
