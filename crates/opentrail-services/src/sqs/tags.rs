//! TagQueue, UntagQueue, ListQueueTags.

use super::attributes::Attributes;
use super::faults::{invalid_parameter, missing_parameter};
use super::queues::{self, OnlyQueue};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Queue;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Most tags of a queue.
const MAX_TAGS: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagQueueRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    tags: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagQueueRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// Adds tags, replacing those of the same keys.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn add(queue: &mut Queue, tags: Attributes) -> Result<(), ApiError> {
    for (key, value) in tags {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid_parameter(format!("The tag key '{key}' or its value is invalid.")));
        }
        queue.tags.insert(key, value);
    }
    if queue.tags.len() > MAX_TAGS {
        return Err(invalid_parameter(format!("Too many tags added for queue {}.", queue.name)));
    }
    Ok(())
}

/// # Errors
/// `QueueDoesNotExist`, `MissingParameter`, `InvalidParameterValue`.
pub async fn tag_queue(app: &Arc<App>, call: &Call, input: TagQueueRequest) -> Result<Reply, ApiError> {
    if input.tags.is_empty() {
        return Err(missing_parameter("Tags"));
    }
    change(app, call, input.queue_url, |queue| add(queue, input.tags)).await
}

/// # Errors
/// `QueueDoesNotExist`, `MissingParameter`.
pub async fn untag_queue(app: &Arc<App>, call: &Call, input: UntagQueueRequest) -> Result<Reply, ApiError> {
    if input.tag_keys.is_empty() {
        return Err(missing_parameter("TagKeys"));
    }
    let edit = |queue: &mut Queue| {
        queue.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(app, call, input.queue_url, edit).await
}

async fn change(
    app: &App,
    call: &Call,
    url: Option<String>,
    edit: impl FnOnce(&mut Queue) -> Result<(), ApiError>,
) -> Result<Reply, ApiError> {
    let (lock, mut queue) = queues::for_change(app, call, url.as_ref()).await?;
    edit(&mut queue)?;
    let mut changes = Changes::new();
    changes.put(&queue);
    Ok(Reply { changes, lock: Some(lock), resources: queues::resources(&queue), ..Reply::output(json!({})) })
}

/// # Errors
/// `QueueDoesNotExist`.
pub async fn list_queue_tags(app: &Arc<App>, call: &Call, input: OnlyQueue) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    let output = if queue.tags.is_empty() { json!({}) } else { json!({"Tags": queue.tags}) };
    Ok(Reply { resources: queues::resources(&queue), ..Reply::output(output) })
}
