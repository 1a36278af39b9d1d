//! What comes with an object besides its bytes and headers: storage class, tags, and holds.

use super::exchange::{Exchange, decode};
use super::{fault, tagging};
use opentrail_storage::{Bucket, ObjectSettings, Retention, RetentionMode, StorageClass};
use s3s::{S3Result, s3_error};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

/// Headers that ask for a hold.
pub const LOCK_HEADERS: &[&str] =
    &["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"];

/// The settings that a request's headers ask for.
///
/// # Errors
/// If they make no sense, or the bucket has no Object Lock.
pub fn of_headers(exchange: &Exchange, bucket: &Bucket) -> S3Result<ObjectSettings> {
    let settings = ObjectSettings {
        storage_class: storage_class(exchange)?,
        tags: tags(exchange)?,
        retention: retention(exchange)?,
        legal_hold: legal_hold(exchange)?,
    };
    if bucket.settings.object_lock.is_none() && LOCK_HEADERS.iter().any(|name| exchange.headers.contains_key(*name)) {
        return Err(missing_lock_configuration());
    }
    Ok(settings)
}

pub fn missing_lock_configuration() -> s3s::S3Error {
    fault::invalid_request("Bucket is missing Object Lock Configuration")
}

/// # Errors
/// If there is no such class.
pub fn storage_class(exchange: &Exchange) -> S3Result<StorageClass> {
    let Some(name) = exchange.header("x-amz-storage-class") else { return Ok(StorageClass::Standard) };
    StorageClass::parse(name).ok_or_else(|| s3_error!(InvalidStorageClass, "The storage class you specified is not valid"))
}

/// The tags of the `x-amz-tagging` header.
///
/// # Errors
/// If it is not made as a query string is, or a tag is none.
pub fn tags(exchange: &Exchange) -> S3Result<BTreeMap<String, String>> {
    let Some(header) = exchange.header("x-amz-tagging") else { return Ok(BTreeMap::new()) };
    let pairs = header.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key, true), decode(value, true))
    });
    tagging::validated(pairs, tagging::MAX_OBJECT_TAGS)
}

fn retention(exchange: &Exchange) -> S3Result<Option<Retention>> {
    let mode = exchange.header("x-amz-object-lock-mode");
    let until = exchange.header("x-amz-object-lock-retain-until-date");
    match (mode, until) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let until = OffsetDateTime::parse(until, &Iso8601::DEFAULT)
                .map_err(|_| fault::invalid_argument("The retain until date must be provided in ISO 8601 format"))?;
            retention_until(mode, until, exchange.now_ms()).map(Some)
        }
        _ => Err(fault::invalid_argument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")),
    }
}

/// # Errors
/// If the mode is none, or the time is not to come.
pub fn retention_until(mode: &str, until: OffsetDateTime, now_ms: i64) -> S3Result<Retention> {
    let mode = RetentionMode::parse(mode).ok_or_else(|| fault::invalid_argument("Unknown wormMode directive."))?;
    let until_ms = i64::try_from(until.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    if until_ms <= now_ms {
        return Err(fault::invalid_argument("The retain until date must be in the future!"));
    }
    Ok(Retention { mode, until_ms })
}

fn legal_hold(exchange: &Exchange) -> S3Result<Option<bool>> {
    exchange.header("x-amz-object-lock-legal-hold").map(hold_status).transpose()
}

/// # Errors
/// If it is neither `ON` nor `OFF`.
pub fn hold_status(text: &str) -> S3Result<bool> {
    match text {
        "ON" => Ok(true),
        "OFF" => Ok(false),
        _ => Err(fault::invalid_argument("Legal Hold must be either of 'ON' or 'OFF'")),
    }
}

/// What is going to be held must come with a digest, so that not the wrong bytes are.
///
/// # Errors
/// If it does not.
pub fn require_digest(exchange: &Exchange, bucket: &Bucket, settings: &ObjectSettings) -> S3Result<()> {
    let by_default = bucket.settings.object_lock.as_ref().is_some_and(|lock| lock.default_retention.is_some());
    let is_held = by_default || settings.retention.is_some() || settings.legal_hold.is_some();
    let has_digest = || {
        exchange.headers.keys().map(http::HeaderName::as_str).any(|name| {
            name == "content-md5"
                || name == "x-amz-sdk-checksum-algorithm"
                || name.strip_prefix("x-amz-checksum-").is_some_and(|rest| !matches!(rest, "mode" | "type"))
        }) || exchange.header("x-amz-trailer").is_some_and(|trailer| trailer.contains("x-amz-checksum-"))
    };
    if is_held && !has_digest() {
        return Err(fault::invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
        ));
    }
    Ok(())
}
