//! GetSubscriptionAttributes, SetSubscriptionAttributes.

use super::attributes::effective_delivery_policy;
use super::faults::{flag, invalid, required, unsealable};
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::queues::key_of_arn;
use opentrail_messaging::topics::{Filter, Protocol, RetryPolicy, Subscription};
use opentrail_wire::{ApiError, query_map};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest key of a webhook's HMAC.
const MAX_SECRET_BYTES: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubscriptionAttributesRequest {
    #[serde(default)]
    subscription_arn: Option<String>,
    #[serde(default)]
    attribute_name: Option<String>,
    #[serde(default)]
    attribute_value: Option<String>,
}

/// Sets one attribute. [`check`] when all are set.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn set(app: &App, subscription: &mut Subscription, name: &str, value: &str) -> Result<(), ApiError> {
    let given = (!value.is_empty()).then(|| value.to_owned());
    match name {
        "RawMessageDelivery" => subscription.raw = flag(name, value)?,
        "FilterPolicy" => subscription.filter_policy = given,
        "FilterPolicyScope" => match value {
            "MessageAttributes" => subscription.filter_body = false,
            "MessageBody" => subscription.filter_body = true,
            _ => {
                return Err(invalid(format!(
                    "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                )));
            }
        },
        "RedrivePolicy" => subscription.dead_letter_arn = given.map(|policy| dead_letter_arn(&policy)).transpose()?,
        "DeliveryPolicy" => {
            RetryPolicy::parse(if value.is_empty() { "{}" } else { value }).map_err(invalid)?;
            subscription.delivery_policy = given;
        }
        "WebhookSecret" if subscription.protocol != Protocol::Sqs && value.len() <= MAX_SECRET_BYTES => {
            subscription.set_webhook_secret(&app.seal, given.as_deref()).map_err(|error| unsealable(&error))?;
        }
        _ => return Err(invalid("AttributeName")),
    }
    Ok(())
}

/// Checks attributes against each other.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn check(subscription: &Subscription) -> Result<(), ApiError> {
    let Some(policy) = &subscription.filter_policy else { return Ok(()) };
    Filter::parse(policy, subscription.filter_body).map(drop).map_err(|reason| invalid(format!("FilterPolicy: {reason}")))
}

fn dead_letter_arn(policy: &str) -> Result<String, ApiError> {
    let policy: Value = serde_json::from_str(policy).map_err(|_| invalid("RedrivePolicy: failed to parse JSON."))?;
    let arn = policy["deadLetterTargetArn"].as_str().filter(|arn| key_of_arn(arn).is_some());
    arn.map(str::to_owned).ok_or_else(|| invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn"))
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn get_subscription_attributes(
    app: &Arc<App>,
    _: &Call,
    input: SubscriptionAttributesRequest,
) -> Result<Reply, ApiError> {
    let subscription = subjects::subscription(app, &input.subscription_arn)?;
    let mut shown = vec![
        ("SubscriptionArn", subscription.arn()),
        ("TopicArn", subscription.topic_arn.clone()),
        ("Owner", subscription.owner.clone()),
        ("Protocol", subscription.protocol.name().to_owned()),
        ("Endpoint", subscription.endpoint.clone()),
        ("ConfirmationWasAuthenticated", subscription.authenticated.to_string()),
        ("PendingConfirmation", (!subscription.confirmed).to_string()),
        ("RawMessageDelivery", subscription.raw.to_string()),
        ("SubscriptionPrincipal", subscription.principal.clone()),
    ];
    if let Some(policy) = &subscription.filter_policy {
        shown.push(("FilterPolicy", policy.clone()));
        let scope = if subscription.filter_body { "MessageBody" } else { "MessageAttributes" };
        shown.push(("FilterPolicyScope", scope.into()));
    }
    if let Some(arn) = &subscription.dead_letter_arn {
        shown.push(("RedrivePolicy", json!({"deadLetterTargetArn": arn}).to_string()));
    }
    if let Some(policy) = &subscription.delivery_policy {
        shown.push(("DeliveryPolicy", policy.clone()));
    }
    if subscription.protocol != Protocol::Sqs {
        let topic = app.topics.by_arn(&subscription.topic_arn);
        let of_topic = topic.as_ref().and_then(|topic| topic.delivery_policy.as_ref());
        let effective = effective_delivery_policy(subscription.delivery_policy.as_ref().or(of_topic));
        shown.push(("EffectiveDeliveryPolicy", json!({"healthyRetryPolicy": effective}).to_string()));
    }
    let map = query_map(shown.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))));
    Ok(Reply::output(json!({"Attributes": map})))
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn set_subscription_attributes(
    app: &Arc<App>,
    call: &Call,
    input: SubscriptionAttributesRequest,
) -> Result<Reply, ApiError> {
    let name = required(&input.attribute_name, "attributeName")?;
    let lock = subjects::lock(app, &call.account).await;
    let mut subscription = (*subjects::subscription(app, &input.subscription_arn)?).clone();
    set(app, &mut subscription, name, input.attribute_value.as_deref().unwrap_or_default())?;
    check(&subscription)?;
    let mut changes = Changes::new();
    changes.put(&subscription);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
