//! Reading a claim from the Authorization header or from a presigned query.

use http::HeaderMap;
use time::{Duration, OffsetDateTime};

use super::{AuthFault, Claim, MAX_AUTHORIZATION_BYTES, MAX_QUERY_PARAMETERS, MAX_SIGNED_HEADERS, SignedRequest, timestamp};
use crate::query::{decode, raw_pairs};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const MAX_CREDENTIAL_PART_BYTES: usize = 128;
const MAX_ECHO_CHARS: usize = 256;

/// Reads what the request says about its signature. Needs no secret and proves nothing.
pub fn claim(request: &SignedRequest<'_>) -> Result<Claim, AuthFault> {
    let authorization = authorization(request.headers)?;
    let presigned = PresignParameters::read(request.query)?;
    match (authorization, presigned) {
        (None, None) => Err(AuthFault::Missing),
        (Some(text), None) => from_header(text, request.headers),
        (None, Some(parameters)) => parameters.into_claim(),
        (Some(_), Some(_)) => Err(AuthFault::Inconsistent(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.".to_owned(),
        )),
    }
}

/// The five parts of a credential, each checked to be harmless.
pub(crate) struct Credential<'a> {
    pub access_key: &'a str,
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

impl<'a> Credential<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, AuthFault> {
        let mut parts = text.split('/');
        let mut next = || parts.next().filter(|part| is_credential_part(part));
        let (access_key, date, region, service) = (next(), next(), next(), next());
        let (Some(access_key), Some(date), Some(region), Some(service), Some(terminator), None) =
            (access_key, date, region, service, parts.next(), parts.next())
        else {
            return Err(AuthFault::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{}'",
                echo(text)
            )));
        };
        if terminator != "aws4_request" {
            return Err(AuthFault::Inconsistent(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
                echo(terminator)
            )));
        }
        Ok(Credential { access_key, date, region, service })
    }
}

fn is_credential_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !part.is_empty() && part.len() <= MAX_CREDENTIAL_PART_BYTES && part.bytes().all(allowed)
}

fn authorization(headers: &HeaderMap) -> Result<Option<&str>, AuthFault> {
    let mut values = headers.get_all("authorization").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthFault::Incomplete("Only one Authorization header is allowed.".to_owned()));
    }
    match value.to_str() {
        Ok(text) if text.len() <= MAX_AUTHORIZATION_BYTES => Ok(Some(text)),
        _ => Err(AuthFault::Incomplete("The Authorization header is too long or not ASCII.".to_owned())),
    }
}

fn from_header(text: &str, headers: &HeaderMap) -> Result<Claim, AuthFault> {
    let (algorithm, parameters) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if algorithm != ALGORITHM {
        return Err(AuthFault::Incomplete(format!("Unsupported AWS 'algorithm': '{}'.", echo(algorithm))));
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in parameters.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(AuthFault::Incomplete(format!("'{}' not a valid parameter.", echo(name)))),
        };
        if place.replace(value).is_some() {
            return Err(AuthFault::Incomplete(format!("'{name}' is given more than once.")));
        }
    }
    let date = header_date(headers)?;
    let (Some(credential), Some(signed_headers), Some(signature), Some(timestamp)) =
        (credential, signed_headers, signature, date)
    else {
        let missing = missing_parts(credential.is_none(), signature.is_none(), signed_headers.is_none(), date.is_none());
        return Err(AuthFault::Incomplete(format!("{missing}Authorization={}", echo(text))));
    };
    let security_token = headers.get("x-amz-security-token").and_then(|value| value.to_str().ok());
    build(ClaimTexts { credential, signed_headers, signature }, timestamp, security_token.map(str::to_owned), None)
}

/// One sentence per missing part, as AWS words it.
fn missing_parts(credential: bool, signature: bool, signed_headers: bool, date: bool) -> String {
    let sentences = [
        (credential, "Authorization header requires 'Credential' parameter. "),
        (signature, "Authorization header requires 'Signature' parameter. "),
        (signed_headers, "Authorization header requires 'SignedHeaders' parameter. "),
        (date, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "),
    ];
    sentences.iter().filter(|(missing, _)| *missing).map(|(_, sentence)| *sentence).collect()
}

fn header_date(headers: &HeaderMap) -> Result<Option<OffsetDateTime>, AuthFault> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(date) = text("x-amz-date") {
        return timestamp::parse_basic(date).map(Some).ok_or_else(|| bad_date(date));
    }
    match text("date") {
        None => Ok(None),
        Some(date) => timestamp::parse_date_header(date).map(Some).ok_or_else(|| bad_date(date)),
    }
}

