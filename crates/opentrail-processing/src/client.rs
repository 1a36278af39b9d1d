//! Signed requests to AWS, or to whatever speaks its protocols.
//!
//! One request, one answer: retries are the caller's. Redirects are not followed, because a signature is for one host.

use crate::error::{ErrorKind, PortError};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use opentrail_aws_environment::AwsSettings;
use reqwest::{Client, Method, Response, Url, redirect};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(30);
/// Longest text of a service's error that is kept.
const ERROR_BYTES: usize = 4096;

/// Where credentials come from.
#[derive(Clone)]
pub enum Credentials {
    Fixed {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    },
    /// Temporary ones that are renewed: of a container, an instance or a web identity.
    Renewed(Arc<dyn CredentialProvider<Credential = AwsCredential>>),
}

/// Leaves out everything secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed { access_key_id, .. } => {
                f.debug_struct("Fixed").field("access_key_id", access_key_id).finish_non_exhaustive()
            }
            Self::Renewed(_) => f.write_str("Renewed"),
        }
    }
}

/// How to reach the services.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `http://host:port` of a service other than AWS's own.
    pub endpoint: Option<String>,
    pub region: String,
    pub credentials: Credentials,
}

impl Connection {
    /// What the usual AWS variables and files say for a service, such as `SQS` or `S3`. Without credentials there, those
    /// of the container or instance are used.
    ///
    /// # Errors
    /// If there are none.
    pub fn from_environment(service: &str) -> Result<Self, PortError> {
        let attempted = || format!("finding the AWS settings for {service}");
        let denied = |source: Box<dyn std::error::Error + Send + Sync>| PortError::new(ErrorKind::Denied, attempted(), source);
        let settings = AwsSettings::for_service(service).map_err(|error| denied(error.into()))?;
        let region = settings.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        let credentials = match settings.credentials {
            Some(fixed) => Credentials::Fixed {
                access_key_id: fixed.access_key_id,
                secret_access_key: fixed.secret_access_key,
                session_token: fixed.session_token,
            },
            None => {
                let builder = AmazonS3Builder::from_env().with_bucket_name("any").with_region(&region);
                let built = builder.build().map_err(|error| denied(error.into()))?;
                Credentials::Renewed(Arc::clone(built.credentials()))
            }
        };
        Ok(Self { endpoint: settings.endpoint, region, credentials })
    }
}

/// A client for signed requests.
#[derive(Clone)]
pub(crate) struct SignedClient {
    http: Client,
    credentials: Credentials,
}

/// A request to be signed.
pub(crate) struct Call<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Beside the time an answer always gets.
    pub more_patience: Duration,
    /// What is attempted, for errors.
    pub attempted: String,
}

/// An answer that is no success.
pub(crate) struct Refused {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub headers: HeaderMap,
}

impl SignedClient {
    pub fn new(credentials: Credentials) -> Result<Self, PortError> {
        let builder = Client::builder().connect_timeout(CONNECT).redirect(redirect::Policy::none()).tcp_nodelay(true);
        let user_agent = concat!("opentrail-processing/", env!("CARGO_PKG_VERSION"));
        let http = builder.user_agent(user_agent).build();
        let http = http.map_err(|error| PortError::new(ErrorKind::Invalid, "making an HTTP client", error))?;
        Ok(Self { http, credentials })
    }

    /// Sends a request; `Err(Ok(refused))` is the service's own error.
    pub async fn send(&self, call: Call<'_>) -> Result<Response, Result<Refused, PortError>> {
        let attempted = call.attempted.clone();
        let patience = ANSWER + call.more_patience;
        let request = self.signed(call).await.map_err(Err)?;
        let sent = tokio::time::timeout(patience, self.http.execute(request)).await;
        let response = match sent {
            Err(_) => return Err(Err(PortError::transient(attempted, "no answer came in time"))),
            Ok(Err(error)) => return Err(Err(PortError::transient(attempted, error))),
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() { Ok(response) } else { Err(Ok(Refused::read(response).await)) }
    }

    async fn signed(&self, call: Call<'_>) -> Result<reqwest::Request, PortError> {
        let Call { service, region, method, url, mut headers, body, attempted, .. } = call;
        let invalid = |text: String| PortError::new(ErrorKind::Invalid, attempted.clone(), text);
        let parsed = Url::parse(&url).map_err(|error| invalid(format!("{url}: {error}")))?;
        // A path such as `a/../b` would be sent as another one than is signed.
        let path_and_query = url.splitn(4, '/').nth(3).unwrap_or_default();
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        if parsed.path() != format!("/{path}") || parsed.query().unwrap_or("") != query {
            return Err(invalid(format!("{url} cannot be sent as it is")));
        }
        let host = parsed.host_str().ok_or_else(|| invalid(format!("{url} names no host")))?;
        let host = parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| invalid(error.to_string()));
        headers.insert(header::HOST, value(&host)?);
        let (access_key, secret, token) = self.credential(&attempted).await?;
        if let Some(token) = token {
            headers.insert("x-amz-security-token", value(&token)?);
        }
        let now = OffsetDateTime::now_utc();
        opentrail_wire::sign(
            method.as_str(),
            parsed.path(),
            query,
            &mut headers,
            &body,
            &access_key,
            &secret,
            region,
            service,
            now,
        )
        .map_err(|error| invalid(error.to_string()))?;
        let mut request = reqwest::Request::new(method, parsed);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    async fn credential(&self, attempted: &str) -> Result<(String, String, Option<String>), PortError> {
        match &self.credentials {
            Credentials::Fixed { access_key_id, secret_access_key, session_token } => {
                Ok((access_key_id.clone(), secret_access_key.clone(), session_token.clone()))
            }
            Credentials::Renewed(provider) => {
                let found = tokio::time::timeout(ANSWER, provider.get_credential()).await;
                let found = found.map_err(|_| PortError::transient(attempted, "no credentials came in time"))?;
                let found = found.map_err(|error| PortError::transient(attempted, error))?;
                Ok((found.key_id.clone(), found.secret_key.clone(), found.token.clone()))
            }
        }
    }
}

impl Refused {
    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_answer(response, "reading an error", ERROR_BYTES).await.unwrap_or_default();
        let (code, message) = code_and_message(&headers, &body);
        Self { status, code, message, headers }
    }

