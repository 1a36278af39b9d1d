//! CreateTopic.

use super::attributes::{self, Attributes};
use super::faults::{invalid, required};
use super::{subjects, tags};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const MAX_NAME_BYTES: usize = 256;
/// Most topics of an account in a region.
const MAX_TOPICS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTopicRequest {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    tags: Vec<tags::Tag>,
    #[serde(default)]
    data_protection_policy: Option<String>,
}

/// # Errors
/// `InvalidParameter`, `TopicLimitExceeded`.
pub async fn create_topic(app: &Arc<App>, call: &Call, input: CreateTopicRequest) -> Result<Reply, ApiError> {
    let name = required(&input.name, "name")?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !plain || name.len() > MAX_NAME_BYTES {
        return Err(invalid("Topic Name"));
    }
    if input.data_protection_policy.is_some_and(|policy| !policy.is_empty()) {
        return Err(invalid("DataProtectionPolicy Reason: not supported by OpenTrail yet"));
    }
    let lock = subjects::lock(app, &call.account).await;
    if let Some(existing) = app.topics.find(&call.account, &call.region, name) {
        let mut wanted = (*existing).clone();
        input.attributes.iter().try_for_each(|(name, value)| attributes::set(&mut wanted, name, value))?;
        if wanted != *existing {
            return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
        }
        if !input.tags.is_empty() {
            wanted.tags.clear();
            tags::add(&mut wanted, input.tags)?;
            if wanted.tags != existing.tags {
                return Err(invalid("Tags Reason: Topic already exists with different tags"));
            }
        }
        return Ok(Reply { resources: subjects::resources(&existing), ..Reply::output(json!({"TopicArn": existing.arn()})) });
    }
    if app.topics.list(&call.account, &call.region, None, MAX_TOPICS).len() >= MAX_TOPICS {
        let message = format!("There are {MAX_TOPICS} topics already.");
        return Err(ApiError::new("TopicLimitExceeded", message).with_status(403));
    }
    let now_ms = u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    let mut topic = attributes::defaults(&call.account, &call.region, name, now_ms);
    input.attributes.iter().try_for_each(|(name, value)| attributes::set(&mut topic, name, value))?;
    tags::add(&mut topic, input.tags)?;
    let mut changes = Changes::new();
    changes.put(&topic);
    let output = json!({"TopicArn": topic.arn()});
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(output) })
}
