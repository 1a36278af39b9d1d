//! Who calls: what is checked before, by and instead of `s3s`.

use super::exchange::{Exchange, Signing, decode};
use super::{S3Context, chunked, fault};
use crate::app::AuthMode;
use crate::call::Caller;
use crate::credentials::AccessKey;
use crate::temporary::{TemporaryCredentials, TokenFault};
use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Uri};
use http_body::{Frame, SizeHint};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{Body, S3Error, S3Result, s3_error};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

/// How far a clock may be off.
const MAX_SKEW: Duration = Duration::minutes(15);
/// Query parameters that carry a signature.
const SIGNATURE_PARAMETERS: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "Expires",
];

tokio::task_local! {
    /// The exchange whose signature `s3s` is checking: it asks for secrets by access key alone, and the secret of
    /// temporary credentials is in their token.
    static CHECKING: Arc<Exchange>;
}

/// Runs what checks signatures of this exchange.
pub fn checking<F: Future>(exchange: &Arc<Exchange>, check: F) -> impl Future<Output = F::Output> {
    CHECKING.scope(Arc::clone(exchange), check)
}

/// The secrets, for `s3s` to check signatures with.
pub struct Keys(Arc<S3Context>);

impl Keys {
    pub fn new(context: Arc<S3Context>) -> Self {
        Self(context)
    }
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if let Some(session) = CHECKING.try_with(|exchange| exchange.session()).ok().flatten() {
            return if session.access_key == access_key { Ok(SecretKey::from(session.secret.clone())) } else { Err(bad_token()) };
        }
        let key = self.0.catalog.get::<AccessKey>(access_key).map_err(|error| catalog_fault(&error))?;
        match key.filter(|key| key.active) {
            Some(key) => {
                key.open_secret(&self.0.seal).map(|secret| SecretKey::from(secret.as_str())).map_err(|_| fault::internal())
            }
            None => Err(unknown_key()),
        }
    }
}

pub fn unknown_key() -> S3Error {
    fault::custom("InvalidAccessKeyId", 403, fault::default_message("InvalidAccessKeyId"))
}

pub fn bad_token() -> S3Error {
    fault::custom("InvalidToken", 400, "The provided token is malformed or otherwise invalid.")
}

pub fn catalog_fault(error: &opentrail_catalog::CatalogError) -> S3Error {
    tracing::error!(error = error as &dyn std::error::Error, "the catalog failed");
    fault::internal()
}

/// Checks what `s3s` does not, and prepares the request for it.
///
/// # Errors
/// If the request is refused.
pub fn screen(exchange: &Exchange, request: Request<Body>) -> S3Result<Request<Body>> {
    // Forms would be read whole, before anything is known of who sent them.
    if exchange
        .header("content-type")
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"))
    {
        return Err(fault::not_implemented("uploads by HTML form"));
    }
    let counter = Arc::clone(&exchange.bytes_in);
    let request = request.map(|inner| Body::http_body_unsync(CountedBody { inner, counter }));
    if exchange.context.auth_mode == AuthMode::AcceptAny {
        return unsigned(exchange, request);
    }
    if exchange.signing == Signing::None {
        return Ok(request);
    }
    open_session(exchange)?;
    check_service(exchange)?;
    match exchange.signing {
        Signing::V2Header => check_v2_date(exchange)?,
        Signing::V4Header => check_signed_headers(exchange, signed_headers_of_authorization(exchange))?,
        Signing::V4Query => {
            check_signed_headers(exchange, exchange.parameter("X-Amz-SignedHeaders"))?;
            check_expiry_bounds(exchange)?;
        }
        Signing::V2Query => return token_as_header(request),
        Signing::None => {}
    }
    Ok(request)
}

/// Version 2 signs the token of a presigned URL as if it were a header, so that is where `s3s` has to find it.
fn token_as_header(request: Request<Body>) -> S3Result<Request<Body>> {
    const NAME: &str = "x-amz-security-token";
    let (mut parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let (tokens, others): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| pair.split_once('=').is_some_and(|(name, _)| name == NAME));
    if let [token] = tokens[..] {
        let value = decode(token.split_once('=').map_or("", |(_, value)| value), true);
        let value = http::HeaderValue::try_from(value).map_err(|_| bad_token())?;
        let target = format!("{}?{}", parts.uri.path(), others.join("&"));
        parts.uri = with_target(&parts.uri, &target).ok_or_else(|| s3_error!(InvalidURI))?;
        parts.headers.insert(NAME, value);
    }
    Ok(Request::from_parts(parts, body))
}

/// Opens the session token of a request that carries one.
fn open_session(exchange: &Exchange) -> S3Result<()> {
    let token = exchange
        .header("x-amz-security-token")
        .or_else(|| exchange.parameter("X-Amz-Security-Token"))
        .or_else(|| exchange.parameter("x-amz-security-token"));
    let Some(token) = token else {
        // One that is no text is no token.
        return if exchange.headers.contains_key("x-amz-security-token") { Err(bad_token()) } else { Ok(()) };
    };
    let Caller::Unauthenticated { access_key: Some(access_key) } = exchange.call_now().caller else { return Err(bad_token()) };
    match TemporaryCredentials::open(&exchange.context.seal, &access_key, token, exchange.call.now) {
        Ok(session) => {
            exchange.set_session(session);
            Ok(())
        }
        Err(TokenFault::Bad) => Err(bad_token()),
        Err(TokenFault::Expired) => Err(fault::custom("ExpiredToken", 400, "The provided token has expired.")),
    }
}

