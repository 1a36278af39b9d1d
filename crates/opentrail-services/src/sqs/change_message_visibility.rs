//! ChangeMessageVisibility, ChangeMessageVisibilityBatch.

use super::batch::{self, BatchRequest, Results};
use super::faults::{missing_parameter, of_queue, within};
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
pub struct ChangeMessageVisibilityRequest {
    #[serde(rename = "QueueUrl", default)]
    queue_url: Option<String>,
    #[serde(flatten)]
    change: VisibilityEntry,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VisibilityEntry {
    #[serde(default)]
    receipt_handle: Option<String>,
    #[serde(default)]
    visibility_timeout: Option<i64>,
}

/// # Errors
/// `QueueDoesNotExist`, `MissingParameter`, `ReceiptHandleIsInvalid`, `InvalidParameterValue`.
pub async fn change_message_visibility(
    app: &Arc<App>,
    call: &Call,
    input: ChangeMessageVisibilityRequest,
) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    let mut changes = Changes::new();
    change(app, &queue, &input.change, &mut changes)?;
    Ok(Reply { changes, resources: queues::resources(&queue), ..Reply::output(json!({})) })
}

/// # Errors
/// `QueueDoesNotExist`, and what [`batch::check`] says.
pub async fn change_message_visibility_batch(
    app: &Arc<App>,
    call: &Call,
    input: BatchRequest<VisibilityEntry>,
) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    batch::check("ChangeMessageVisibilityBatch", &input.entries)?;
    let (mut results, mut changes) = (Results::default(), Changes::new());
    for entry in input.entries {
        match change(app, &queue, &entry.content, &mut changes) {
            Ok(()) => results.succeed(&entry.id, Map::new()),
            Err(error) => results.fail(&entry.id, error)?,
        }
    }
    Ok(Reply { changes, resources: queues::resources(&queue), ..Reply::output(results.finish()) })
}

fn change(app: &App, queue: &Queue, entry: &VisibilityEntry, changes: &mut Changes) -> Result<(), ApiError> {
    let handle = entry.receipt_handle.as_deref().ok_or_else(|| missing_parameter("ReceiptHandle"))?;
    let timeout = entry.visibility_timeout.ok_or_else(|| missing_parameter("VisibilityTimeout"))?;
    let seconds = within(Some(timeout), "VisibilityTimeout", 0, 43_200, 0)?;
    app.queues.change_visibility(queue, handle, u64::from(seconds) * 1000, changes).map_err(of_queue)
}
