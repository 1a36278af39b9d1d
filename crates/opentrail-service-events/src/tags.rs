//! TagResource, UntagResource, ListTagsForResource: of rules and buses.

use crate::faults::{invalid, not_found, required, too_many};
use crate::names;
use opentrail_catalog::Changes;
use opentrail_rules::DEFAULT_BUS;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_TAGS: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagRequest {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// Adds tags, replacing those of the same keys.
///
/// # Errors
/// `ValidationException`, `LimitExceededException`.
pub fn add(to: &mut BTreeMap<String, String>, tags: Vec<Tag>) -> Result<(), ApiError> {
    for Tag { key, value } in tags {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("Tag key '{key}' or its value is not valid.")));
        }
        to.insert(key, value);
    }
    if to.len() > MAX_TAGS {
        return Err(too_many(format!("The number of tags exceeds {MAX_TAGS}.")));
    }
    Ok(())
}

/// What an ARN of the caller's account and region names: name of the bus, and of its rule if it is one.
fn place<'a>(call: &Call, arn: &'a str) -> Result<(&'a str, Option<&'a str>), ApiError> {
    let unknown = || not_found(format!("{arn} does not exist."));
    let own = format!("arn:aws:events:{}:{}:", call.region, call.account);
    let resource = arn.strip_prefix(&own).ok_or_else(unknown)?;
    if let Some(bus) = resource.strip_prefix("event-bus/") {
        return Ok((bus, None));
    }
    let rule = resource.strip_prefix("rule/").ok_or_else(unknown)?;
    Ok(match rule.split_once('/') {
        Some((bus, name)) => (bus, Some(name)),
        None => (DEFAULT_BUS, Some(rule)),
    })
}

async fn change(
    app: &Arc<App>,
    call: &Call,
    arn: Option<&str>,
    edit: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ApiError>,
) -> Result<Reply, ApiError> {
    let (bus, rule) = place(call, required(arn, "resourceARN")?)?;
    let lock = names::lock(app, call).await;
    let mut changes = Changes::new();
    match rule {
        Some(rule) => {
            let mut rule = (*names::rule(app, call, Some(rule), "name", Some(bus))?).clone();
            edit(&mut rule.tags)?;
            changes.put(&rule);
        }
        None => {
            let mut bus = names::bus(app, call, bus)?;
            edit(&mut bus.tags)?;
            changes.put(&bus);
        }
    }
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`, `LimitExceededException`.
pub async fn tag_resource(app: &Arc<App>, call: &Call, input: TagRequest) -> Result<Reply, ApiError> {
    change(app, call, input.resource_arn.as_deref(), |tags| add(tags, input.tags)).await
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn untag_resource(app: &Arc<App>, call: &Call, input: TagRequest) -> Result<Reply, ApiError> {
    let edit = |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(app, call, input.resource_arn.as_deref(), edit).await
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn list_tags_for_resource(app: &Arc<App>, call: &Call, input: TagRequest) -> Result<Reply, ApiError> {
    let (bus, rule) = place(call, required(input.resource_arn.as_deref(), "resourceARN")?)?;
    let tags = match rule {
        Some(rule) => names::rule(app, call, Some(rule), "name", Some(bus))?.tags.clone(),
        None => names::bus(app, call, bus)?.tags,
    };
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(Reply::output(json!({"Tags": tags})))
}
