//! Unsubscribe.

use super::subjects;
use crate::app::App;
use crate::call::{Call, Caller};
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_messaging::topics::Subscription;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnsubscribeRequest {
    #[serde(default)]
    subscription_arn: Option<String>,
}

/// A subscription that is not there is no error. The link in a message is permission enough, unless the confirmation
/// asked for more.
///
/// # Errors
/// `InvalidParameter`, `AuthorizationError`.
pub async fn unsubscribe(app: &Arc<App>, _: &Call, input: UnsubscribeRequest) -> Result<Reply, ApiError> {
    let Some(found) = subjects::find_subscription(app, &input.subscription_arn)? else {
        return Ok(Reply::output(Value::Null));
    };
    let lock = subjects::lock(app, &found.owner).await;
    let topic = app.topics.by_arn(&found.topic_arn);
    let mut changes = Changes::new();
    changes.delete::<Subscription>(&found.key());
    let mut resources = Vec::new();
    if let Some(topic) = topic {
        let mut topic = (*topic).clone();
        topic.subscriptions_deleted += 1;
        changes.put(&topic);
        resources = subjects::resources(&topic);
    }
    Ok(Reply { changes, lock: Some(lock), resources, ..Reply::output(Value::Null) })
}

/// Whether a call without signature may remove a subscription.
pub(super) fn by_link(app: &App, call: &Call, input: &Value) -> bool {
    let arn = input["SubscriptionArn"].as_str().unwrap_or_default();
    let guarded = app.topics.subscription(arn).is_some_and(|one| one.authenticate_on_unsubscribe);
    matches!(call.caller, Caller::Anonymous) && !guarded
}
