//! Tags of log groups, in the newer and the older family of operations.

use super::faults::{invalid, missing};
use super::groups;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_logs::LogGroup;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most tags of a group.
const MAX_TAGS: usize = 50;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByArn {
    resource_arn: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByName {
    log_group_name: Option<String>,
    #[serde(default)]
    tags: Added,
}

/// Tags to add, or the keys of tags to remove: `tags` means both in the older family.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Added {
    Tags(BTreeMap<String, String>),
    Keys(Vec<String>),
}

impl Default for Added {
    fn default() -> Self {
        Self::Tags(BTreeMap::new())
    }
}

/// # Errors
/// `InvalidParameterException` for tags that cannot be.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let legal = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c));
    for (key, value) in tags {
        let key_is_legal = !key.is_empty() && key.chars().count() <= MAX_KEY_CHARS && legal(key) && !key.starts_with("aws:");
        if !key_is_legal || value.chars().count() > MAX_VALUE_CHARS || !legal(value) {
            return Err(invalid(format!("The tag {key} is not valid.")));
        }
    }
    Ok(())
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `TooManyTagsException`.
pub async fn tag_resource(app: &Arc<App>, call: &Call, input: ByArn) -> Result<Reply, ApiError> {
    check(&input.tags)?;
    change(app, call, None, Some(arn(&input)?), |tags| tags.extend(input.tags.clone())).await
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn untag_resource(app: &Arc<App>, call: &Call, input: ByArn) -> Result<Reply, ApiError> {
    change(app, call, None, Some(arn(&input)?), |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn list_tags_for_resource(app: &Arc<App>, call: &Call, input: ByArn) -> Result<Reply, ApiError> {
    let group = groups::named(app, call, None, Some(arn(&input)?))?;
    Ok(Reply::output(json!({"tags": group.tags})))
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `TooManyTagsException`.
pub async fn tag_log_group(app: &Arc<App>, call: &Call, input: ByName) -> Result<Reply, ApiError> {
    let Added::Tags(added) = input.tags else { return Err(missing("tags")) };
    check(&added)?;
    change(app, call, input.log_group_name.as_deref(), None, |tags| tags.extend(added)).await
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn untag_log_group(app: &Arc<App>, call: &Call, input: ByName) -> Result<Reply, ApiError> {
    let Added::Keys(keys) = input.tags else { return Err(missing("tags")) };
    change(app, call, input.log_group_name.as_deref(), None, |tags| tags.retain(|key, _| !keys.contains(key))).await
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn list_tags_log_group(app: &Arc<App>, call: &Call, input: ByName) -> Result<Reply, ApiError> {
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    Ok(Reply::output(json!({"tags": group.tags})))
}

/// The newer family wants the ARN without `:*`.
fn arn(input: &ByArn) -> Result<&str, ApiError> {
    let arn = input.resource_arn.as_deref().ok_or_else(|| missing("resourceArn"))?;
    let is_arn = arn.starts_with("arn:") && !arn.ends_with(":*");
    if is_arn { Ok(arn) } else { Err(invalid(format!("Invalid resource ARN: {arn}"))) }
}

async fn change(
    app: &Arc<App>,
    call: &Call,
    name: Option<&str>,
    identifier: Option<&str>,
    apply: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Reply, ApiError> {
    let lock = groups::lock(app, call).await;
    let mut group = LogGroup::clone(&*groups::named(app, call, name, identifier)?);
    apply(&mut group.tags);
    if group.tags.len() > MAX_TAGS {
        return Err(ApiError::new("TooManyTagsException", format!("A resource can have no more than {MAX_TAGS} tags.")));
    }
    let mut changes = Changes::new();
    changes.put(&group);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
