//! GetTopicAttributes, SetTopicAttributes.

use super::attributes;
use super::delete_topic::OnlyTopic;
use super::faults::required;
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::{ApiError, query_map};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetTopicAttributesRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    attribute_name: Option<String>,
    #[serde(default)]
    attribute_value: Option<String>,
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn get_topic_attributes(app: &Arc<App>, _: &Call, input: OnlyTopic) -> Result<Reply, ApiError> {
    let topic = subjects::topic(app, &input.topic_arn)?;
    let subscriptions = app.topics.subscriptions_of(&topic);
    let confirmed = subscriptions.iter().filter(|subscription| subscription.confirmed).count();
    let effective = json!({"http": {
        "defaultHealthyRetryPolicy": attributes::effective_delivery_policy(topic.delivery_policy.as_ref()),
        "disableSubscriptionOverrides": false,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }});
    let mut shown = vec![
        ("TopicArn", topic.arn()),
        ("Owner", topic.account.clone()),
        ("Policy", topic.policy.as_str().to_owned()),
        ("DisplayName", topic.display_name.clone()),
        ("SubscriptionsConfirmed", confirmed.to_string()),
        ("SubscriptionsPending", (subscriptions.len() - confirmed).to_string()),
        ("SubscriptionsDeleted", topic.subscriptions_deleted.to_string()),
        ("EffectiveDeliveryPolicy", effective.to_string()),
    ];
    if let Some(policy) = &topic.delivery_policy {
        shown.push(("DeliveryPolicy", policy.clone()));
    }
    if let Some(version) = topic.signature_version {
        shown.push(("SignatureVersion", version.to_string()));
    }
    let map = query_map(shown.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))));
    Ok(Reply { resources: subjects::resources(&topic), ..Reply::output(json!({"Attributes": map})) })
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn set_topic_attributes(app: &Arc<App>, call: &Call, input: SetTopicAttributesRequest) -> Result<Reply, ApiError> {
    let name = required(&input.attribute_name, "attributeName")?;
    let lock = subjects::lock(app, &call.account).await;
    let mut topic = (*subjects::topic(app, &input.topic_arn)?).clone();
    attributes::set(&mut topic, name, input.attribute_value.as_deref().unwrap_or_default())?;
    let mut changes = Changes::new();
    changes.put(&topic);
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(Value::Null) })
}
