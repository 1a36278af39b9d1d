//! Attributes of queues: reading, checking, showing.

use super::faults::{bad_value, same};
use crate::app::App;
use opentrail_messaging::Queue;
use opentrail_messaging::queues::{Redrive, key_of_arn};
use opentrail_policy::{PolicyDocument, PolicyKind, PolicyText};
use opentrail_wire::ApiError;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Largest message a queue can be set to take, in bytes, and the default.
pub(super) const MAX_MESSAGE_BYTES: u32 = 1_048_576;
/// Largest policy of a queue, in bytes.
const MAX_POLICY_BYTES: usize = 8192;

/// Attributes as they are given: text under names.
pub(super) type Attributes = BTreeMap<String, String>;

/// A queue with the settings that queues have from the start.
pub(super) fn defaults(account: &str, region: &str, name: &str, now_ms: u64) -> Queue {
    Queue {
        account: account.to_owned(),
        region: region.to_owned(),
        name: name.to_owned(),
        id: format!("{:016x}", rand::random::<u64>()),
        created_ms: now_ms,
        modified_ms: now_ms,
        visibility_timeout_s: 30,
        retention_s: 345_600,
        delay_s: 0,
        wait_s: 0,
        max_message_bytes: MAX_MESSAGE_BYTES as usize,
        managed_encryption: true,
        policy: None,
        redrive: None,
        redrive_allow: None,
        tags: BTreeMap::new(),
        purged_before: 0,
        purged_ms: 0,
    }
}

/// Sets what was given.
///
/// # Errors
/// `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue`; `UnsupportedOperation` for KMS keys.
pub(super) fn apply(app: &App, queue: &mut Queue, attributes: &Attributes) -> Result<(), ApiError> {
    for (name, value) in attributes {
        let number = |min: u32, max: u32| number(name, value, min, max);
        match name.as_str() {
            "VisibilityTimeout" => queue.visibility_timeout_s = number(0, 43_200)?,
            "MessageRetentionPeriod" => queue.retention_s = number(60, 1_209_600)?,
            "DelaySeconds" => queue.delay_s = number(0, 900)?,
            "ReceiveMessageWaitTimeSeconds" => queue.wait_s = number(0, 20)?,
            "MaximumMessageSize" => queue.max_message_bytes = number(1024, MAX_MESSAGE_BYTES)? as usize,
            "SqsManagedSseEnabled" => queue.managed_encryption = value.parse().map_err(|_| invalid(name))?,
            "Policy" => queue.policy = policy(value)?,
            "RedrivePolicy" => queue.redrive = redrive(app, queue, value)?,
            "RedriveAllowPolicy" => queue.redrive_allow = redrive_allow(value)?,
            // What Terraform and CloudFormation send for "no key".
            "KmsMasterKeyId" if value.is_empty() => {}
            "KmsDataKeyReusePeriodSeconds" if value == "300" => {}
            "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => {
                let message = "Encryption of queues with KMS keys is not supported by OpenTrail yet.";
                return Err(super::faults::prefixed("UnsupportedOperation", message));
            }
            _ => return Err(unknown(name)),
        }
    }
    Ok(())
}

