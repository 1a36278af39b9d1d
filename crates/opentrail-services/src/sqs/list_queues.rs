//! ListQueues.

use super::faults::{invalid_parameter, within};
use super::queues;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_messaging::Queue;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Most queues of a page, and what a call without `MaxResults` gets.
const MAX_RESULTS: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListQueuesRequest {
    #[serde(default)]
    queue_name_prefix: Option<String>,
    #[serde(default)]
    max_results: Option<i64>,
    #[serde(default)]
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameterValue` if a page is too large or the token not ours.
pub async fn list_queues(app: &Arc<App>, call: &Call, input: ListQueuesRequest) -> Result<Reply, ApiError> {
    let size = within(input.max_results, "MaxResults", 1, MAX_RESULTS, MAX_RESULTS)? as usize;
    let after = input.next_token.as_deref().map(read_token).transpose()?;
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let found = app.queues.list(&call.account, &call.region, &prefix, after.as_deref(), size + 1);
    let paged = input.max_results.is_some();
    Ok(Reply::output(page(call, "QueueUrls", &found, size, paged)))
}

/// One page of queues' URLs. Only callers that ask for pages are told that there are more.
pub(super) fn page(call: &Call, member: &str, found: &[Arc<Queue>], size: usize, paged: bool) -> Value {
    let mut output = Map::new();
    let shown = &found[..found.len().min(size)];
    if !shown.is_empty() {
        let urls: Vec<String> = shown.iter().map(|queue| queues::url_of(call, queue)).collect();
        output.insert(member.into(), urls.into());
    }
    if let Some(last) = shown.last().filter(|_| paged && found.len() > size) {
        output.insert("NextToken".into(), URL_SAFE_NO_PAD.encode(&last.name).into());
    }
    Value::Object(output)
}

pub(super) fn read_token(token: &str) -> Result<String, ApiError> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| invalid_parameter("Invalid NextToken value."))
}
