//! STS: who am I. No temporary credentials yet.
//!
//! Source: AWS STS API Reference.

mod get_caller_identity;

use crate::handler;
use crate::service::{Operation, Service};

pub static SERVICE: Service = Service {
    name: "sts",
    event_source: "sts.amazonaws.com",
    target: None,
    version: Some("2011-06-15"),
    namespace: Some("https://sts.amazonaws.com/doc/2011-06-15/"),
    global: false,
    data_events: false,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "UnsupportedOperation",
};

const OPERATIONS: &[Operation] = &[Operation {
    read_only: true,
    authorised: false,
    ..Operation::new("GetCallerIdentity", handler!(get_caller_identity::get_caller_identity))
}];

const MISSING: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetSessionToken",
    "GetWebIdentityToken",
];

#[cfg(test)]
mod tests;
