//! DeleteTopic.

use super::faults::required;
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_messaging::Topic;
use opentrail_messaging::topics::Subscription;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnlyTopic {
    #[serde(default)]
    pub(super) topic_arn: Option<String>,
}

/// A topic that is not there is no error. Its subscriptions go with it.
///
/// # Errors
/// `InvalidParameter`.
pub async fn delete_topic(app: &Arc<App>, call: &Call, input: OnlyTopic) -> Result<Reply, ApiError> {
    required(&input.topic_arn, "topicArn")?;
    let lock = subjects::lock(app, &call.account).await;
    let topic = match subjects::topic(app, &input.topic_arn) {
        Ok(topic) => topic,
        Err(error) if error.code == "NotFound" => return Ok(Reply::output(Value::Null)),
        Err(error) => return Err(error),
    };
    let mut changes = Changes::new();
    for subscription in app.topics.subscriptions_of(&topic) {
        changes.delete::<Subscription>(&subscription.key());
    }
    changes.delete::<Topic>(&topic.key());
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(Value::Null) })
}