fn bad_date(text: &str) -> AuthFault {
    AuthFault::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{}'.", echo(text)))
}

/// The `X-Amz-*` parameters of a presigned URL.
#[derive(Default)]
struct PresignParameters {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    security_token: Option<String>,
}

impl PresignParameters {
    /// None if the query has none of the parameters that make it presigned.
    fn read(query: &str) -> Result<Option<Self>, AuthFault> {
        let mut parameters = PresignParameters::default();
        for (index, (name, value)) in raw_pairs(query).enumerate() {
            if index == MAX_QUERY_PARAMETERS {
                return Err(AuthFault::Inconsistent("The request has too many query parameters.".to_owned()));
            }
            if !name.contains("mz-") && !name.contains('%') {
                continue;
            }
            let Ok(name) = decode(name) else { continue };
            let Some(place) = parameters.place(&name) else { continue };
            let value =
                decode(value).map_err(|_| AuthFault::Incomplete(format!("The query parameter '{name}' is not UTF-8.")))?;
            if place.replace(value).is_some() {
                return Err(AuthFault::Incomplete(format!("'{name}' is given more than once.")));
            }
        }
        let is_presigned = parameters.algorithm.is_some() || parameters.credential.is_some() || parameters.signature.is_some();
        Ok(is_presigned.then_some(parameters))
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "X-Amz-Algorithm" => Some(&mut self.algorithm),
            "X-Amz-Credential" => Some(&mut self.credential),
            "X-Amz-Date" => Some(&mut self.date),
            "X-Amz-Expires" => Some(&mut self.expires),
            "X-Amz-SignedHeaders" => Some(&mut self.signed_headers),
            "X-Amz-Signature" => Some(&mut self.signature),
            "X-Amz-Security-Token" => Some(&mut self.security_token),
            _ => None,
        }
    }

    fn into_claim(self) -> Result<Claim, AuthFault> {
        let (Some(algorithm), Some(credential), Some(date), Some(expires), Some(signed_headers), Some(signature)) =
            (self.algorithm, self.credential, self.date, self.expires, self.signed_headers, self.signature)
        else {
            return Err(AuthFault::Incomplete(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
                 X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
                    .to_owned(),
            ));
        };
        if algorithm != ALGORITHM {
            return Err(AuthFault::Incomplete(format!("Unsupported AWS 'algorithm': '{}'.", echo(&algorithm))));
        }
        let timestamp = timestamp::parse_basic(&date).ok_or_else(|| bad_date(&date))?;
        let expires: u32 = expires.parse().map_err(|_| AuthFault::Incomplete("X-Amz-Expires should be a number".to_owned()))?;
        let texts = ClaimTexts { credential: &credential, signed_headers: &signed_headers, signature: &signature };
        build(texts, timestamp, self.security_token, Some(Duration::seconds(expires.into())))
    }
}

struct ClaimTexts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

fn build(
    texts: ClaimTexts<'_>,
    timestamp: OffsetDateTime,
    security_token: Option<String>,
    expires: Option<Duration>,
) -> Result<Claim, AuthFault> {
    let credential = Credential::parse(texts.credential)?;
    Ok(Claim {
        access_key: credential.access_key.to_owned(),
        date: credential.date.to_owned(),
        region: credential.region.to_owned(),
        service: credential.service.to_owned(),
        signed_headers: signed_headers(texts.signed_headers)?,
        signature: texts.signature.to_owned(),
        timestamp,
        security_token,
        presigned: expires.is_some(),
        expires,
    })
}

/// Only one spelling of the list is accepted: strictly ascending, so that a value cannot be counted twice.
fn signed_headers(text: &str) -> Result<Vec<String>, AuthFault> {
    let names: Vec<String> = text.split(';').take(MAX_SIGNED_HEADERS + 1).map(str::to_ascii_lowercase).collect();
    if names.len() > MAX_SIGNED_HEADERS {
        return Err(AuthFault::Incomplete(format!("SignedHeaders has more than {MAX_SIGNED_HEADERS} names.")));
    }
    if !names.is_sorted_by(|first, second| first < second) {
        return Err(AuthFault::Incomplete("SignedHeaders must be sorted, without duplicates.".to_owned()));
    }
    Ok(names)
}

/// What goes back to the sender in an error: short, and without control characters.
fn echo(text: &str) -> String {
    let clean = |character: char| if character.is_control() { '?' } else { character };
    text.chars().take(MAX_ECHO_CHARS).map(clean).collect()
}
