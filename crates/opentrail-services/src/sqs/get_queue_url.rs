//! GetQueueUrl.

use super::faults::{missing_parameter, no_such_queue};
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetQueueUrlRequest {
    #[serde(default)]
    queue_name: Option<String>,
    #[serde(default, rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

/// # Errors
/// `QueueDoesNotExist`.
pub async fn get_queue_url(app: &Arc<App>, call: &Call, input: GetQueueUrlRequest) -> Result<Reply, ApiError> {
    let name = input.queue_name.ok_or_else(|| missing_parameter("QueueName"))?;
    let account = input.owner.as_deref().filter(|owner| !owner.is_empty()).unwrap_or(&call.account);
    let queue = app.queues.find(account, &call.region, &name).ok_or_else(no_such_queue)?;
    let output = json!({"QueueUrl": queues::url_of(call, &queue)});
    Ok(Reply { resources: queues::resources(&queue), ..Reply::output(output) })
}