pub(super) fn unknown(name: &str) -> ApiError {
    same("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

fn invalid(name: &str) -> ApiError {
    same("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
}

fn number(name: &str, value: &str, min: u32, max: u32) -> Result<u32, ApiError> {
    value.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| invalid(name))
}

fn policy(value: &str) -> Result<Option<PolicyText>, ApiError> {
    if value.is_empty() {
        return Ok(None);
    }
    PolicyDocument::parse_within(value, PolicyKind::Resource, MAX_POLICY_BYTES).map_err(|_| invalid("Policy"))?;
    Ok(Some(value.into()))
}

fn redrive(app: &App, queue: &Queue, value: &str) -> Result<Option<Redrive>, ApiError> {
    if value.is_empty() {
        return Ok(None);
    }
    let bad = |reason: &str| bad_value(value, "RedrivePolicy", reason);
    let policy: Map<String, Value> = serde_json::from_str(value).map_err(|_| bad("Redrive policy is not a valid JSON map."))?;
    let missing = |name: &str| bad(&format!("Redrive policy does not contain mandatory attribute: {name}."));
    let target_arn = policy.get("deadLetterTargetArn").and_then(Value::as_str).ok_or_else(|| missing("deadLetterTargetArn"))?;
    let max = policy.get("maxReceiveCount").ok_or_else(|| missing("maxReceiveCount"))?;
    let text = max.as_str().map_or_else(|| max.to_string(), str::to_owned);
    let max_receives = text.parse().ok().filter(|max| (1..=1000).contains(max)).ok_or_else(|| {
        bad(&format!("Invalid value for maxReceiveCount: {text}, valid values are from 1 to 1000 both inclusive."))
    })?;
    let key = key_of_arn(target_arn).ok_or_else(|| bad("Invalid value for deadLetterTargetArn."))?;
    if !key.starts_with(&Queue::key_of(&queue.account, &queue.region, "")) {
        return Err(bad("Dead-letter target owner should be same as the source."));
    }
    let target = app.queues.by_arn(target_arn).ok_or_else(|| bad("Dead letter target does not exist."))?;
    if target.redrive_allow.as_deref().is_some_and(|allow| !allows(allow, &queue.arn())) {
        return Err(bad("Queue does not have permission to use the dead-letter queue as its target."));
    }
    Ok(Some(Redrive { target_arn: target_arn.to_owned(), max_receives }))
}

fn redrive_allow(value: &str) -> Result<Option<String>, ApiError> {
    if value.is_empty() {
        return Ok(None);
    }
    let bad = |reason: &str| bad_value(value, "RedriveAllowPolicy", reason);
    let policy: Value = serde_json::from_str(value)
        .map_err(|_| bad("Amazon SQS can't create the redrive allow policy. The JSON is not valid."))?;
    let sources = policy["sourceQueueArns"].as_array();
    match (policy["redrivePermission"].as_str(), sources) {
        (Some("allowAll" | "denyAll"), None) => {}
        (Some("byQueue"), Some(sources)) if (1..=10).contains(&sources.len()) && sources.iter().all(Value::is_string) => {}
        _ => return Err(bad("Amazon SQS can't create the redrive allow policy.")),
    }
    Ok(Some(value.to_owned()))
}

fn allows(policy: &str, source: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    match policy["redrivePermission"].as_str() {
        Some("denyAll") => false,
        Some("byQueue") => policy["sourceQueueArns"].as_array().is_some_and(|all| all.iter().any(|arn| arn == source)),
        _ => true,
    }
}

/// Every attribute that a queue has.
pub(super) fn show(app: &App, queue: &Queue) -> Map<String, Value> {
    let counts = app.queues.counts(queue);
    let mut shown = json!({
        "QueueArn": queue.arn(),
        "ApproximateNumberOfMessages": counts.visible.to_string(),
        "ApproximateNumberOfMessagesNotVisible": counts.in_flight.to_string(),
        "ApproximateNumberOfMessagesDelayed": counts.delayed.to_string(),
        "CreatedTimestamp": (queue.created_ms / 1000).to_string(),
        "LastModifiedTimestamp": (queue.modified_ms / 1000).to_string(),
    });
    let shown = shown.as_object_mut().map(std::mem::take).unwrap_or_default();
    shown.into_iter().chain(settings(queue).into_iter().map(|(name, value)| (name.to_owned(), value.into()))).collect()
}

/// The attributes that can be set, as they are.
pub(super) fn settings(queue: &Queue) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("VisibilityTimeout", queue.visibility_timeout_s.to_string()),
        ("MaximumMessageSize", queue.max_message_bytes.to_string()),
        ("MessageRetentionPeriod", queue.retention_s.to_string()),
        ("DelaySeconds", queue.delay_s.to_string()),
        ("ReceiveMessageWaitTimeSeconds", queue.wait_s.to_string()),
        ("SqsManagedSseEnabled", queue.managed_encryption.to_string()),
    ];
    if let Some(policy) = &queue.policy {
        all.push(("Policy", policy.as_str().to_owned()));
    }
    if let Some(redrive) = &queue.redrive {
        let policy = json!({"deadLetterTargetArn": redrive.target_arn, "maxReceiveCount": redrive.max_receives});
        all.push(("RedrivePolicy", policy.to_string()));
    }
    if let Some(allow) = &queue.redrive_allow {
        all.push(("RedriveAllowPolicy", allow.clone()));
    }
    all
}

/// Every name that GetQueueAttributes takes.
pub(super) const READABLE: &[&str] = &[
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "CreatedTimestamp",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];
