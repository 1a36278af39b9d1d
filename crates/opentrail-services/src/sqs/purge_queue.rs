//! PurgeQueue.

use super::faults::prefixed;
use super::queues::{self, OnlyQueue};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// How long after a purge the next is refused, in milliseconds.
const PURGE_PERIOD_MS: u64 = 60_000;

/// # Errors
/// `QueueDoesNotExist`, `PurgeQueueInProgress`.
pub async fn purge_queue(app: &Arc<App>, call: &Call, input: OnlyQueue) -> Result<Reply, ApiError> {
    let (lock, mut queue) = queues::for_change(app, call, input.queue_url.as_ref()).await?;
    let now_ms = u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    if queue.purged_ms > 0 && queue.purged_ms + PURGE_PERIOD_MS > now_ms {
        let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name);
        return Err(prefixed("PurgeQueueInProgress", message).with_status(403));
    }
    queue.purged_ms = now_ms;
    queue.purged_before = app.queues.next_sequence();
    let mut changes = Changes::new();
    changes.put(&queue);
    Ok(Reply { changes, lock: Some(lock), resources: queues::resources(&queue), ..Reply::output(json!({})) })
}
