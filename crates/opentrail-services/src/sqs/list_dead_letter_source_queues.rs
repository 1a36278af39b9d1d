//! ListDeadLetterSourceQueues.

use super::faults::within;
use super::list_queues::{page, read_token};
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListDeadLetterSourceQueuesRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    max_results: Option<i64>,
    #[serde(default)]
    next_token: Option<String>,
}

/// # Errors
/// `QueueDoesNotExist`, `InvalidParameterValue`.
pub async fn list_dead_letter_source_queues(
    app: &Arc<App>,
    call: &Call,
    input: ListDeadLetterSourceQueuesRequest,
) -> Result<Reply, ApiError> {
    let dead = queues::by_url(app, call, input.queue_url.as_ref())?;
    let size = within(input.max_results, "MaxResults", 1, 1000, 1000)? as usize;
    let after = input.next_token.as_deref().map(read_token).transpose()?;
    let arn = dead.arn();
    let all = app.queues.list(&dead.account, &dead.region, "", after.as_deref(), usize::MAX);
    let uses = |redrive: &opentrail_messaging::queues::Redrive| redrive.target_arn == arn;
    let found: Vec<_> = all.into_iter().filter(|queue| queue.redrive.as_ref().is_some_and(uses)).take(size + 1).collect();
    let mut output = page(call, "queueUrls", &found, size, input.max_results.is_some());
    if found.is_empty() {
        output["queueUrls"] = Vec::<String>::new().into();
    }
    Ok(Reply { resources: queues::resources(&dead), ..Reply::output(output) })
}
