//! Which topic or subscription a call means.

use super::faults::{invalid, not_found, required};
use crate::app::App;
use crate::call::Call;
use crate::recording::lower_cased;
use opentrail_catalog::NamedLock;
use opentrail_messaging::Topic;
use opentrail_messaging::topics::{Subscription, key_of_topic_arn, topic_arn};
use opentrail_model::record::Resource;
use opentrail_policy::{PolicyDocument, PolicyKind};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// What records show instead of secrets and messages.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Refuses what is no ARN, in SNS's words.
fn check_arn(arn: &str, member: &str) -> Result<(), ApiError> {
    let elements = arn.split(':').count();
    if elements < 6 {
        let reason = format!("{member} Reason: An ARN must have at least 6 elements, not {elements}");
        return Err(invalid(reason));
    }
    match key_of_topic_arn(arn) {
        Some(_) => Ok(()),
        None => Err(invalid(format!("{member} Reason: not a topic's or subscription's ARN"))),
    }
}

/// The topic with this ARN.
///
/// # Errors
/// `ValidationError`, `InvalidParameter`, `NotFound`.
pub(super) fn topic(app: &App, given: &Option<String>) -> Result<Arc<Topic>, ApiError> {
    let arn = required(given, "topicArn")?;
    check_arn(arn, "TopicArn")?;
    app.topics.by_arn(arn).ok_or_else(|| not_found("Topic"))
}

/// The subscription with this ARN.
///
/// # Errors
/// `ValidationError`, `InvalidParameter`, `NotFound`.
pub(super) fn subscription(app: &App, given: &Option<String>) -> Result<Arc<Subscription>, ApiError> {
    find_subscription(app, given)?.ok_or_else(|| not_found("Subscription"))
}

/// [`subscription`], if there is one.
///
/// # Errors
/// `ValidationError`, `InvalidParameter`.
pub(super) fn find_subscription(app: &App, given: &Option<String>) -> Result<Option<Arc<Subscription>>, ApiError> {
    let arn = required(given, "subscriptionArn")?;
    check_arn(arn, "SubscriptionArn")?;
    if key_of_topic_arn(arn).is_none_or(|(_, id)| id.is_none()) {
        return Err(invalid("SubscriptionId"));
    }
    Ok(app.topics.subscription(arn))
}

/// Held while a decision about an account's topics is made and until it is recorded.
pub(super) async fn lock(app: &App, account: &str) -> NamedLock {
    app.catalog.lock(&format!("sns {account}")).await
}

/// What a record of an operation on a topic says it was about.
pub(super) fn resources(topic: &Topic) -> Vec<Resource> {
    vec![Resource {
        account: Some(topic.account.clone()),
        kind: Some("AWS::SNS::Topic".into()),
        arn: Some(topic.arn()),
        arn_prefix: None,
    }]
}

/// The ARN of the topic that an input is about, in whichever member.
pub(super) fn arn(_: &App, _: &Call, input: &Value) -> String {
    let member = |name: &str| input[name].as_str().filter(|arn| !arn.is_empty());
    let given = ["TopicArn", "TargetArn", "ResourceArn", "SubscriptionArn"].into_iter().find_map(member).unwrap_or("*");
    // Subscriptions are covered by their topics.
    given.splitn(7, ':').take(6).collect::<Vec<_>>().join(":")
}

pub(super) fn name_arn(_: &App, call: &Call, input: &Value) -> String {
    topic_arn(&call.region, &call.account, input["Name"].as_str().unwrap_or("*"))
}

pub(super) fn policy(app: &App, call: &Call, input: &Value) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    let topic = app.topics.by_arn(&arn(app, call, input));
    Ok(topic.map(|topic| Arc::clone(topic.policy.document(PolicyKind::Resource))))
}

/// `requestParameters` of operations that carry messages or secrets: all but those.
pub(super) fn recorded(input: &Value) -> Value {
    let mut input = input.clone();
    hide(&mut input);
    if let Some(entries) = input.get_mut("PublishBatchRequestEntries").and_then(Value::as_array_mut) {
        entries.iter_mut().for_each(hide);
    }
    if let Some(secret) = input.get_mut("Attributes").and_then(|all| all.get_mut("WebhookSecret")) {
        *secret = json!(HIDDEN);
    }
    if input["AttributeName"] == "WebhookSecret" {
        input["AttributeValue"] = json!(HIDDEN);
    }
    lower_cased(&input)
}

fn hide(members: &mut Value) {
    for name in ["Message", "Subject", "MessageAttributes", "Token"] {
        if let Some(value) = members.get_mut(name) {
            *value = json!(HIDDEN);
        }
    }
}
