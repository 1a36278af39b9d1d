//! Tags: TagResource, UntagResource, ListResourceTags.

use super::keys::{self, NamedKey};
use super::page::PageRequest;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MAX_TAGS: usize = 50;
const MAX_TAG_KEY_CHARS: usize = 128;
const MAX_TAG_VALUE_CHARS: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    tag_key: String,
    #[serde(default)]
    tag_value: String,
}

fn tag_error(message: &str) -> ApiError {
    ApiError::new("TagException", message)
}

/// Adds tags, replacing those of the same name.
///
/// # Errors
/// `TagException`.
pub fn add(tags: &mut BTreeMap<String, String>, given: &[Tag]) -> Result<(), ApiError> {
    let names: BTreeSet<&str> = given.iter().map(|tag| tag.tag_key.as_str()).collect();
    if names.len() != given.len() {
        return Err(tag_error("Duplicate tag keys"));
    }
    for Tag { tag_key, tag_value } in given {
        let (key_chars, value_chars) = (tag_key.chars().count(), tag_value.chars().count());
        if tag_key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(tag_error("Tags beginning with aws: are reserved"));
        }
        if !(1..=MAX_TAG_KEY_CHARS).contains(&key_chars) || value_chars > MAX_TAG_VALUE_CHARS {
            return Err(tag_error("Tag key or value is too long"));
        }
        tags.insert(tag_key.clone(), tag_value.clone());
    }
    if tags.len() > MAX_TAGS { Err(tag_error("Too many tags")) } else { Ok(()) }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// # Errors
/// `TagException`, `KMSInvalidStateException`.
pub async fn tag_resource(app: &Arc<App>, call: &Call, input: TagResourceRequest) -> Result<Reply, ApiError> {
    let (mut key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    keys::not_pending_deletion(&key)?;
    add(&mut key.tags, &input.tags)?;
    Ok(keys::changed(&key, Value::Null, lock))
}

/// # Errors
/// `KMSInvalidStateException`.
pub async fn untag_resource(app: &Arc<App>, call: &Call, input: TagResourceRequest) -> Result<Reply, ApiError> {
    let (mut key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    keys::not_pending_deletion(&key)?;
    key.tags.retain(|name, _| !input.tag_keys.contains(name));
    Ok(keys::changed(&key, Value::Null, lock))
}

#[derive(Debug, Deserialize)]
pub struct ListResourceTagsRequest {
    #[serde(flatten)]
    key: NamedKey,
    #[serde(flatten)]
    page: PageRequest,
}

/// # Errors
/// `NotFoundException`, `InvalidMarkerException`.
pub async fn list_resource_tags(app: &Arc<App>, call: &Call, input: ListResourceTagsRequest) -> Result<Reply, ApiError> {
    let key = keys::find(app, call, input.key.key_id.as_deref())?;
    let items = key.tags.iter().map(|(name, value)| (name.clone(), json!({"TagKey": name, "TagValue": value}))).collect();
    Ok(keys::about(&key, input.page.answer("Tags", 50, 50, items)?))
}
