//! Attributes of topics.

use super::faults::invalid;
use opentrail_messaging::Topic;
use opentrail_messaging::topics::{RetryPolicy, topic_arn};
use opentrail_policy::{PolicyDocument, PolicyKind};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Largest policy of a topic, in bytes.
const MAX_POLICY_BYTES: usize = 30_720;
const MAX_DISPLAY_NAME_CHARS: usize = 100;

/// Attributes as they are given: text under names.
pub(super) type Attributes = BTreeMap<String, String>;

/// A topic with the settings that topics have from the start.
pub(super) fn defaults(account: &str, region: &str, name: &str, now_ms: u64) -> Topic {
    Topic {
        account: account.to_owned(),
        region: region.to_owned(),
        name: name.to_owned(),
        created_ms: now_ms,
        display_name: String::new(),
        policy: default_policy(account, region, name).into(),
        delivery_policy: None,
        signature_version: None,
        tags: BTreeMap::new(),
        subscriptions_deleted: 0,
    }
}

fn default_policy(account: &str, region: &str, name: &str) -> String {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions.map(|action| format!("SNS:{action}")),
            "Resource": topic_arn(region, account, name),
            "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
        }],
    })
    .to_string()
}

/// Sets one attribute.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn set(topic: &mut Topic, name: &str, value: &str) -> Result<(), ApiError> {
    match name {
        "DisplayName" if value.chars().count() <= MAX_DISPLAY_NAME_CHARS => topic.display_name = value.into(),
        "DisplayName" => return Err(invalid("DisplayName")),
        "Policy" => {
            check_policy(value)?;
            topic.policy = value.into();
        }
        "DeliveryPolicy" if value.is_empty() => topic.delivery_policy = None,
        "DeliveryPolicy" => {
            RetryPolicy::parse(value).map_err(invalid)?;
            topic.delivery_policy = Some(value.into());
        }
        "SignatureVersion" => match value {
            "1" => topic.signature_version = Some(1),
            "2" => topic.signature_version = Some(2),
            _ => return Err(invalid("SignatureVersion")),
        },
        // What Terraform sends for settings that are off.
        "TracingConfig" if value == "PassThrough" => {}
        "KmsMasterKeyId" if value.is_empty() => {}
        "FifoTopic" | "ContentBasedDeduplication" if value == "false" => {}
        "ArchivePolicy" if value.is_empty() => {}
        _ if name.ends_with("FeedbackSampleRate") && value == "0" => {}
        _ if name.ends_with("FeedbackRoleArn") && value.is_empty() => {}
        _ if name.ends_with("FeedbackSampleRate") || name.ends_with("FeedbackRoleArn") => {
            return Err(invalid("AttributeName Reason: delivery status logging is not supported by OpenTrail yet"));
        }
        "KmsMasterKeyId" => return Err(invalid("KmsMasterKeyId Reason: KMS keys are not supported by OpenTrail yet")),
        "FifoTopic" => return Err(invalid("Attributes Reason: FIFO topics are not supported in this region")),
        "TracingConfig" => return Err(invalid("TracingConfig Reason: tracing is not supported by OpenTrail yet")),
        _ => return Err(invalid("AttributeName")),
    }
    Ok(())
}

/// Checks that a policy is one, and about SNS only.
pub(super) fn check_policy(text: &str) -> Result<(), ApiError> {
    PolicyDocument::parse_within(text, PolicyKind::Resource, MAX_POLICY_BYTES)
        .map_err(|error| invalid(format!("Policy Error: {error}")))?;
    let policy: Value = serde_json::from_str(text).unwrap_or_default();
    let many = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let actions = many(&policy["Statement"]).into_iter().flat_map(|statement| many(&statement["Action"]));
    let foreign = |action: Value| action.as_str().is_some_and(|action| !action.to_ascii_lowercase().starts_with("sns:"));
    if actions.into_iter().any(foreign) {
        return Err(invalid("Policy statement action out of service scope!"));
    }
    Ok(())
}

/// What a delivery policy comes to with its defaults.
pub(super) fn effective_delivery_policy(given: Option<&String>) -> Value {
    let mut retry = json!({
        "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
    });
    let given: Value = given.and_then(|policy| serde_json::from_str(policy).ok()).unwrap_or_default();
    let own = [&given["healthyRetryPolicy"], &given["http"]["defaultHealthyRetryPolicy"]];
    for (name, value) in own.into_iter().filter_map(Value::as_object).flatten() {
        retry[name] = value.clone();
    }
    retry
}
