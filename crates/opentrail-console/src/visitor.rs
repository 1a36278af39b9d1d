//! The person who is signed in, and the one way that pages do anything.

use crate::checks::Checks;
use crate::console::{Connection, Console};
use crate::form::Form;
use crate::session::Session;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use opentrail_services::opentrail::{self, Streaming};
use opentrail_services::{App, Call, Service, run, s3};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// What a page was asked for.
#[derive(Clone, Default)]
pub struct Wanted {
    pub path: String,
    /// What stands for the names in the route's path.
    pub parameters: BTreeMap<String, String>,
    pub query: Form,
    /// What was posted.
    pub form: Form,
    /// The session to go back to, while a role is used.
    pub former: Option<Arc<Session>>,
    /// The cookie of the present session.
    pub cookie: String,
    /// Of a stream that was cut off: the last thing the browser got.
    pub last_event: Option<String>,
}

/// A person, with what was asked for. Cheap enough to clone.
#[derive(Clone)]
pub struct Visitor {
    console: Arc<Console>,
    pub connection: Connection,
    call: Call,
    pub session: Arc<Session>,
    pub wanted: Wanted,
}

impl Visitor {
    pub fn new(console: Arc<Console>, connection: Connection, call: Call, session: Session, wanted: Wanted) -> Self {
        let account = session.caller.account().unwrap_or(&call.account).to_owned();
        let call = Call { caller: session.caller.clone(), account, ..call };
        Self { console, connection, call, session: Arc::new(session), wanted }
    }

    /// Runs one operation of a service as this person, in the region of the page: authorised and recorded like every call.
    ///
    /// # Errors
    /// The error that any client would be told.
    ///
    /// # Panics
    /// If there is no service of this name: then a page names one that was never there.
    pub async fn run(&self, service: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.run_in(&self.call.region, service, operation, input).await
    }

    /// Likewise in another region.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_in(&self, region: &str, service: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        let call = Call { region: region.to_owned(), ..self.fresh_call() };
        run(&self.console.app, self.service(service), operation, call, input).await
    }

    /// Begins an operation of the event history whose answer is streamed.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn stream(&self, operation: &str, input: Value) -> Result<Streaming, ApiError> {
        let stopping = self.console.stopping.clone();
        opentrail::stream(&self.console.app, &self.fresh_call(), operation, input, stopping).await
    }

    /// Sends one request to S3, signed with the credentials of the session. `path` and `query` are percent-encoded; an error
    /// status is an answer.
    ///
    /// # Errors
    /// If the request cannot be made.
    pub async fn s3(&self, method: &str, path: &str, query: &str, body: Bytes) -> Result<Response<s3s::Body>, ApiError> {
        let unclear = || ApiError::new("InvalidURI", "Couldn't parse the specified URI.");
        let credentials = &self.session.sealed.credentials;
        let token = credentials.token(&self.console.app.seal).map_err(|_| unclear())?;
        let call = Call { signed_for: Some("s3".into()), ..self.fresh_call() };
        let mut headers = HeaderMap::new();
        let host = call.host.clone().unwrap_or_else(|| "localhost".into());
        headers.insert(header::HOST, HeaderValue::try_from(host).map_err(|_| unclear())?);
        if let Some(agent) = call.user_agent.as_deref().and_then(|agent| HeaderValue::try_from(agent).ok()) {
            headers.insert(header::USER_AGENT, agent);
        }
        if !body.is_empty() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        headers.insert("x-amz-security-token", HeaderValue::try_from(token).map_err(|_| unclear())?);
        let (key, secret) = (&credentials.access_key, &credentials.secret);
        opentrail_wire::sign(method, path, query, &mut headers, &body, key, secret, &call.region, "s3", call.now)
            .map_err(|_| unclear())?;
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let mut request = Request::builder().method(method).uri(target).body(s3s::Body::from(body)).map_err(|_| unclear())?;
        *request.headers_mut() = headers;
        Ok(s3::serve(&self.console.s3, call, request).await)
    }

    /// A call of its own id and time.
    fn fresh_call(&self) -> Call {
        Call { request_id: uuid::Uuid::new_v4().to_string(), now: self.console.app.intake.now(), ..self.call.clone() }
    }

    fn service(&self, name: &str) -> &'static Service {
        let found = self.console.services.iter().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("{name} is no service"))
    }

    /// Whether a service is part of this server.
    pub fn has_service(&self, name: &str) -> bool {
        self.console.services.iter().any(|service| service.name == name)
    }

    pub fn app(&self) -> &Arc<App> {
        &self.console.app
    }

    pub fn checks(&self) -> &Checks {
        &self.console.checks
    }

    /// Turns true when the server stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.console.stopping.clone()
    }

    /// When the page was asked for.
    pub fn now(&self) -> time::OffsetDateTime {
        self.call.now
    }

    pub fn account(&self) -> &str {
        &self.call.account
    }

    pub fn region(&self) -> &str {
        &self.call.region
    }

    /// All regions, the default first.
    pub fn regions(&self) -> &[String] {
        &self.console.app.settings.regions
    }

    /// The ARN of the caller.
    pub fn arn(&self) -> String {
        self.call.caller.arn()
    }

    /// A part of the path that the route names.
    pub fn parameter(&self, name: &str) -> &str {
        self.wanted.parameters.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A link to a page in the same region: `path` below `/console/`, with its own parameters.
    pub fn link(&self, path: &str) -> String {
        link(path, self.region(), self.regions())
    }

    /// A link to a page of another region.
    pub fn link_in(&self, region: &str, path: &str) -> String {
        link(path, region, self.regions())
    }
}

/// The default region goes without saying.
fn link(path: &str, region: &str, regions: &[String]) -> String {
    let path = format!("/console/{}", path.trim_start_matches('/'));
    if regions.first().is_some_and(|default| default == region) {
        return path;
    }
    let joint = if path.contains('?') { '&' } else { '?' };
    let (path, part) = path.split_once('#').map_or((path.as_str(), String::new()), |(path, part)| (path, format!("#{part}")));
    format!("{path}{joint}region={region}{part}")
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn links_keep_the_region() {
        let regions = ["us-east-1".to_owned(), "eu-west-1".to_owned()];
        assert_eq!(link("history?q=a", "us-east-1", &regions), "/console/history?q=a");
        assert_eq!(link("/history?q=a", "eu-west-1", &regions), "/console/history?q=a&region=eu-west-1");
        assert_eq!(link("history#x", "eu-west-1", &regions), "/console/history?region=eu-west-1#x");
    }
}
