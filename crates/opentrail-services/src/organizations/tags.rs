//! TagResource, UntagResource, ListTagsForResource: tags of accounts, units, the root and policies.

use super::input::invalid;
use super::members;
use super::organization::Organization;
use super::policies;
use super::structure::constraint;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most tags of one thing.
const MAX_TAGS: usize = 50;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// Tags as requests give them.
pub(super) type Tags = Vec<Tag>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

/// The tags of one thing in an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ResourceTags {
    organization: String,
    /// Id of an account, unit, root or policy.
    resource: String,
    tags: BTreeMap<String, String>,
}

impl Entity for ResourceTags {
    const TABLE: &'static str = "organization_tags";
    fn key(&self) -> String {
        key_of(&self.organization, &self.resource)
    }
}

fn key_of(organization: &str, resource: &str) -> String {
    format!("{organization}/{resource}")
}

/// Adds the tags of something new.
///
/// # Errors
/// `InvalidInputException`, `ConstraintViolationException`.
pub(super) fn begin(
    organization: &Organization,
    resource: &str,
    tags: Option<Tags>,
    changes: &mut Changes,
) -> Result<(), ApiError> {
    let tags = checked(tags.unwrap_or_default())?;
    put(&organization.id, resource, tags, changes)
}

/// Removes the tags of something that goes.
pub(super) fn forget(organization: &str, resource: &str, changes: &mut Changes) {
    changes.delete::<ResourceTags>(&key_of(organization, resource));
}

fn put(organization: &str, resource: &str, tags: BTreeMap<String, String>, changes: &mut Changes) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(constraint("You have exceeded the number of tags allowed on this resource."));
    }
    if tags.is_empty() {
        forget(organization, resource, changes);
    } else {
        changes.put(&ResourceTags { organization: organization.to_owned(), resource: resource.to_owned(), tags });
    }
    Ok(())
}

fn checked(given: Tags) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in given {
        let fits =
            |key: &String| (1..=MAX_KEY_CHARS).contains(&key.chars().count()) && !key.to_ascii_lowercase().starts_with("aws:");
        let key = tag.key.filter(fits).ok_or_else(|| invalid("You provided a tag key that is not valid."))?;
        let value = tag.value.filter(|value| value.chars().count() <= MAX_VALUE_CHARS);
        let value = value.ok_or_else(|| invalid("You provided a tag value that is not valid."))?;
        if tags.insert(key, value).is_some() {
            return Err(invalid("You provided a list of tags with duplicate keys."));
        }
    }
    Ok(tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagsRequest {
    #[serde(default)]
    resource_id: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    tag_keys: Option<Vec<String>>,
}

/// # Errors
/// `TargetNotFoundException`.
fn resource<'r>(app: &App, organization: &Organization, input: &'r TagsRequest) -> Result<&'r str, ApiError> {
    let id = input.resource_id.as_deref().unwrap_or_default();
    let exists = organization.has_parent(id)
        || members::member(app, organization, id).is_ok()
        || policies::named(app, organization, Some(id)).is_ok();
    if exists { Ok(id) } else { Err(ApiError::new("TargetNotFoundException", "We can't find the resource that you specified.")) }
}

fn tags_of(app: &App, organization: &Organization, resource: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let kept = app.catalog.get::<ResourceTags>(&key_of(&organization.id, resource)).map_err(|error| catalog_failure(&error))?;
    Ok(kept.map(|kept| kept.tags.clone()).unwrap_or_default())
}

/// # Errors
/// `TargetNotFoundException`, `InvalidInputException`, `ConstraintViolationException`.
pub async fn tag_resource(app: &Arc<App>, call: &Call, mut input: TagsRequest) -> Result<Reply, ApiError> {
    let given = checked(input.tags.take().unwrap_or_default())?;
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let resource = resource(app, &organization, &input)?;
    let mut tags = tags_of(app, &organization, resource)?;
    tags.extend(given);
    let mut changes = Changes::new();
    put(&organization.id, resource, tags, &mut changes)?;
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// # Errors
/// `TargetNotFoundException`.
pub async fn untag_resource(app: &Arc<App>, call: &Call, input: TagsRequest) -> Result<Reply, ApiError> {
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let resource = resource(app, &organization, &input)?;
    let mut tags = tags_of(app, &organization, resource)?;
    let removed = input.tag_keys.as_deref().unwrap_or_default();
    tags.retain(|key, _| !removed.contains(key));
    let mut changes = Changes::new();
    put(&organization.id, resource, tags, &mut changes)?;
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// # Errors
/// `TargetNotFoundException`.
pub async fn list_tags_for_resource(app: &Arc<App>, call: &Call, input: TagsRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let tags = tags_of(app, &organization, resource(app, &organization, &input)?)?;
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(Reply::output(json!({"Tags": tags})))
}
