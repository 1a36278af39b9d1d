//! Signature Version 4: what a request claims, whether its signature proves it, and how to sign.
//!
//! The order is `claim` (no secret needed), then the caller looks up the secret of `Claim::access_key`, then `verify`.
//! Until `verify` has answered `Ok`, every member of a [`Claim`] is an unproven statement.

use std::fmt;

use http::HeaderMap;
use time::{Duration, OffsetDateTime};

mod canonical;
mod claim;
mod fault;
mod key;
mod sign;
mod timestamp;

pub(crate) use claim::Credential;
pub use claim::claim;
pub use fault::{AuthFault, auth_error};
pub use key::{MAX_CACHED_KEYS, SigningKeyCache};
pub use sign::{sign, sign_stated};

use canonical::{CanonicalParts, SecurityTokenPlace};
use key::SigningKey;

/// How far the signing time may be from ours.
pub const MAX_SKEW: Duration = Duration::minutes(15);

/// Longest life of a presigned URL.
pub const MAX_PRESIGN_EXPIRY: Duration = Duration::seconds(604_800);

/// Most names in SignedHeaders.
pub const MAX_SIGNED_HEADERS: usize = 100;

/// Most parameters in a URL query.
pub const MAX_QUERY_PARAMETERS: usize = 1_024;

/// Longest Authorization header read.
pub const MAX_AUTHORIZATION_BYTES: usize = 8_192;

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// Raw, as on the wire.
    pub path: &'a str,
    /// Raw, without the `?`.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: SignedBody<'a>,
}

/// What is known of a body when its signature is made or checked.
#[derive(Debug, Clone, Copy)]
pub enum SignedBody<'a> {
    Whole(&'a [u8]),
    /// Only the hash that `x-amz-content-sha256` states, in hexadecimal digits; without one the request is refused.
    /// Whoever reads the body compares it with what comes.
    Stated,
}

/// What a request says about its signature. Access key, date, region and service hold only letters, digits, `-`, `_`
/// and `.`, so they may be logged and used as keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    pub access_key: String,
    /// `YYYYMMDD` of the credential scope.
    pub date: String,
    pub region: String,
    pub service: String,
    /// Lower case, sorted, without duplicates.
    pub signed_headers: Vec<String>,
    /// 64 hex digits if the sender is honest; not checked before `verify`.
    pub signature: String,
    pub timestamp: OffsetDateTime,
    pub security_token: Option<String>,
    /// Set for presigned URLs only.
    pub expires: Option<Duration>,
    pub presigned: bool,
}

impl Claim {
    /// Refuses a credential that was scoped to another service.
    pub fn require_service(&self, expected: &str) -> Result<(), AuthFault> {
        if self.service == expected {
            return Ok(());
        }
        Err(AuthFault::WrongService { expected: expected.to_owned(), got: self.service.clone() })
    }
}

/// Leaves out the signature and the session token: either could be used again within the clock window.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("access_key", &self.access_key)
            .field("date", &self.date)
            .field("region", &self.region)
            .field("service", &self.service)
            .field("signed_headers", &self.signed_headers)
            .field("timestamp", &self.timestamp)
            .field("expires", &self.expires)
            .field("presigned", &self.presigned)
            .finish_non_exhaustive()
    }
}

/// Checks that the holder of `secret` signed this request at about `now`.
///
/// `claim` must come from [`claim()`] on the same request.
pub fn verify(claim: &Claim, request: &SignedRequest<'_>, secret: &str, now: OffsetDateTime) -> Result<(), AuthFault> {
    check_signed_headers(claim, request)?;
    check_time(claim, now)?;
    check_signature(claim, request, &SigningKey::derive(secret, &claim.date, &claim.region, &claim.service))
}

