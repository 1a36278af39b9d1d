//! The canonical request and the string to sign.
//!
//! Services other than S3 normalise the path and encode it a second time; S3 takes it as it is on the wire. Queries
//! are decoded and encoded afresh, so that clients may differ in their spelling (`+`, lower-case hex).

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::{AuthFault, Claim, MAX_QUERY_PARAMETERS, SignedBody, SignedRequest, timestamp};

const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Whether the presigner's canonical query contained the session token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SecurityTokenPlace {
    Signed,
    AppendedAfterSigning,
}

pub(super) struct CanonicalParts<'a> {
    pub request: &'a SignedRequest<'a>,
    pub service: &'a str,
    /// Sorted and in lower case.
    pub signed_headers: &'a [String],
    pub payload_hash: &'a str,
    /// Presigned: the signature is in the query, but cannot be part of itself.
    pub drop_signature: bool,
    pub security_token: SecurityTokenPlace,
}

impl CanonicalParts<'_> {
    /// Bytes, because header values need not be UTF-8.
    pub(super) fn canonical_request(&self) -> Result<Vec<u8>, AuthFault> {
        let mut out = Vec::with_capacity(768);
        out.extend_from_slice(self.request.method.as_bytes());
        out.push(b'\n');
        write_path(&mut out, self.request.path, self.service);
        out.push(b'\n');
        self.write_query(&mut out)?;
        out.push(b'\n');
        for name in self.signed_headers {
            self.write_header(&mut out, name);
        }
        out.push(b'\n');
        for (index, name) in self.signed_headers.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(self.payload_hash.as_bytes());
        Ok(out)
    }

    fn write_header(&self, out: &mut Vec<u8>, name: &str) {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        for (index, value) in self.request.headers.get_all(name).iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_folded(out, value.as_bytes());
        }
        out.push(b'\n');
    }

    /// Sorted by encoded name, then by encoded value.
    fn write_query(&self, out: &mut Vec<u8>) -> Result<(), AuthFault> {
        if self.request.query.is_empty() {
            return Ok(());
        }
        let mut pairs = Vec::new();
        for pair in self.request.query.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MAX_QUERY_PARAMETERS {
                return Err(AuthFault::Inconsistent("The request has too many query parameters.".to_owned()));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = encode_afresh(name);
            if !self.is_dropped(&name) {
                pairs.push((name, encode_afresh(value)));
            }
        }
        pairs.sort_unstable();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
        Ok(())
    }

    fn is_dropped(&self, name: &str) -> bool {
        (self.drop_signature && name == "X-Amz-Signature")
            || (self.security_token == SecurityTokenPlace::AppendedAfterSigning && name == "X-Amz-Security-Token")
    }
}

/// The last line of the canonical request.
pub(super) struct Payload<'a> {
    pub hash: Cow<'a, str>,
    pub matches_body: bool,
}

pub(super) fn payload<'a>(request: &SignedRequest<'a>, service: &str, presigned: bool) -> Result<Payload<'a>, AuthFault> {
    let header = request.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let body = match request.body {
        SignedBody::Whole(body) => body,
        SignedBody::Stated => return stated(header),
    };
    Ok(match header {
        Some(UNSIGNED_PAYLOAD) => Payload { hash: UNSIGNED_PAYLOAD.into(), matches_body: true },
        None if presigned && service == "s3" => Payload { hash: UNSIGNED_PAYLOAD.into(), matches_body: true },
        None => Payload { hash: body_hash(body).into(), matches_body: true },
        Some(stated) => {
            let actual = body_hash(body);
            let matches_body = stated.eq_ignore_ascii_case(&actual);
            // A mismatch is reported with the hash we found, as the client needs to see the difference.
            let hash = if matches_body { stated.into() } else { actual.into() };
            Payload { hash, matches_body }
        }
    })
}

/// A body that will be compared with its stated hash when it is read.
fn stated(header: Option<&str>) -> Result<Payload<'_>, AuthFault> {
    match header {
        Some(hash) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(Payload { hash: hash.into(), matches_body: true })
        }
        _ => Err(AuthFault::Inconsistent("'X-Amz-Content-Sha256' must state the SHA-256 of the body.".to_owned())),
    }
}

pub(super) fn body_hash(body: &[u8]) -> String {
    hex::encode(digest(&SHA256, body))
}

pub(super) fn string_to_sign(moment: OffsetDateTime, scope: &str, canonical_request: &[u8]) -> String {
    let hash = hex::encode(digest(&SHA256, canonical_request));
    format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", timestamp::to_basic(moment))
}

impl Claim {
    pub(super) fn scope(&self) -> String {
        scope(&self.date, &self.region, &self.service)
    }
}

pub(super) fn scope(date: &str, region: &str, service: &str) -> String {
    format!("{date}/{region}/{service}/aws4_request")
}

fn write_path(out: &mut Vec<u8>, path: &str, service: &str) {
    if service == "s3" {
        out.extend_from_slice(if path.is_empty() { b"/" } else { path.as_bytes() });
        return;
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        segment.bytes().for_each(|byte| push_encoded(out, byte));
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// Trims, and folds inner runs of blanks to one space.
fn write_folded(out: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// Decodes a query name or value and encodes it in the one canonical way.
fn encode_afresh(text: &str) -> String {
    let spaced: Cow<'_, [u8]> =
        if text.contains('+') { text.replace('+', " ").into_bytes().into() } else { text.as_bytes().into() };
    let mut out = Vec::with_capacity(text.len() + 8);
    percent_encoding::percent_decode(&spaced).for_each(|byte| push_encoded(&mut out, byte));
    String::from_utf8(out).expect("percent-encoded text is ASCII")
}

fn push_encoded(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}
