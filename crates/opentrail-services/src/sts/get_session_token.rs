//! GetSessionToken: temporary credentials of the caller itself, with a second factor if one is given.

use super::{cannot_with_session, issue, mfa, request};
use crate::app::App;
use crate::call::{Call, Caller};
use crate::service::Reply;
use crate::session::Session;
use crate::temporary::{Holder, TemporaryCredentials};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use time::Duration;

const DEFAULT_SECONDS: i64 = 43_200;
const MAX_SECONDS: i64 = 129_600;
/// Root's sessions last an hour at most, whatever is asked for.
const MAX_ROOT: Duration = Duration::HOUR;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSessionTokenRequest {
    #[serde(default)]
    duration_seconds: Option<String>,
    #[serde(default)]
    serial_number: Option<String>,
    #[serde(default)]
    token_code: Option<String>,
}

/// # Errors
/// `ValidationError`; `AccessDenied` to callers with temporary credentials and for a wrong code.
pub async fn get_session_token(app: &Arc<App>, call: &Call, input: GetSessionTokenRequest) -> Result<Reply, ApiError> {
    let lasts = request::duration(input.duration_seconds.as_deref(), DEFAULT_SECONDS, MAX_SECONDS)?;
    if call.caller.session().is_some() {
        return Err(cannot_with_session("GetSessionToken"));
    }
    let (account, holder, lasts) = match &call.caller {
        Caller::Root { account, .. } => (account, Holder::Root, lasts.min(MAX_ROOT)),
        Caller::User { account, name, user_id, .. } => (account, Holder::User { name: name.clone(), id: user_id.clone() }, lasts),
        _ => return Err(ApiError::new("AccessDenied", "Access denied").with_status(403)),
    };
    let factor = mfa::check(app, call, input.serial_number.as_deref(), input.token_code.as_deref()).await?;
    let session = Session { mfa: factor.given_at, ..Session::issued_at(call.now) };
    let credentials = issue::credentials(app, &TemporaryCredentials::issue(account, holder, session, lasts))?;
    Ok(Reply {
        changes: factor.changes,
        lock: factor.lock,
        response_elements: Some(json!({"credentials": credentials.recorded})),
        ..Reply::output(json!({"Credentials": credentials.told}))
    })
}
