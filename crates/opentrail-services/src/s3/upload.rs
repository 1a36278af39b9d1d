//! Taking in a body: to a blob, checked against the digests that came with it.

use super::S3Context;
use super::exchange::Exchange;
use super::fault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use http::HeaderMap;
use opentrail_storage::{Blob, BlobKey, ChecksumAlgorithm};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

/// A stored body.
pub struct Received {
    pub blob: Blob,
    /// The checksum that the client asked for or gave.
    pub checksum: Option<(ChecksumAlgorithm, String)>,
}

/// The digests that come with a body.
struct Digests {
    algorithm: Option<ChecksumAlgorithm>,
    checksum: Option<String>,
    md5: Option<[u8; 16]>,
    /// Exact length, where a header gives it.
    length: Option<u64>,
}

/// Stores a body and checks it. `also` is computed besides what the headers ask for.
///
/// # Errors
/// If the body breaks off, is too long, or is not what its digests say. Nothing stays behind.
pub async fn receive(
    context: &S3Context,
    exchange: &Exchange,
    body: Option<StreamingBlob>,
    trailers: Option<TrailingHeaders>,
    also: Option<ChecksumAlgorithm>,
    key: &BlobKey,
) -> S3Result<Received> {
    let digests = digests(exchange)?;
    let mut algorithms: Vec<ChecksumAlgorithm> = digests.algorithm.into_iter().chain(also).collect();
    algorithms.dedup();
    let mut writer = context.store.write_blob(&algorithms, key).await.map_err(fault::of_store)?;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| broken(&*error))?;
            writer.write(&chunk).await.map_err(fault::of_store)?;
        }
    }
    let blob = writer.finish().await.map_err(fault::of_store)?;
    let trailer = |name: &str| {
        let value = trailers.as_ref().and_then(|trailers| trailers.read(|map| text(map, name)).flatten());
        value.or_else(|| text(&exchange.trailers.lock().expect("no holder panics"), name))
    };
    match check(&blob, &digests, trailer) {
        Ok(()) => {
            let checksum = digests.algorithm.and_then(|algorithm| Some((algorithm, blob.checksum(algorithm)?.to_owned())));
            Ok(Received { blob, checksum })
        }
        Err(error) => {
            context.store.discard([&blob.id]);
            Err(error)
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn header_name(algorithm: ChecksumAlgorithm) -> String {
    format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase())
}

fn digests(exchange: &Exchange) -> S3Result<Digests> {
    let mut algorithm = None;
    let mut checksum = None;
    for name in exchange.headers.keys().map(http::HeaderName::as_str) {
        let Some(suffix) = name.strip_prefix("x-amz-checksum-") else { continue };
        if matches!(suffix, "algorithm" | "type" | "mode") {
            continue;
        }
        let found = ChecksumAlgorithm::parse(suffix).ok_or_else(|| fault::not_implemented(&format!("the checksum {suffix}")))?;
        if algorithm.is_some() {
            return Err(fault::invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let value = exchange.header(name).unwrap_or("").to_owned();
        if !found.is_value(&value) {
            return Err(fault::invalid_request(format!("Value for {name} header is invalid.")));
        }
        (algorithm, checksum) = (Some(found), Some(value));
    }
    let announced = exchange.header("x-amz-trailer").and_then(|trailer| trailer.trim().strip_prefix("x-amz-checksum-"));
    let requested = exchange.header("x-amz-sdk-checksum-algorithm").or(exchange.header("x-amz-checksum-algorithm"));
    if algorithm.is_none()
        && let Some(name) = announced.or(requested)
    {
        let found = ChecksumAlgorithm::parse(name).ok_or_else(|| fault::not_implemented(&format!("the checksum {name}")))?;
        algorithm = Some(found);
    }
    let stated = exchange.header("x-amz-decoded-content-length").or(exchange.header("content-length"));
    if stated.is_none() {
        return Err(s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header."));
    }
    Ok(Digests { algorithm, checksum, md5: content_md5(exchange)?, length: stated.and_then(|length| length.parse().ok()) })
}

fn content_md5(exchange: &Exchange) -> S3Result<Option<[u8; 16]>> {
    let Some(value) = exchange.header("content-md5") else { return Ok(None) };
    let md5 = STANDARD.decode(value).ok().and_then(|raw| raw.try_into().ok());
    md5.map(Some).ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))
}

fn check(blob: &Blob, digests: &Digests, trailer: impl Fn(&str) -> Option<String>) -> S3Result<()> {
    if digests.length.is_some_and(|length| length != blob.size) {
        return Err(incomplete());
    }
    if digests.md5.is_some_and(|md5| md5 != blob.md5) {
        return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
    }
    let Some(algorithm) = digests.algorithm else { return Ok(()) };
    let expected = digests.checksum.clone().or_else(|| trailer(&header_name(algorithm)));
    match expected {
        Some(expected) if blob.checksum(algorithm) != Some(expected.as_str()) => {
            Err(s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", algorithm.name()))
        }
        _ => Ok(()),
    }
}

fn incomplete() -> S3Error {
    s3_error!(IncompleteBody, "The request body terminated unexpectedly")
}

/// The body's stream tells only by its text what was wrong with it.
fn broken(error: &(dyn std::error::Error + Send + Sync)) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        let code = "XAmzContentSHA256Mismatch";
        return fault::custom(code, 400, fault::default_message(code));
    }
    if text.contains("SignatureMismatch") {
        return fault::custom("SignatureDoesNotMatch", 403, fault::default_message("SignatureDoesNotMatch"));
    }
    tracing::debug!(error = text, "a body broke off");
    incomplete()
}
