//! SetQueueAttributes.

use super::attributes::{self, Attributes};
use super::faults::missing_parameter;
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetQueueAttributesRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    attributes: Attributes,
}

/// # Errors
/// `QueueDoesNotExist`, and what [`attributes::apply`] says.
pub async fn set_queue_attributes(app: &Arc<App>, call: &Call, input: SetQueueAttributesRequest) -> Result<Reply, ApiError> {
    if input.attributes.is_empty() {
        return Err(missing_parameter("Attribute.Name"));
    }
    let (lock, mut queue) = queues::for_change(app, call, input.queue_url.as_ref()).await?;
    attributes::apply(app, &mut queue, &input.attributes)?;
    queue.modified_ms = u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    let mut changes = Changes::new();
    changes.put(&queue);
    Ok(Reply { changes, lock: Some(lock), resources: queues::resources(&queue), ..Reply::output(json!({})) })
}
