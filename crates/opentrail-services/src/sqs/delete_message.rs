//! DeleteMessage, DeleteMessageBatch.

use super::batch::{self, BatchRequest, Results};
use super::faults::{missing_parameter, of_queue};
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Queue;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteMessageRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    receipt_handle: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteEntry {
    #[serde(default)]
    receipt_handle: Option<String>,
}

/// # Errors
/// `QueueDoesNotExist`, `MissingParameter`, `ReceiptHandleIsInvalid`.
pub async fn delete_message(app: &Arc<App>, call: &Call, input: DeleteMessageRequest) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    let mut changes = Changes::new();
    delete(app, &queue, input.receipt_handle.as_deref(), &mut changes)?;
    Ok(Reply { changes, resources: queues::resources(&queue), ..Reply::output(json!({})) })
}

/// # Errors
/// `QueueDoesNotExist`, and what [`batch::check`] says.
pub async fn delete_message_batch(app: &Arc<App>, call: &Call, input: BatchRequest<DeleteEntry>) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    batch::check("DeleteMessageBatch", &input.entries)?;
    let (mut results, mut changes) = (Results::default(), Changes::new());
    for entry in input.entries {
        match delete(app, &queue, entry.content.receipt_handle.as_deref(), &mut changes) {
            Ok(()) => results.succeed(&entry.id, Map::new()),
            Err(error) => results.fail(&entry.id, error)?,
        }
    }
    Ok(Reply { changes, resources: queues::resources(&queue), ..Reply::output(results.finish()) })
}

fn delete(app: &App, queue: &Queue, handle: Option<&str>, changes: &mut Changes) -> Result<(), ApiError> {
    let handle = handle.ok_or_else(|| missing_parameter("ReceiptHandle"))?;
    app.queues.delete(queue, handle, changes).map_err(of_queue)
}
