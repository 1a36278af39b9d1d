//! TagResource, UntagResource, ListTagsForResource.

use super::faults::invalid;
use super::subjects;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_messaging::Topic;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_TAGS: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagRequest {
    #[serde(default)]
    resource_arn: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// Adds tags, replacing those of the same keys.
///
/// # Errors
/// `InvalidParameter`, `TagLimitExceeded`.
pub(super) fn add(topic: &mut Topic, tags: Vec<Tag>) -> Result<(), ApiError> {
    for Tag { key, value } in tags {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tags"));
        }
        topic.tags.insert(key, value);
    }
    if topic.tags.len() > MAX_TAGS {
        return Err(ApiError::new("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"));
    }
    Ok(())
}

fn found(topic: Result<Arc<Topic>, ApiError>) -> Result<Arc<Topic>, ApiError> {
    topic.map_err(|error| match error.code.as_str() {
        "NotFound" => ApiError::new("ResourceNotFound", "Resource does not exist").with_status(404),
        _ => error,
    })
}

/// # Errors
/// `InvalidParameter`, `ResourceNotFound`, `TagLimitExceeded`.
pub async fn tag_resource(app: &Arc<App>, call: &Call, input: TagRequest) -> Result<Reply, ApiError> {
    change(app, call, &input.resource_arn, |topic| add(topic, input.tags)).await
}

/// # Errors
/// `InvalidParameter`, `ResourceNotFound`.
pub async fn untag_resource(app: &Arc<App>, call: &Call, input: TagRequest) -> Result<Reply, ApiError> {
    let edit = |topic: &mut Topic| {
        topic.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(app, call, &input.resource_arn, edit).await
}

async fn change(
    app: &App,
    call: &Call,
    arn: &Option<String>,
    edit: impl FnOnce(&mut Topic) -> Result<(), ApiError>,
) -> Result<Reply, ApiError> {
    let lock = subjects::lock(app, &call.account).await;
    let mut topic = (*found(subjects::topic(app, arn))?).clone();
    edit(&mut topic)?;
    let mut changes = Changes::new();
    changes.put(&topic);
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(json!({})) })
}

/// # Errors
/// `InvalidParameter`, `ResourceNotFound`.
pub async fn list_tags_for_resource(app: &Arc<App>, _: &Call, input: TagRequest) -> Result<Reply, ApiError> {
    let topic = found(subjects::topic(app, &input.resource_arn))?;
    let tags: Vec<Value> = topic.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(Reply { resources: subjects::resources(&topic), ..Reply::output(json!({"Tags": tags})) })
}
