//! A small signing client for our own endpoint: the demo, `keys export`, `verify --endpoint` and the benchmark.

use crate::client_tls;
use anyhow::{Context, bail};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Largest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Credentials of one caller.
#[derive(Clone)]
pub struct Caller {
    pub access_key: String,
    pub secret: String,
    /// With temporary credentials.
    pub session_token: Option<String>,
    pub region: String,
    pub user_agent: String,
}

/// What is sent: bytes, or a stream of them.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// One connection to an endpoint.
pub struct Client {
    authority: String,
    sender: SendRequest<Body>,
}

/// An HTTP answer, read whole.
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Client {
    /// Connects to `http://HOST:PORT` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// If the URL is not of that form or nobody listens.
    pub async fn connect(endpoint: &str) -> anyhow::Result<Self> {
        let uri: Uri = endpoint.parse().with_context(|| format!("{endpoint} is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => bail!("{endpoint} is neither http:// nor https://"),
        };
        let authority = uri.authority().with_context(|| format!("{endpoint} names no host"))?.to_string();
        let usual_port = if secure { 443 } else { 80 };
        let address = if uri.port().is_some() { authority.clone() } else { format!("{authority}:{usual_port}") };
        let stream = TcpStream::connect(&address).await.with_context(|| format!("cannot connect to {endpoint}"))?;
        stream.set_nodelay(true)?;
        let sender = if secure {
            let host = uri.host().unwrap_or_default();
            let stream = client_tls::connect(stream, host).await;
            speak(stream.with_context(|| format!("cannot speak TLS with {endpoint}"))?).await?
        } else {
            speak(stream).await?
        };
        Ok(Self { authority, sender })
    }

    /// Sends one signed request.
    ///
    /// # Errors
    /// If the connection fails; an error status is an answer, not an error.
    pub async fn send(
        &mut self,
        caller: &Caller,
        service: &str,
        method: &str,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let headers = self.signed(caller, service, method, target, headers, &body)?;
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        self.exchange(method, target, headers, body).await
    }

    fn signed(
        &self,
        caller: &Caller,
        service: &str,
        method: &str,
        target: &str,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> anyhow::Result<HeaderMap> {
        self.introduce(caller, &mut headers)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        opentrail_wire::sign(
            method,
            path,
            query,
            &mut headers,
            body,
            &caller.access_key,
            &caller.secret,
            &caller.region,
            service,
            OffsetDateTime::now_utc(),
        )?;
        Ok(headers)
    }

    /// Sends one signed request whose body is streamed. `hash` is the SHA-256 of the body in hexadecimal digits.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_stream(
        &mut self,
        caller: &Caller,
        service: &str,
        target: &str,
        hash: &str,
        length: u64,
        body: Body,
    ) -> anyhow::Result<Answer> {
        let mut headers = HeaderMap::new();
        self.introduce(caller, &mut headers)?;
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert("x-amz-content-sha256", HeaderValue::try_from(hash)?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let now = OffsetDateTime::now_utc();
        let (key, secret, region) = (&caller.access_key, &caller.secret, &caller.region);
        opentrail_wire::sign_stated("POST", path, query, &mut headers, key, secret, region, service, now)?;
        self.exchange("POST", target, headers, body).await
    }

    /// Sets the headers that say who calls whom.
    fn introduce(&self, caller: &Caller, headers: &mut HeaderMap) -> anyhow::Result<()> {
        headers.insert(header::HOST, HeaderValue::try_from(&self.authority)?);
        headers.insert(header::USER_AGENT, HeaderValue::try_from(&caller.user_agent)?);
        if let Some(token) = &caller.session_token {
            headers.insert("x-amz-security-token", HeaderValue::try_from(token)?);
        }
        Ok(())
    }

    /// Calls one of OpenTrail's own operations whose answer is streamed.
    ///
    /// # Errors
    /// If the connection fails, or the answer is an error, which is then read whole.
    pub async fn opentrail_stream(&mut self, caller: &Caller, operation: &str, input: &Value) -> anyhow::Result<Streamed> {
        let body = Bytes::from(serde_json::to_vec(input)?);
        let headers = self.signed(caller, "opentrail", "POST", "/", opentrail_headers(operation)?, &body)?;
        let response = self.begin("POST", "/", headers, Full::new(body).map_err(|never| match never {}).boxed_unsync()).await?;
        if response.status().is_success() {
            return Ok(Streamed { body: response.into_body(), rest: BytesMut::new() });
        }
        let refused = whole(response).await?;
        Err(Refused { status: refused.status, text: refused.text() }.into())
    }

    async fn exchange(&mut self, method: &str, target: &str, headers: HeaderMap, body: Body) -> anyhow::Result<Answer> {
        whole(self.begin(method, target, headers, body).await?).await
    }

    async fn begin(&mut self, method: &str, target: &str, headers: HeaderMap, body: Body) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(target).body(body)?;
        *request.headers_mut() = headers;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Calls a JSON operation of CloudTrail.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn cloudtrail(&mut self, caller: &Caller, operation: &str, input: &Value) -> anyhow::Result<Answer> {
        self.json(caller, "cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", operation, input).await
    }

    /// Calls an operation of a JSON 1.1 service; `prefix` is what its `X-Amz-Target` begins with.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn json(
        &mut self,
        caller: &Caller,
        service: &str,
        prefix: &str,
        operation: &str,
        input: &Value,
    ) -> anyhow::Result<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::try_from(format!("{prefix}.{operation}"))?);
        self.send(caller, service, "POST", "/", headers, serde_json::to_vec(input)?.into()).await
    }

    /// Calls one of OpenTrail's own operations.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn opentrail(&mut self, caller: &Caller, operation: &str, input: &Value) -> anyhow::Result<Answer> {
        self.send(caller, "opentrail", "POST", "/", opentrail_headers(operation)?, serde_json::to_vec(input)?.into()).await
    }

    /// Calls an operation of a query service.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn query(
        &mut self,
        caller: &Caller,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", form_encoded(value)));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"));
        self.send(caller, service, "POST", "/", headers, body.into()).await
    }

    /// Calls S3.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn s3(&mut self, caller: &Caller, method: &str, target: &str, body: impl Into<Bytes>) -> anyhow::Result<Answer> {
        self.send(caller, "s3", method, target, HeaderMap::new(), body.into()).await
    }
}

