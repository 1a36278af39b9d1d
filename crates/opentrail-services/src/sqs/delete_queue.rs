//! DeleteQueue.

use super::queues::{self, OnlyQueue};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Queue;
use opentrail_messaging::queues::DeletedQueue;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// `QueueDoesNotExist`.
pub async fn delete_queue(app: &Arc<App>, call: &Call, input: OnlyQueue) -> Result<Reply, ApiError> {
    let (lock, queue) = queues::for_change(app, call, input.queue_url.as_ref()).await?;
    let key = Queue::key_of(&queue.account, &queue.region, &queue.name);
    let deleted_ms = u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    let mut changes = Changes::new();
    changes.delete::<Queue>(&key).put(&DeletedQueue { queue: key.clone(), deleted_ms });
    Ok(Reply { changes, lock: Some(lock), resources: queues::resources(&queue), ..Reply::output(json!({})) })
}
