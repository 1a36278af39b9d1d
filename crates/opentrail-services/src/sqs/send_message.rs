//! SendMessage, SendMessageBatch.

use super::attributes::MAX_MESSAGE_BYTES;
use super::batch::{self, BatchRequest, Results};
use super::faults::prefixed;
use super::messages::Draft;
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
pub struct SendMessageRequest {
    #[serde(rename = "QueueUrl", default)]
    queue_url: Option<String>,
    #[serde(flatten)]
    draft: Draft,
}

/// # Errors
/// `QueueDoesNotExist`, and what [`Draft::accept`] says.
pub async fn send_message(app: &Arc<App>, call: &Call, input: SendMessageRequest) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    let accepted = input.draft.accept(&app.queues, &queue, &sender(call))?;
    let mut changes = Changes::new();
    changes.put(&accepted.message);
    Ok(Reply { changes, resources: queues::resources(&queue), ..Reply::output(Value::Object(accepted.answer)) })
}

/// # Errors
/// `QueueDoesNotExist`, what [`batch::check`] says, `BatchRequestTooLong`.
pub async fn send_message_batch(app: &Arc<App>, call: &Call, input: BatchRequest<Draft>) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    batch::check("SendMessageBatch", &input.entries)?;
    let sender = sender(call);
    let limit = MAX_MESSAGE_BYTES as usize;
    let bodies: usize = input.entries.iter().filter_map(|entry| entry.content.message_body.as_ref()).map(String::len).sum();
    let too_long = |size: usize| {
        let message = format!("Batch requests cannot be longer than {limit} bytes. You have sent {size} bytes.");
        prefixed("BatchRequestTooLong", message)
    };
    if bodies > limit {
        return Err(too_long(bodies));
    }
    let (mut results, mut changes, mut size) = (Results::default(), Changes::new(), 0);
    for entry in input.entries {
        match entry.content.accept(&app.queues, &queue, &sender) {
            Ok(accepted) => {
                size += accepted.size;
                changes.put(&accepted.message);
                results.succeed(&entry.id, accepted.answer);
            }
            Err(error) => results.fail(&entry.id, error)?,
        }
    }
    if size > limit {
        return Err(too_long(size));
    }
    Ok(Reply { changes, resources: queues::resources(&queue), ..Reply::output(results.finish()) })
}

/// What receivers are shown as `SenderId`.
fn sender(call: &Call) -> String {
    call.caller.user_id().unwrap_or_else(|| call.caller.arn())
}