fn opentrail_headers(operation: &str) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert("x-amz-target", HeaderValue::try_from(format!("OpenTrail_20261121.{operation}"))?);
    Ok(headers)
}

async fn whole(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let status = response.status().as_u16();
    let body = http_body_util::Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("reading the answer failed: {error}"))?.to_bytes();
    Ok(Answer { status, body })
}

/// An answer that comes line by line.
pub struct Streamed {
    body: Incoming,
    rest: BytesMut,
}

impl Streamed {
    /// The next line without its end; `None` at the end of the answer.
    ///
    /// # Errors
    /// If the connection fails, the answer is cut off, or a line is longer than any should be.
    pub async fn line(&mut self) -> anyhow::Result<Option<Bytes>> {
        let mut searched = 0;
        loop {
            if let Some(length) = self.rest[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(searched + length).freeze();
                self.rest.advance(1);
                return Ok(Some(line));
            }
            searched = self.rest.len();
            if searched > MAX_ANSWER_BYTES {
                bail!("the server sends a line of more than {MAX_ANSWER_BYTES} bytes");
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(piece) = frame.context("the answer was cut off")?.into_data() {
                        self.rest.extend_from_slice(&piece);
                    }
                }
                None if self.rest.is_empty() => return Ok(None),
                None => return Ok(Some(self.rest.split().freeze())),
            }
        }
    }
}

/// What a server says instead of an answer.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub text: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server answered {}: {}", self.status, self.text)
    }
}

impl std::error::Error for Refused {}

/// Begins HTTP on a connection.
async fn speak<S>(stream: S) -> anyhow::Result<SendRequest<Body>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the endpoint ended");
        }
    });
    Ok(sender)
}

impl Answer {
    /// What an error answer says.
    pub fn text(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str());
        let whole = || String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        message.map_or_else(whole, str::to_owned)
    }

    /// The answer as JSON, if the call succeeded.
    ///
    /// # Errors
    /// The service's own error otherwise.
    pub fn json(&self) -> anyhow::Result<Value> {
        let text = self.ok()?;
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(text)?) }
    }

    /// The body, if the call succeeded.
    ///
    /// # Errors
    /// The service's own error otherwise.
    pub fn ok(&self) -> anyhow::Result<&Bytes> {
        if self.status / 100 != 2 {
            bail!("the endpoint answered {}: {}", self.status, String::from_utf8_lossy(&self.body[..self.body.len().min(1000)]));
        }
        Ok(&self.body)
    }
}

fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The caller that the usual AWS variables and files name.
///
/// # Errors
/// If there are no credentials.
pub fn caller_from_environment() -> anyhow::Result<Caller> {
    let settings = opentrail_aws_environment::AwsSettings::from_environment("")?;
    let credentials =
        settings.credentials.context("no AWS credentials: set AWS_SHARED_CREDENTIALS_FILE to DATA_DIR/credentials")?;
    Ok(Caller {
        access_key: credentials.access_key_id,
        secret: credentials.secret_access_key,
        session_token: credentials.session_token,
        region: settings.region.unwrap_or_else(|| "us-east-1".into()),
        user_agent: format!("opentrail/{}", env!("CARGO_PKG_VERSION")),
    })
}
