//! ListTags of up to twenty trails.

use super::{SERVICE, tags};
use crate::app::App;
use crate::authorisation::authorise;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most resources of one request.
const MAX_RESOURCES: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsRequest {
    #[serde(default)]
    resource_id_list: Option<Vec<String>>,
    #[serde(default)]
    next_token: Option<String>,
}

/// # Errors
/// The faults of [`tags::tagged_trail`]; `InvalidTokenException` for any token, as there is only one page.
pub async fn list_tags(app: &Arc<App>, call: &Call, input: ListTagsRequest) -> Result<Reply, ApiError> {
    let arns = input.resource_id_list.unwrap_or_default();
    if arns.len() > MAX_RESOURCES {
        let message = format!(
            "1 validation error detected: Value at 'resourceIdList' failed to satisfy constraint: Member must have length less than or equal to {MAX_RESOURCES}"
        );
        return Err(ApiError::new("ValidationException", message));
    }
    super::refuse_token(input.next_token.as_deref())?;
    allow_each(app, call, &arns)?;
    let mut list = Vec::with_capacity(arns.len());
    let mut resources = Vec::with_capacity(arns.len());
    for arn in arns {
        let trail = tags::tagged_trail(app, call, &arn)?;
        resources.extend(super::trails::resources(&trail));
        list.push(json!({"ResourceId": arn, "TagsList": tags::output(&trail.tags)}));
    }
    Ok(Reply { resources, ..Reply::output(json!({"ResourceTagList": list})) })
}

/// The front has asked the policies about the first resource; the others want asking too.
fn allow_each(app: &App, call: &Call, arns: &[String]) -> Result<(), ApiError> {
    let Some(operation) = SERVICE.find("ListTags") else { return Ok(()) };
    arns.iter().skip(1).try_for_each(|arn| {
        let alone: Value = json!({"ResourceIdList": [arn]});
        authorise(app, &SERVICE, operation, call, &alone)
    })
}