    /// The error for the caller, of the kind that every service means with this status and code.
    pub fn into_error(self, attempted: &str) -> PortError {
        let kind = kind_of(self.status, &self.code, retry_after(&self.headers));
        let Self { status, code, message, .. } = self;
        let named = if code.is_empty() { status.to_string() } else { format!("{status} {code}") };
        let text = if message.is_empty() { named } else { format!("{named}: {message}") };
        PortError::new(kind, attempted, text)
    }
}

/// The whole body of an answer that is no file.
pub(crate) async fn read_answer(mut response: Response, attempted: &str, limit: usize) -> Result<Bytes, PortError> {
    let mut body = BytesMut::new();
    loop {
        match tokio::time::timeout(ANSWER, response.chunk()).await {
            Err(_) => return Err(PortError::transient(attempted, "the answer stopped")),
            Ok(Err(error)) => return Err(PortError::transient(attempted, error)),
            Ok(Ok(None)) => return Ok(body.freeze()),
            Ok(Ok(Some(piece))) if body.len() + piece.len() <= limit => body.extend_from_slice(&piece),
            Ok(Ok(Some(_))) => return Err(PortError::new(ErrorKind::Invalid, attempted, "the answer is too large")),
        }
    }
}

/// Code and message of an error, be its body JSON or XML.
fn code_and_message(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(body);
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        let field = |names: [&str; 2]| names.iter().find_map(|name| json[name].as_str()).unwrap_or_default().to_owned();
        let code = field(["__type", "code"]);
        return (code.rsplit('#').next().unwrap_or_default().to_owned(), field(["message", "Message"]));
    }
    let element = |name: &str| {
        let from = text.find(&format!("<{name}>"))? + name.len() + 2;
        let to = text[from..].find("</")? + from;
        Some(text[from..to].chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
    };
    let from_header = || headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    (element("Code").unwrap_or_else(from_header), element("Message").unwrap_or_default())
}

/// What an error of a service asks for, by its status and code.
pub(crate) fn kind_of(status: u16, code: &str, retry_after: Option<Duration>) -> ErrorKind {
    const TRANSIENT: [&str; 18] = [
        "SlowDown",
        "RequestTimeout",
        "InternalError",
        "InternalFailure",
        "ServiceUnavailable",
        "OverLimit",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "KmsThrottled",
        // New credentials, or a clock that is set, make these pass.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
    ];
    match (status, code) {
        (_, "ReceiptHandleIsInvalid" | "MessageNotInflight") => ErrorKind::LeaseLost,
        (_, "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" | "NoSuchKey" | "NoSuchBucket") => ErrorKind::Missing,
        (_, code) if TRANSIENT.contains(&code) => ErrorKind::Transient { retry_after },
        (408 | 429 | 500..=599, _) => ErrorKind::Transient { retry_after },
        (401 | 403, _) => ErrorKind::Denied,
        (404 | 410, _) => ErrorKind::Missing,
        (_, code) if code.contains("AccessDenied") || code.contains("Token") || code.contains("Signature") => ErrorKind::Denied,
        _ => ErrorKind::Invalid,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry_after_of(headers.get(header::RETRY_AFTER)?.to_str().ok()?)
}

/// The value of `Retry-After`: seconds, or a date.
pub(crate) fn retry_after_of(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    (at - OffsetDateTime::now_utc()).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let check = |status: u16, body: &str, retry: Option<&str>, expect: ErrorKind| {
            let mut headers = HeaderMap::new();
            if let Some(value) = retry {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).expect("a header"));
            }
            let (code, message) = code_and_message(&headers, body.as_bytes());
            let error = Refused { status, code, message, headers }.into_error("x");
            assert_eq!(error.kind, expect, "{status} {body}");
        };
        let transient = ErrorKind::Transient { retry_after: None };
        check(
            503,
            "<?xml?><Error><Code>SlowDown</Code><Message>Please</Message></Error>",
            Some("3"),
            ErrorKind::Transient { retry_after: Some(Duration::from_secs(3)) },
        );
        check(503, "", Some("Wed, 21 Oct 2015 07:28:00 GMT"), transient);
        check(400, r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"m"}"#, None, transient);
        check(500, "<html>", None, transient);
        check(400, r#"{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid"}"#, None, ErrorKind::LeaseLost);
        check(400, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#, None, ErrorKind::Missing);
        check(404, "<Error><Code>NoSuchKey</Code></Error>", None, ErrorKind::Missing);
        check(403, "<Error><Code>AccessDenied</Code></Error>", None, ErrorKind::Denied);
        check(400, "<Error><Code>InvalidToken</Code></Error>", None, ErrorKind::Denied);
        check(400, "{}", None, ErrorKind::Invalid);
    }

    #[test]
    fn dates_to_come_are_waited_for() {
        let mut headers = HeaderMap::new();
        let at = (OffsetDateTime::now_utc() + Duration::from_secs(90)).format(&Rfc2822).expect("formats");
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(&at.replace("+0000", "GMT")).expect("a header"));
        let wait = retry_after(&headers).expect("a time to come");
        assert!(wait > Duration::from_secs(80) && wait < Duration::from_secs(91), "{wait:?}");
    }
}
