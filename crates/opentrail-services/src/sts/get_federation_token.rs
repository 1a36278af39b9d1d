//! GetFederationToken: a session for somebody else, bounded by the caller's policies and by the policies given.

use super::request::{self, PolicyDescriptor, SessionTag};
use super::{cannot_with_session, issue, narrowed};
use crate::app::App;
use crate::call::{Call, Caller};
use crate::iam::validation::required;
use crate::service::Reply;
use crate::session::Session;
use crate::temporary::{Holder, TemporaryCredentials};
use opentrail_model::record::lower_first;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use time::Duration;

const DEFAULT_SECONDS: i64 = 43_200;
const MAX_SECONDS: i64 = 129_600;
/// Sessions of root last an hour at most, whatever is asked for.
const MAX_ROOT: Duration = Duration::HOUR;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetFederationTokenRequest {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Option<Vec<PolicyDescriptor>>,
    #[serde(default)]
    duration_seconds: Option<String>,
    #[serde(default)]
    tags: Option<Vec<SessionTag>>,
}

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `PackedPolicyTooLarge`; `AccessDenied` to callers with temporary
/// credentials.
pub async fn get_federation_token(app: &Arc<App>, call: &Call, input: GetFederationTokenRequest) -> Result<Reply, ApiError> {
    let name = required(&input.name, "name")?;
    request::text(name, "name", 2, 32, "")?;
    let lasts = request::duration(input.duration_seconds.as_deref(), DEFAULT_SECONDS, MAX_SECONDS)?;
    let narrowing = request::narrowing(input.policy, input.policy_arns)?;
    let tags = request::tags(input.tags)?;
    let packed = request::packed(&narrowing, &tags)?;
    if call.caller.session().is_some() {
        return Err(cannot_with_session("GetFederationToken"));
    }
    let (account, user, lasts) = match &call.caller {
        Caller::Root { account, .. } => (account, None, lasts.min(MAX_ROOT)),
        Caller::User { account, name, user_id, .. } => (account, Some((name.clone(), user_id.clone())), lasts),
        _ => return Err(ApiError::new("AccessDenied", "Access denied").with_status(403)),
    };
    let session = Session { tags, ..narrowed(app, account, narrowing, Session::issued_at(call.now))? };
    let holder = Holder::Federated { name: name.to_owned(), user };
    let credentials = issue::credentials(app, &TemporaryCredentials::issue(account, holder, session, lasts))?;
    let federated = json!({
        "FederatedUserId": format!("{account}:{name}"),
        "Arn": format!("arn:aws:sts::{account}:federated-user/{name}"),
    });
    let mut output = json!({"Credentials": credentials.told, "FederatedUser": federated});
    let mut recorded = json!({"credentials": credentials.recorded, "federatedUser": lower_first(federated)});
    if let Some(percent) = packed {
        output["PackedPolicySize"] = percent.into();
        recorded["packedPolicySize"] = percent.into();
    }
    Ok(Reply { response_elements: Some(recorded), ..Reply::output(output) })
}

/// The ARN that policies are asked about.
pub(super) fn resource(_: &App, call: &Call, input: &Value) -> String {
    format!("arn:aws:sts::{}:federated-user/{}", call.account, input["Name"].as_str().unwrap_or("*"))
}
