//! TagResource, UntagResource, ListTagsForResource: of alarms.

use crate::faults::{invalid_value, no_resource, required, validation};
use crate::input::List;
use crate::settings::{Tag, done, find, lock, tags};
use opentrail_alarms::Alarm;
use opentrail_catalog::Changes;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_TAGS: usize = 50;

#[derive(Debug, Deserialize)]
pub struct TagResourceInput {
    #[serde(rename = "ResourceARN")]
    arn: Option<String>,
    #[serde(rename = "Tags", default)]
    tags: List<Tag>,
}

#[derive(Debug, Deserialize)]
pub struct UntagResourceInput {
    #[serde(rename = "ResourceARN")]
    arn: Option<String>,
    #[serde(rename = "TagKeys", default)]
    keys: List<String>,
}

#[derive(Debug, Deserialize)]
pub struct ListTagsInput {
    #[serde(rename = "ResourceARN")]
    arn: Option<String>,
}

fn alarm(app: &App, call: &Call, arn: Option<String>) -> Result<Arc<Alarm>, ApiError> {
    let arn = arn.ok_or_else(|| required("ResourceARN"))?;
    let prefix = format!("arn:aws:cloudwatch:{}:{}:", call.region, call.account);
    let resource = arn.strip_prefix(&prefix).ok_or_else(|| invalid_value(format!("Invalid resource ARN: {arn}")))?;
    let name = resource.strip_prefix("alarm:").ok_or_else(|| no_resource(&arn))?;
    find(app, call, name)?.ok_or_else(|| no_resource(&arn))
}

/// # Errors
/// `InvalidParameterValue`, `ResourceNotFoundException`, `ValidationError`.
pub async fn tag_resource(app: &Arc<App>, call: &Call, input: TagResourceInput) -> Result<Reply, ApiError> {
    let given = tags(&input.tags.0)?;
    let lock = lock(app, call).await;
    let mut alarm = Alarm::clone(&*alarm(app, call, input.arn)?);
    alarm.tags.extend(given);
    if alarm.tags.len() > MAX_TAGS {
        return Err(validation(format!("A resource can have at most {MAX_TAGS} tags.")));
    }
    let mut changes = Changes::new();
    changes.put(&alarm);
    Ok(Reply { output: json!({}), ..done(changes, lock) })
}

/// # Errors
/// As [`tag_resource`].
pub async fn untag_resource(app: &Arc<App>, call: &Call, input: UntagResourceInput) -> Result<Reply, ApiError> {
    let lock = lock(app, call).await;
    let mut alarm = Alarm::clone(&*alarm(app, call, input.arn)?);
    alarm.tags.retain(|key, _| !input.keys.0.contains(key));
    let mut changes = Changes::new();
    changes.put(&alarm);
    Ok(Reply { output: json!({}), ..done(changes, lock) })
}

/// # Errors
/// As [`tag_resource`].
pub async fn list_tags_for_resource(app: &Arc<App>, call: &Call, input: ListTagsInput) -> Result<Reply, ApiError> {
    let alarm = alarm(app, call, input.arn)?;
    let tags: Vec<Value> = alarm.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(Reply::output(json!({"Tags": tags})))
}
