//! ListSubscriptions, ListSubscriptionsByTopic.

use super::list_topics::{OnlyPage, PAGE, read_token, token};
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_messaging::topics::Subscription;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSubscriptionsByTopicRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameter`.
pub async fn list_subscriptions(app: &Arc<App>, call: &Call, input: OnlyPage) -> Result<Reply, ApiError> {
    let topics = app.topics.list(&call.account, &call.region, None, usize::MAX);
    let all = topics.iter().flat_map(|topic| app.topics.subscriptions_of(topic)).collect();
    page(all, &input.next_token)
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn list_subscriptions_by_topic(
    app: &Arc<App>,
    _: &Call,
    input: ListSubscriptionsByTopicRequest,
) -> Result<Reply, ApiError> {
    let topic = subjects::topic(app, &input.topic_arn)?;
    let reply = page(app.topics.subscriptions_of(&topic), &input.next_token)?;
    Ok(Reply { resources: subjects::resources(&topic), ..reply })
}

fn page(mut all: Vec<Arc<Subscription>>, given: &Option<String>) -> Result<Reply, ApiError> {
    let after = read_token(given)?;
    all.sort_by_key(|subscription| subscription.arn());
    all.retain(|subscription| after.as_ref().is_none_or(|after| subscription.arn() > *after));
    let shown: Vec<Value> = all.iter().take(PAGE).map(|subscription| show(subscription)).collect();
    let mut output = json!({"Subscriptions": shown});
    if all.len() > PAGE {
        output["NextToken"] = token(&all[PAGE - 1].arn()).into();
    }
    Ok(Reply::output(output))
}

fn show(subscription: &Subscription) -> Value {
    let arn = if subscription.confirmed { subscription.arn() } else { "PendingConfirmation".into() };
    json!({
        "SubscriptionArn": arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol.name(),
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    })
}
