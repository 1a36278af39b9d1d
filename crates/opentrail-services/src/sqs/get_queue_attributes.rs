//! GetQueueAttributes.

use super::attributes::{self, READABLE};
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetQueueAttributesRequest {
    #[serde(default)]
    queue_url: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
}

/// # Errors
/// `QueueDoesNotExist`, `InvalidAttributeName`.
pub async fn get_queue_attributes(app: &Arc<App>, call: &Call, input: GetQueueAttributesRequest) -> Result<Reply, ApiError> {
    let queue = queues::by_url(app, call, input.queue_url.as_ref())?;
    if let Some(unknown) = input.attribute_names.iter().find(|name| !READABLE.contains(&name.as_str())) {
        return Err(attributes::unknown(unknown));
    }
    let wanted = |name: &String| input.attribute_names.iter().any(|wanted| wanted == "All" || wanted == name);
    let shown: Map<String, Value> = attributes::show(app, &queue).into_iter().filter(|(name, _)| wanted(name)).collect();
    let output = if shown.is_empty() { json!({}) } else { json!({"Attributes": shown}) };
    Ok(Reply { resources: queues::resources(&queue), ..Reply::output(output) })
}
