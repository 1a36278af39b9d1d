//! One request from the front to its answer.

use crate::answer::Answer;
use crate::assets;
use crate::checks::Checks;
use crate::form::Form;
use crate::guard;
use crate::problem::Problem;
use crate::routes::{Access, Found, find};
use crate::session::{self, Carried};
use crate::sign_in;
use crate::visitor::{Visitor, Wanted};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Limited};
use opentrail_services::s3::S3;
use opentrail_services::{App, Call, Caller, Service};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Where the console is.
const ROOT: &str = "/console";
/// Largest form.
const MAX_BODY_BYTES: usize = 512 * 1024;
/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest user agent that is recorded, in characters.
const MAX_AGENT_CHARS: usize = 1024;

/// The console of a server.
pub struct Console {
    pub app: Arc<App>,
    /// Every service whose operations pages may run.
    pub services: &'static [&'static Service],
    pub s3: S3,
    /// Integrity checks that people began.
    pub checks: Checks,
    /// Turns true when answers without an end have to end.
    pub stopping: watch::Receiver<bool>,
}

/// Who asks, as the socket knows it.
#[derive(Clone)]
pub struct Connection {
    pub source_ip: String,
    /// TLS version and cipher, where TLS ends here.
    pub tls: Option<(String, String)>,
    /// Whether browsers reach the server by https, here or at a proxy.
    pub secure: bool,
}

/// Whether a request is the console's. A bucket may be called `console` too: what is signed is for S3.
pub fn is_for_console<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let below = path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let signed = request.headers().contains_key(header::AUTHORIZATION)
        || request.uri().query().is_some_and(|query| query.contains("X-Amz-") || query.contains("AWSAccessKeyId="));
    below && !signed
}

/// Answers one request.
pub async fn answer<B>(console: Arc<Console>, connection: Connection, request: Request<B>) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let compress = accepts_gzip(request.headers());
    if let Some(name) = request.uri().path().strip_prefix("/console/assets/") {
        return assets::answer(name, request.headers());
    }
    let (head, body) = request.into_parts();
    let found = match find(&head.method, head.uri.path().strip_prefix(ROOT).unwrap_or_default()) {
        Ok(found) => found,
        Err(answer) => return answer.finished(compress),
    };
    let body = match head.method {
        Method::POST => match tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY_BYTES).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => return Answer::plain(400, "The form did not arrive whole, or it is too large.\n").finished(compress),
        },
        _ => Bytes::new(),
    };
    if head.method == Method::POST
        && let Err(reason) = guard::same_site(&head.headers)
    {
        return Answer::plain(403, reason).finished(compress);
    }
    // A task of its own: what a form began goes on when the browser goes away.
    let task = tokio::spawn(async move { page(console, connection, head, found, body).await });
    let answer = task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a page was not finished");
        Answer::plain(500, "An internal error occurred.\n")
    });
    answer.finished(compress)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let text = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').any(|coding| coding.trim().split(';').next() == Some("gzip") && !coding.contains("q=0"))
}

async fn page(console: Arc<Console>, connection: Connection, head: http::request::Parts, found: Found, body: Bytes) -> Answer {
    let query = Form::parse(head.uri.query().unwrap_or_default().as_bytes());
    let form = Form::parse(&body);
    let call = call_of(&console, &connection, &head.headers, query.get("region"));
    let Carried { session, former, cookie } = match session::carried(&console.app, &head.headers, call.now) {
        Ok(carried) => carried,
        Err(error) => return Problem::from(error).plain(),
    };
    let wanted = Wanted {
        path: head.uri.path().to_owned(),
        parameters: found.parameters,
        query,
        form,
        former: former.map(Arc::new),
        cookie,
        last_event: head.headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned),
    };
    match found.access {
        Access::Everybody(handler) => handler(sign_in::Visit { console, connection, call, wanted, session }).await,
        Access::SignedIn(handler) => {
            let Some(session) = session else {
                return sign_in::first(&head);
            };
            if head.method == Method::POST && !session.has_form_token(wanted.form.get("csrf").unwrap_or_default()) {
                return Answer::plain(403, guard::STALE_FORM);
            }
            let visitor = Visitor::new(console, connection, call, session, wanted);
            let shown = visitor.clone();
            match handler(visitor).await {
                Ok(answer) => answer,
                Err(problem) => problem.page(&shown),
            }
        }
    }
}

/// The call that stands behind everything a page does, without its caller.
fn call_of(console: &Console, connection: &Connection, headers: &HeaderMap, region: Option<&str>) -> Call {
    let settings = &console.app.settings;
    let text = |name: header::HeaderName| {
        let value = headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).chars().take(MAX_AGENT_CHARS).collect::<String>())
    };
    let region = region.filter(|region| console.app.is_known_region(region)).unwrap_or(&settings.regions[0]);
    Call {
        caller: Caller::Anonymous,
        account: settings.account_id.clone(),
        region: region.to_owned(),
        source_ip: connection.source_ip.clone(),
        user_agent: text(header::USER_AGENT),
        signed_for: None,
        host: text(header::HOST),
        request_id: uuid::Uuid::new_v4().to_string(),
        now: console.app.intake.now(),
        tls: connection.tls.clone(),
        client: None,
    }
}
