//! `POST /-/signin`: a password, and what else it takes, for temporary credentials.
//!
//! ```text
//! {"Account": "123456789012", "UserName": "alice", "Password": "…", "MfaCode": "123456", "NewPassword": "…"}
//! 200 {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
//! 401 {"Reason": "AuthenticationFailed" | "MfaCodeNeeded" | "NewPasswordNeeded"}     429 {"Reason": "TooManyFailures"}
//! ```

use crate::front::{Answer, plain};
use crate::server::Server;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use opentrail_model::arn::is_account_id;
use opentrail_services::signin::{self, Attempt};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub const PATH: &str = "/-/signin";

/// Largest body.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest name of a user that is looked for.
const MAX_NAME_CHARS: usize = 128;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Form {
    account: String,
    /// Absent for the root user.
    #[serde(default)]
    user_name: Option<String>,
    password: String,
    #[serde(default)]
    mfa_code: Option<String>,
    #[serde(default)]
    new_password: Option<String>,
}

/// Answers one request.
pub async fn answer(server: Arc<Server>, peer: SocketAddr, request: Request<Incoming>) -> Answer {
    if request.method() != http::Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "POST only\n");
    }
    let text = |name: header::HeaderName| {
        request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).chars().take(1024).collect::<String>())
    };
    // A form of another site cannot send this type without asking first.
    if !text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json")) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json only\n");
    }
    let user_agent = text(header::USER_AGENT);
    let host = text(header::HOST).unwrap_or_default();
    let body = tokio::time::timeout(PATIENCE, Limited::new(request.into_body(), MAX_BODY_BYTES).collect()).await;
    let Ok(Ok(body)) = body else { return plain(StatusCode::BAD_REQUEST, "the body did not arrive, or is too large\n") };
    let fits = |form: &Form| {
        is_account_id(&form.account)
            && form.user_name.as_ref().is_none_or(|name| (1..=MAX_NAME_CHARS).contains(&name.chars().count()))
    };
    let Some(form) = serde_json::from_slice::<Form>(&body.to_bytes()).ok().filter(fits) else {
        return told(StatusCode::BAD_REQUEST, &json!({"Reason": "BadRequest"}));
    };
    let attempt = Attempt {
        account: form.account,
        user: form.user_name,
        password: form.password,
        mfa: form.mfa_code,
        new_password: form.new_password,
        source_ip: peer.ip().to_canonical().to_string(),
        user_agent,
        login_to: format!("http://{host}/console/"),
    };
    // A task of its own: what is decided is recorded, even if the client goes away.
    let app = Arc::clone(&server.app);
    let outcome = tokio::spawn(async move {
        let outcome = signin::sign_in(&app, attempt).await?;
        signin::told(&app, outcome)
    });
    match outcome.await {
        Ok(Ok((status, body))) => told(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &body),
        Ok(Err(error)) => told(StatusCode::SERVICE_UNAVAILABLE, &json!({"Reason": error.code})),
        Err(error) => {
            tracing::error!(%error, "a sign-in was not finished");
            told(StatusCode::INTERNAL_SERVER_ERROR, &json!({"Reason": "InternalFailure"}))
        }
    }
}

fn told(status: StatusCode, body: &Value) -> Answer {
    let mut response = plain(status, body.to_string());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