/// A signature made for another service is not one for this, though `s3s` would take that of STS.
fn check_service(exchange: &Exchange) -> S3Result<()> {
    let in_header = exchange.header("authorization").and_then(|value| value.split_once("Credential=")).map(|(_, rest)| rest);
    let scope = exchange.parameter("X-Amz-Credential").or(in_header.and_then(|rest| rest.split(',').next()));
    let service = scope.and_then(|scope| scope.split('/').nth(3));
    match service {
        Some(service) if service != "s3" => Err(fault::custom(
            if in_header.is_some() { "AuthorizationHeaderMalformed" } else { "AuthorizationQueryParametersError" },
            400,
            format!("The authorization header is malformed; incorrect service \"{service}\". This endpoint belongs to \"s3\"."),
        )),
        _ => Ok(()),
    }
}

fn signed_headers_of_authorization(exchange: &Exchange) -> Option<&str> {
    let authorization = exchange.header("authorization")?;
    let (_, rest) = authorization.split_once("SignedHeaders=")?;
    rest.split(',').next().map(str::trim)
}

/// Headers that steer the operation must be under the signature, or someone on the way could add them.
fn check_signed_headers(exchange: &Exchange, signed: Option<&str>) -> S3Result<()> {
    // A malformed list is for `s3s` to complain about.
    let Some(signed) = signed else { return Ok(()) };
    let is_signed = |name: &str| signed.split(';').any(|signed| signed.eq_ignore_ascii_case(name));
    if !is_signed("host") {
        return Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed"));
    }
    let names = exchange.headers.keys().map(http::HeaderName::as_str);
    let mut steering = names.filter(|name| name.starts_with("x-amz-") && *name != "x-amz-content-sha256");
    match steering.find(|name| !is_signed(name)) {
        Some(_) => Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed")),
        None => Ok(()),
    }
}

fn check_expiry_bounds(exchange: &Exchange) -> S3Result<()> {
    let fault = |message: &str| Err(fault::custom("AuthorizationQueryParametersError", 400, message));
    match exchange.parameter("X-Amz-Expires").map(str::parse::<i64>) {
        Some(Ok(seconds)) if seconds > 604_800 => fault(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        ),
        Some(Ok(seconds)) if seconds < 0 => fault("X-Amz-Expires must be non-negative"),
        Some(Err(_)) => fault("X-Amz-Expires should be a number"),
        _ => Ok(()),
    }
}

/// Version 2 signs a date, but `s3s` does not look at it.
fn check_v2_date(exchange: &Exchange) -> S3Result<()> {
    let date = exchange.header("x-amz-date").or(exchange.header("date")).and_then(parse_date);
    let Some(date) = date else {
        return Err(s3_error!(AccessDenied, "AWS authentication requires a valid Date or x-amz-date header"));
    };
    if (exchange.call.now - date).abs() > MAX_SKEW {
        return Err(s3_error!(RequestTimeTooSkewed));
    }
    Ok(())
}

fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let basic = format_description!("[year][month][day]T[hour][minute][second]Z");
    let http = text.strip_suffix("GMT").map(|start| format!("{start}+0000"));
    OffsetDateTime::parse(http.as_deref().unwrap_or(text), &Rfc2822)
        .ok()
        .or_else(|| PrimitiveDateTime::parse(text, basic).ok().map(PrimitiveDateTime::assume_utc))
}

/// Takes the signature off a request whose signature does not matter, and its chunk signatures with it.
fn unsigned(exchange: &Exchange, request: Request<Body>) -> S3Result<Request<Body>> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove("authorization");
    let is_v2 = exchange.signing == Signing::V2Query;
    if let Some(query) = parts.uri.query() {
        let is_signature = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or("");
            SIGNATURE_PARAMETERS.contains(&name) && (is_v2 || name != "Expires")
        };
        let kept: Vec<&str> = query.split('&').filter(|pair| !is_signature(pair)).collect();
        let path = parts.uri.path();
        let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        parts.uri = with_target(&parts.uri, &target).ok_or_else(|| s3_error!(InvalidURI))?;
    }
    let is_chunked = exchange.header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"));
    parts.headers.remove("x-amz-content-sha256");
    if !is_chunked {
        return Ok(Request::from_parts(parts, body));
    }
    let length = exchange.header("x-amz-decoded-content-length").and_then(|length| length.parse().ok());
    let Some(length) = length else { return Err(s3_error!(MissingContentLength)) };
    parts.headers.insert("content-length", http::HeaderValue::from(length));
    let decoded = chunked::decode(body, length, Arc::clone(&exchange.trailers));
    Ok(Request::from_parts(parts, Body::from(decoded)))
}

fn with_target(uri: &Uri, target: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

/// A body that counts what comes in.
struct CountedBody {
    inner: Body,
    counter: Arc<AtomicU64>,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, s3s::StdError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_kinds_parse() {
        let expect = time::macros::datetime!(2026-03-01 10:20:30 UTC);
        assert_eq!(parse_date("Sun, 01 Mar 2026 10:20:30 GMT"), Some(expect));
        assert_eq!(parse_date("Sun, 01 Mar 2026 10:20:30 +0000"), Some(expect));
        assert_eq!(parse_date("20260301T102030Z"), Some(expect));
        assert_eq!(parse_date("yesterday"), None);
    }
}
