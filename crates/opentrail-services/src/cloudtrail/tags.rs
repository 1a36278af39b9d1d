//! Tags of trails: their rules, and which resources have any.

use super::trails;
use crate::app::App;
use crate::authorisation::{with_request_tags, with_tags};
use crate::call::Call;
use opentrail_model::arn::TrailArn;
use opentrail_model::trail::Trail;
use opentrail_policy::RequestContext;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most tags of one resource.
const MAX_TAGS: usize = 50;
/// Most tags in one request.
const MAX_TAGS_PER_REQUEST: usize = 200;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// A tag; it may have no value at all.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub value: Option<String>,
}

/// The input of AddTags and RemoveTags.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagsRequest {
    #[serde(default)]
    pub(super) resource_id: Option<String>,
    #[serde(default)]
    pub(super) tags_list: Option<Vec<Tag>>,
}

/// Sets tags; a key that is there gets the new value.
///
/// # Errors
/// `InvalidTagParameterException`, `TagsLimitExceededException`.
pub(super) fn add(tags: &mut BTreeMap<String, Option<String>>, given: &[Tag]) -> Result<(), ApiError> {
    check(given)?;
    tags.extend(given.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
    if tags.len() > MAX_TAGS {
        let message = format!("The number of tags per resource has exceeded the limit of {MAX_TAGS}.");
        return Err(ApiError::new("TagsLimitExceededException", message));
    }
    Ok(())
}

/// Takes tags away by key. Keys that are not there are passed over.
///
/// # Errors
/// `InvalidTagParameterException`.
pub(super) fn remove(tags: &mut BTreeMap<String, Option<String>>, given: &[Tag]) -> Result<(), ApiError> {
    check(given)?;
    for tag in given {
        tags.remove(&tag.key);
    }
    Ok(())
}

fn check(given: &[Tag]) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new("InvalidTagParameterException", message));
    if given.len() > MAX_TAGS_PER_REQUEST {
        return invalid(format!("A request may have at most {MAX_TAGS_PER_REQUEST} tags."));
    }
    let mut keys = BTreeSet::new();
    for tag in given {
        let value = tag.value.as_deref().unwrap_or_default();
        if tag.key.is_empty() || tag.key.chars().count() > MAX_KEY_CHARS || !tag.key.chars().all(is_tag_char) {
            return invalid(format!("Tag key {} is not valid.", tag.key));
        }
        if tag.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return invalid(format!("Tag key {} uses the reserved prefix aws:.", tag.key));
        }
        if value.chars().count() > MAX_VALUE_CHARS || !value.chars().all(is_tag_char) {
            return invalid(format!("The value of tag {} is not valid.", tag.key));
        }
        if !keys.insert(tag.key.as_str()) {
            return invalid(format!("Tag key {} is given more than once.", tag.key));
        }
    }
    Ok(())
}

fn is_tag_char(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character)
}

/// The condition keys of operations on a trail: its tags, and those in the request.
pub(super) fn conditions(app: &App, call: &Call, input: &Value, context: RequestContext) -> RequestContext {
    let named = ["Name", "TrailName", "ResourceId"].iter().find_map(|member| input[*member].as_str());
    let trail = named.and_then(|given| trails::by_arn(app, call, &trails::arn_of(call, given)).ok().flatten());
    let tags = trail.iter().flat_map(|trail| &trail.tags);
    let tags = tags.map(|(key, value)| (key.clone(), value.clone().unwrap_or_default())).collect();
    with_request_tags(with_tags(context, "aws:ResourceTag", &tags), &input["TagsList"], [])
}

/// The trail that an ARN of a tagged resource means, wherever it lives. Only trails have tags here.
///
/// # Errors
/// `CloudTrailARNInvalidException`, `ResourceTypeNotSupportedException`, `ResourceNotFoundException`.
pub(super) fn tagged_trail(app: &App, call: &Call, arn: &str) -> Result<Arc<Trail>, ApiError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, _, _, resource] = parts[..] else { return Err(trails::malformed_arn(arn)) };
    if service != "cloudtrail" || !resource.starts_with("trail/") {
        let message = format!("Resource type of {arn} is not supported for tagging.");
        return Err(ApiError::new("ResourceTypeNotSupportedException", message));
    }
    if TrailArn::parse(arn).is_none() {
        return Err(trails::malformed_arn(arn));
    }
    trails::by_arn(app, call, arn)?
        .ok_or_else(|| ApiError::new("ResourceNotFoundException", format!("Resource {arn} is not found.")))
}

/// `TagsList` of an answer.
pub(super) fn output(tags: &BTreeMap<String, Option<String>>) -> Value {
    tags.iter()
        .map(|(key, value)| match value {
            Some(value) => json!({"Key": key, "Value": value}),
            None => json!({"Key": key}),
        })
        .collect()
}
