//! CreateQueue.

use super::attributes::{self, Attributes};
use super::faults::{invalid_parameter, missing_parameter, prefixed, queue_name_exists};
use super::{queues, tags};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Queue;
use opentrail_messaging::queues::{DeletedQueue, NAME_BLOCKED_MS};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Longest name of a queue.
const MAX_NAME_BYTES: usize = 80;
/// Most queues of an account in a region. Each costs memory for as long as it is there.
const MAX_QUEUES: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateQueueRequest {
    #[serde(default)]
    queue_name: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    /// `tags` in JSON, `Tag.1` in forms.
    #[serde(default, alias = "tags")]
    tags: Attributes,
}

/// # Errors
/// `InvalidParameterValue` for the name, what [`attributes::apply`] says, `QueueNameExists`, `QueueDeletedRecently`.
pub async fn create_queue(app: &Arc<App>, call: &Call, input: CreateQueueRequest) -> Result<Reply, ApiError> {
    let name = input.queue_name.filter(|name| !name.is_empty()).ok_or_else(|| missing_parameter("QueueName"))?;
    check_name(&name)?;
    let lock = queues::lock(app, &call.account, &call.region, &name).await;
    if let Some(existing) = app.queues.find(&call.account, &call.region, &name) {
        let mut wanted = Queue::clone(&existing);
        attributes::apply(app, &mut wanted, &input.attributes)?;
        if let Some(different) = first_difference(&existing, &wanted) {
            return Err(queue_name_exists(different));
        }
        let url = queues::url_of(call, &existing);
        return Ok(Reply { resources: queues::resources(&existing), ..Reply::output(json!({"QueueUrl": url})) });
    }
    let now_ms = u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    let key = Queue::key_of(&call.account, &call.region, &name);
    let deleted = app.catalog.get::<DeletedQueue>(&key).map_err(|error| catalog_failure(&error))?;
    if deleted.is_some_and(|deleted| deleted.deleted_ms + NAME_BLOCKED_MS > now_ms) {
        let message = "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
        return Err(prefixed("QueueDeletedRecently", message));
    }
    if app.queues.list(&call.account, &call.region, "", None, MAX_QUEUES).len() >= MAX_QUEUES {
        return Err(super::faults::same("OverLimit", format!("There are {MAX_QUEUES} queues already.")));
    }
    let mut queue = attributes::defaults(&call.account, &call.region, &name, now_ms);
    attributes::apply(app, &mut queue, &input.attributes)?;
    tags::add(&mut queue, input.tags)?;
    let mut changes = Changes::new();
    changes.put(&queue).delete::<DeletedQueue>(&key);
    Ok(Reply {
        changes,
        lock: Some(lock),
        resources: queues::resources(&queue),
        ..Reply::output(json!({"QueueUrl": queues::url_of(call, &queue)}))
    })
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(invalid_parameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"))
}

fn first_difference(existing: &Queue, wanted: &Queue) -> Option<&'static str> {
    let (existing, wanted) = (attributes::settings(existing), attributes::settings(wanted));
    wanted
        .iter()
        .find(|setting| !existing.contains(setting))
        .or_else(|| existing.iter().find(|setting| !wanted.contains(setting)))
        .map(|(name, _)| *name)
}
