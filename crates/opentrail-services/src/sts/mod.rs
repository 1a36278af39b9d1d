//! STS: who am I, and temporary credentials.
//!
//! ```text
//! request.rs     what requests have in common: durations, tags, session policies and their bounds
//! mfa.rs         a second factor given with a request
//! assuming.rs    the role's trust policy and the caller's own; the session that results
//! issue.rs       handing out a session
//! web_token.rs   tokens of OpenID Connect providers; web_keys.rs their keys; web_identity.rs who calls with one
//! the others     one operation each
//! ```
//!
//! Nothing is stored of a session: see `temporary.rs` of this crate.
//!
//! Source: AWS STS API Reference.

mod request;

mod assuming;
mod issue;
mod mfa;

mod web_identity;
mod web_keys;
mod web_token;

mod assume_role;
mod assume_role_with_web_identity;
mod get_access_key_info;
mod get_caller_identity;
mod get_federation_token;
mod get_session_token;

pub use web_keys::{NoWebKeys, WebKeys, WebKeysError};
pub use web_token::KeySet;

use crate::app::{App, catalog_failure};
use crate::handler;
use crate::iam::document_in_effect;
use crate::service::{Handler, Operation, Service};
use crate::session::Session;
use crate::temporary::cannot_with_session;
use opentrail_wire::ApiError;
use request::Narrowing;

pub static SERVICE: Service = Service {
    name: "sts",
    event_source: "sts.amazonaws.com",
    target: None,
    version: Some("2011-06-15"),
    namespace: Some("https://sts.amazonaws.com/doc/2011-06-15/"),
    global: false,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "UnsupportedOperation",
};

const OPERATIONS: &[Operation] = &[
    unconditional("GetCallerIdentity", handler!(get_caller_identity::get_caller_identity)),
    unconditional("GetSessionToken", handler!(get_session_token::get_session_token)),
    // Its handler asks the policies: the role's trust policy takes part, and up to three actions.
    unconditional("AssumeRole", handler!(assume_role::assume_role)),
    Operation {
        identify: Some(|app, call, input| Box::pin(web_identity::identify(app, call, input))),
        ..unconditional("AssumeRoleWithWebIdentity", handler!(assume_role_with_web_identity::assume_role_with_web_identity))
    },
    Operation {
        read_only: false,
        authorised: true,
        resource: get_federation_token::resource,
        ..unconditional("GetFederationToken", handler!(get_federation_token::get_federation_token))
    },
    Operation { authorised: true, ..unconditional("GetAccessKeyInfo", handler!(get_access_key_info::get_access_key_info)) },
];

const MISSING: &[&str] =
    &["AssumeRoleWithSAML", "AssumeRoot", "DecodeAuthorizationMessage", "GetDelegatedAccessToken", "GetWebIdentityToken"];

/// An operation that no identity policy has to allow.
const fn unconditional(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, authorised: false, parameters: request::recorded, ..Operation::new(name, handler) }
}

/// The session, narrowed by policies; the managed ones must exist and be AWS's or the account's own.
///
/// # Errors
/// `ValidationError` for a managed policy that is not there.
fn narrowed(app: &App, account: &str, narrowing: Narrowing, session: Session) -> Result<Session, ApiError> {
    for arn in &narrowing.policy_arns {
        let usable = ["aws", account].iter().any(|owner| arn.starts_with(&format!("arn:aws:iam::{owner}:policy/")));
        let found = usable && document_in_effect(&app.catalog, arn).map_err(|error| catalog_failure(&error))?.is_some();
        if !found {
            return Err(ApiError::new("ValidationError", format!("Policy {arn} does not exist or is not attachable.")));
        }
    }
    let policies = narrowing.policy.into_iter().map(Into::into).collect();
    Ok(Session { policies, policy_arns: narrowing.policy_arns, ..session })
}

#[cfg(test)]
mod tests;
