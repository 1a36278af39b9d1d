//! Which rights a call on an object needs: versions, tags and holds have actions and condition keys of their own.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".

use super::access::{Extra, permit_with};
use super::exchange::Exchange;
use super::operation::Scope;
use s3s::S3Result;
use std::collections::BTreeMap;

/// Calls whose body says what conditions are about; their handlers ask.
pub const ASKED_BY_HANDLERS: &[&str] = &["DeleteObjects", "PutObjectTagging", "PutObjectRetention", "PutObjectLegalHold"];

/// The right to a call, by the action of its operation: another one if it names a version.
pub fn action(exchange: &Exchange) -> &'static str {
    let operation = exchange.operation();
    if operation.scope != Scope::Object || exchange.parameter("versionId").is_none() {
        return operation.action;
    }
    match operation.action {
        "s3:GetObject" => "s3:GetObjectVersion",
        "s3:GetObjectAcl" => "s3:GetObjectVersionAcl",
        "s3:PutObjectAcl" => "s3:PutObjectVersionAcl",
        "s3:GetObjectAttributes" => "s3:GetObjectVersionAttributes",
        "s3:GetObjectTagging" => "s3:GetObjectVersionTagging",
        "s3:PutObjectTagging" => "s3:PutObjectVersionTagging",
        "s3:DeleteObjectTagging" => "s3:DeleteObjectVersionTagging",
        "s3:DeleteObject" => "s3:DeleteObjectVersion",
        other => other,
    }
}

/// Further rights that a call needs because of what else it asks for.
pub fn further_actions(exchange: &Exchange) -> Vec<&'static str> {
    let has = |name: &str| exchange.headers.contains_key(name);
    let mut actions = Vec::new();
    match exchange.name().as_str() {
        "GetObjectAttributes" if exchange.parameter("versionId").is_some() => actions.push("s3:GetObjectVersion"),
        "GetObjectAttributes" => actions.push("s3:GetObject"),
        "PutObject" | "CopyObject" | "CreateMultipartUpload" => {
            let asked = [
                (has("x-amz-tagging"), "s3:PutObjectTagging"),
                (has("x-amz-object-lock-mode"), "s3:PutObjectRetention"),
                (has("x-amz-object-lock-legal-hold"), "s3:PutObjectLegalHold"),
            ];
            actions.extend(asked.into_iter().filter_map(|(is_asked, action)| is_asked.then_some(action)));
        }
        "CreateBucket" => {
            let locks = exchange.header("x-amz-bucket-object-lock-enabled").is_some_and(|on| on.eq_ignore_ascii_case("true"));
            if locks {
                actions.extend(["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]);
            }
            if has("x-amz-object-ownership") {
                actions.push("s3:PutBucketOwnershipControls");
            }
        }
        _ => {}
    }
    actions
}

/// What tags a request wants to set, as conditions see it.
pub fn requested_tags(tags: &BTreeMap<String, String>) -> Vec<Extra> {
    let mut extra: Vec<Extra> =
        tags.iter().map(|(key, value)| (format!("s3:RequestObjectTag/{key}"), vec![value.clone()])).collect();
    if !tags.is_empty() {
        extra.push(("s3:RequestObjectTagKeys".into(), tags.keys().cloned().collect()));
    }
    extra
}

/// Conditions on the request's own headers.
pub fn of_headers(exchange: &Exchange) -> Vec<Extra> {
    let mut extra = super::object_settings::tags(exchange).map(|tags| requested_tags(&tags)).unwrap_or_default();
    for (header, key) in [
        ("x-amz-object-lock-mode", "s3:object-lock-mode"),
        ("x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"),
        ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ] {
        if let Some(value) = exchange.header(header) {
            extra.push((key.into(), vec![value.to_owned()]));
        }
    }
    if let Some(until) = exchange.header("x-amz-object-lock-retain-until-date")
        && let Ok(until) = time::OffsetDateTime::parse(until, &time::format_description::well_known::Iso8601::DEFAULT)
    {
        extra.push(remaining_days(exchange, until));
    }
    extra
}

/// `s3:object-lock-remaining-retention-days` of a hold until then.
pub fn remaining_days(exchange: &Exchange, until: time::OffsetDateTime) -> Extra {
    let seconds = (until - exchange.call.now).whole_seconds();
    let days = seconds.div_euclid(86_400) + i64::from(seconds.rem_euclid(86_400) != 0);
    ("s3:object-lock-remaining-retention-days".into(), vec![days.to_string()])
}

/// The tags of the object that is there, for the actions that conditions on them apply to.
fn existing_tags(exchange: &Exchange, action: &str, key: &str) -> Vec<Extra> {
    let applies = action.starts_with("s3:GetObject")
        || action.ends_with("Tagging")
        || matches!(action, "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" | "s3:RestoreObject");
    if !applies {
        return Vec::new();
    }
    let bucket = exchange.bucket.as_deref().unwrap_or("");
    let there = exchange.context.store.version(bucket, key, exchange.parameter("versionId"));
    let tags = there.ok().flatten().map(|object| object.settings.tags.clone()).unwrap_or_default();
    tags.into_iter().map(|(name, value)| (format!("s3:ExistingObjectTag/{name}"), vec![value])).collect()
}

/// Whether the caller may do this to an object of the call's bucket.
///
/// # Errors
/// `AccessDenied`.
pub fn permit_on_key(exchange: &Exchange, action: &str, key: &str, extra: &[Extra]) -> S3Result<()> {
    let bucket = exchange.stored_bucket();
    let name = exchange.bucket.as_deref().unwrap_or("");
    let mut all = existing_tags(exchange, action, key);
    all.extend_from_slice(extra);
    permit_with(exchange, action, bucket.as_deref(), &format!("arn:aws:s3:::{name}/{key}"), &all)
}

/// Whether the caller may do this to the call's object.
///
/// # Errors
/// `AccessDenied`.
pub fn permit_on_object(exchange: &Exchange, action: &str, extra: &[Extra]) -> S3Result<()> {
    permit_on_key(exchange, action, exchange.key.as_deref().unwrap_or(""), extra)
}
