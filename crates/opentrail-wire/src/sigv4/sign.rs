//! Signing, for our own clients, the demo and the benchmarks.

use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;

use super::canonical::{self, CanonicalParts, SecurityTokenPlace};
use super::key::SigningKey;
use super::{SignedBody, SignedRequest, timestamp};
use crate::error::WireError;

/// Headers that proxies change, which botocore therefore never signs.
const NEVER_SIGNED: [&str; 15] = [
    "authorization",
    "baggage",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];

/// Adds `x-amz-date` and `authorization`, signing every header in the map that may be signed. `host` must be there.
///
/// `x-amz-content-sha256` is set for S3, and for others if the map already has it with any value; the value
/// `UNSIGNED-PAYLOAD` is kept. A session token is signed if the caller has put `x-amz-security-token` into the map.
#[expect(clippy::too_many_arguments, reason = "the parts of a request and of a credential, each with its own name")]
pub fn sign(
    method: &str,
    path: &str,
    query: &str,
    headers: &mut HeaderMap,
    body: &[u8],
    access_key: &str,
    secret: &str,
    region: &str,
    service: &str,
    now: OffsetDateTime,
) -> Result<(), WireError> {
    let stated = headers.get("x-amz-content-sha256");
    if stated.map_or(service == "s3", |value| value != "UNSIGNED-PAYLOAD") {
        headers.insert("x-amz-content-sha256", header_value(&canonical::body_hash(body))?);
    }
    sign_as(method, path, query, headers, SignedBody::Whole(body), access_key, secret, region, service, now)
}

/// [`sign`] for a body that is streamed: `x-amz-content-sha256` must be in the map and is taken as it is.
#[expect(clippy::too_many_arguments, reason = "as `sign`")]
pub fn sign_stated(
    method: &str,
    path: &str,
    query: &str,
    headers: &mut HeaderMap,
    access_key: &str,
    secret: &str,
    region: &str,
    service: &str,
    now: OffsetDateTime,
) -> Result<(), WireError> {
    sign_as(method, path, query, headers, SignedBody::Stated, access_key, secret, region, service, now)
}

#[expect(clippy::too_many_arguments, reason = "as `sign`")]
fn sign_as(
    method: &str,
    path: &str,
    query: &str,
    headers: &mut HeaderMap,
    body: SignedBody<'_>,
    access_key: &str,
    secret: &str,
    region: &str,
    service: &str,
    now: OffsetDateTime,
) -> Result<(), WireError> {
    if !headers.contains_key("host") {
        return Err(WireError::NoHost);
    }
    let amz_date = timestamp::to_basic(now);
    let date = amz_date.get(..8).unwrap_or("");
    headers.insert("x-amz-date", header_value(&amz_date)?);

    let mut signed_headers: Vec<String> = headers.keys().map(|name| name.as_str().to_owned()).collect();
    signed_headers.retain(|name| !NEVER_SIGNED.contains(&name.as_str()));
    signed_headers.sort_unstable();
    let request = SignedRequest { method, path, query, headers, body };
    let payload = canonical::payload(&request, service, false).map_err(|_| WireError::BadCredential)?;
    let canonical_request = CanonicalParts {
        request: &request,
        service,
        signed_headers: &signed_headers,
        payload_hash: &payload.hash,
        drop_signature: false,
        security_token: SecurityTokenPlace::Signed,
    }
    .canonical_request()
    .map_err(|_| WireError::TooManyPairs { limit: super::MAX_QUERY_PARAMETERS })?;

    let scope = canonical::scope(date, region, service);
    let string_to_sign = canonical::string_to_sign(now, &scope, &canonical_request);
    let signature = SigningKey::derive(secret, date, region, service).sign_hex(&string_to_sign);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={}, Signature={signature}",
        signed_headers.join(";")
    );
    headers.insert("authorization", header_value(&authorization)?);
    Ok(())
}

fn header_value(text: &str) -> Result<HeaderValue, WireError> {
    HeaderValue::from_str(text).map_err(|_| WireError::BadCredential)
}