/// [`verify`] that remembers derived keys. Only keys that verified a signature enter the cache.
///
/// `kept` is what the secret is kept as and changes with it; `open` gives the secret, `None` if it cannot, and is only
/// asked for keys that are not remembered.
pub fn verify_with<S: AsRef<str>>(
    cache: &SigningKeyCache,
    claim: &Claim,
    request: &SignedRequest<'_>,
    kept: &[u8],
    open: impl FnOnce() -> Option<S>,
    now: OffsetDateTime,
) -> Result<(), AuthFault> {
    check_signed_headers(claim, request)?;
    check_time(claim, now)?;
    if let Some(key) = cache.get(claim, kept) {
        return check_signature(claim, request, &key);
    }
    let secret = open().ok_or(AuthFault::UnknownKey)?;
    let key = SigningKey::derive(secret.as_ref(), &claim.date, &claim.region, &claim.service);
    check_signature(claim, request, &key)?;
    cache.insert(claim, kept, key);
    Ok(())
}

/// The host and the target decide who receives the request and what it does, so neither may be left unsigned.
fn check_signed_headers(claim: &Claim, request: &SignedRequest<'_>) -> Result<(), AuthFault> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    if !is_signed("host") {
        let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(AuthFault::Inconsistent(text.to_owned()));
    }
    if request.headers.contains_key("x-amz-target") && !is_signed("x-amz-target") {
        let text = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(AuthFault::Inconsistent(text.to_owned()));
    }
    match claim.signed_headers.iter().find(|name| !request.headers.contains_key(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(AuthFault::Inconsistent(format!("The signed header '{name}' is not in the request."))),
    }
}

fn check_time(claim: &Claim, now: OffsetDateTime) -> Result<(), AuthFault> {
    let signed_at = timestamp::to_basic(claim.timestamp);
    if !signed_at.starts_with(&claim.date) || claim.date.len() != 8 {
        return Err(AuthFault::Inconsistent(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', \
             from '{signed_at}'.",
            claim.date,
            signed_at.get(..8).unwrap_or(""),
        )));
    }
    // The difference of two times always fits; their sum with the window might not.
    let age = now - claim.timestamp;
    if age < -MAX_SKEW {
        let limit = timestamp::to_basic(now.saturating_add(MAX_SKEW));
        return Err(AuthFault::NotYetCurrent { signed_at, limit, now: timestamp::to_basic(now) });
    }
    match claim.expires {
        Some(expires) if expires < Duration::SECOND || expires > MAX_PRESIGN_EXPIRY => {
            let text = "X-Amz-Expires must be between 1 and 604800 seconds";
            Err(AuthFault::Inconsistent(text.to_owned()))
        }
        Some(expires) if age > expires => Err(AuthFault::PresignExpired),
        None if age > MAX_SKEW => {
            let limit = timestamp::to_basic(now.saturating_sub(MAX_SKEW));
            Err(AuthFault::Expired { signed_at, limit, now: timestamp::to_basic(now) })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_signature(claim: &Claim, request: &SignedRequest<'_>, key: &SigningKey) -> Result<(), AuthFault> {
    let payload = canonical::payload(request, &claim.service, claim.presigned)?;
    let mut parts = CanonicalParts {
        request,
        service: &claim.service,
        signed_headers: &claim.signed_headers,
        payload_hash: &payload.hash,
        drop_signature: claim.presigned,
        security_token: SecurityTokenPlace::Signed,
    };
    let canonical = parts.canonical_request()?;
    let string_to_sign = canonical::string_to_sign(claim.timestamp, &claim.scope(), &canonical);
    if payload.matches_body && key.verifies(&string_to_sign, &claim.signature) {
        return Ok(());
    }
    // Some services' presigners append the token after signing.
    if payload.matches_body && claim.presigned && claim.security_token.is_some() {
        parts.security_token = SecurityTokenPlace::AppendedAfterSigning;
        let without_token = parts.canonical_request()?;
        let string_to_sign = canonical::string_to_sign(claim.timestamp, &claim.scope(), &without_token);
        if key.verifies(&string_to_sign, &claim.signature) {
            return Ok(());
        }
    }
    let canonical_request = String::from_utf8_lossy(&canonical).into_owned();
    Err(AuthFault::SignatureMismatch { canonical_request, string_to_sign })
}
