//! CreateEventBus, UpdateEventBus, DescribeEventBus, ListEventBuses, DeleteEventBus.

use crate::faults::{bounded, exists, invalid, too_many};
use crate::names::{self, Page, get, now_ms, seconds};
use crate::tags::{self, Tag};
use opentrail_catalog::{Changes, Entity};
use opentrail_rules::{DEFAULT_BUS, EventBus, Rule};
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const MAX_DESCRIPTION_CHARS: usize = 512;
/// Most buses of an account in a region.
const MAX_BUSES: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BusRequest {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    /// What is not supported is said so.
    event_source_name: Option<Value>,
    kms_key_identifier: Option<Value>,
    dead_letter_config: Option<Value>,
    log_config: Option<Value>,
}

impl BusRequest {
    fn refuse_unsupported(&self) -> Result<(), ApiError> {
        let members = [
            ("EventSourceName", &self.event_source_name),
            ("KmsKeyIdentifier", &self.kms_key_identifier),
            ("DeadLetterConfig", &self.dead_letter_config),
            ("LogConfig", &self.log_config),
        ];
        match members.into_iter().find(|(_, value)| value.as_ref().is_some_and(|value| !value.is_null())) {
            Some((member, _)) => Err(invalid(format!("{member} is not supported by OpenTrail yet."))),
            None => Ok(()),
        }
    }
}

/// # Errors
/// `ValidationException`, `ResourceAlreadyExistsException`, `LimitExceededException`.
pub async fn create_event_bus(app: &Arc<App>, call: &Call, input: BusRequest) -> Result<Reply, ApiError> {
    input.refuse_unsupported()?;
    let name = names::bus_name(call, Some(input.name.as_deref().unwrap_or_default()))?;
    if name.contains('/') {
        return Err(invalid("Event bus name must not contain '/'."));
    }
    let lock = names::lock(app, call).await;
    let mut bus = EventBus::new(&call.account, &call.region, name, now_ms(call));
    if name == DEFAULT_BUS || get::<EventBus>(app, &bus.key())?.is_some() {
        return Err(exists(format!("Event bus {name} already exists.")));
    }
    let prefix = EventBus::key_of(&call.account, &call.region, "");
    if app.catalog.keys::<EventBus>(&prefix, MAX_BUSES).map_err(|error| catalog_failure(&error))?.len() >= MAX_BUSES {
        return Err(too_many(format!("The requested resource exceeds the maximum number allowed: {MAX_BUSES}")));
    }
    bus.description = bounded(input.description.clone(), "description", MAX_DESCRIPTION_CHARS)?;
    tags::add(&mut bus.tags, input.tags)?;
    let mut changes = Changes::new();
    changes.put(&bus);
    let mut output = json!({"EventBusArn": bus.arn()});
    if let Some(description) = &bus.description {
        output["Description"] = description.as_str().into();
    }
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(output) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn update_event_bus(app: &Arc<App>, call: &Call, input: BusRequest) -> Result<Reply, ApiError> {
    input.refuse_unsupported()?;
    let lock = names::lock(app, call).await;
    let mut bus = names::bus(app, call, names::bus_name(call, input.name.as_deref())?)?;
    bus.description = bounded(input.description, "description", MAX_DESCRIPTION_CHARS)?;
    bus.modified_ms = now_ms(call);
    let mut changes = Changes::new();
    changes.put(&bus);
    let output = json!({"Arn": bus.arn(), "Name": bus.name, "Description": bus.description});
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(output) })
}

/// How a bus is shown.
fn shown(bus: &EventBus) -> Value {
    let mut shown = Map::new();
    shown.insert("Name".into(), bus.name.as_str().into());
    shown.insert("Arn".into(), bus.arn().into());
    if let Some(description) = &bus.description {
        shown.insert("Description".into(), description.as_str().into());
    }
    if let Some(policy) = &bus.policy {
        shown.insert("Policy".into(), policy.as_str().into());
    }
    if bus.created_ms > 0 {
        shown.insert("CreationTime".into(), seconds(bus.created_ms));
        shown.insert("LastModifiedTime".into(), seconds(bus.modified_ms));
    }
    Value::Object(shown)
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn describe_event_bus(app: &Arc<App>, call: &Call, input: BusRequest) -> Result<Reply, ApiError> {
    Ok(Reply::output(shown(&names::bus(app, call, names::bus_name(call, input.name.as_deref())?)?)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRequest {
    name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// # Errors
/// `ValidationException`.
pub async fn list_event_buses(app: &Arc<App>, call: &Call, input: ListRequest) -> Result<Reply, ApiError> {
    let prefix = EventBus::key_of(&call.account, &call.region, "");
    let wanted = input.name_prefix.unwrap_or_default();
    let first = input.next_token.is_none() && DEFAULT_BUS.starts_with(&wanted);
    let page = Page::of(input.next_token, input.limit)?;
    // The default bus comes first, with settings or without.
    let (buses, next) = page.read::<EventBus>(app, &prefix, |bus| bus.name != DEFAULT_BUS && bus.name.starts_with(&wanted))?;
    let default = first.then(|| names::bus(app, call, DEFAULT_BUS)).transpose()?;
    let mut output = json!({"EventBuses": default.iter().chain(&buses).map(shown).collect::<Vec<_>>()});
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

/// # Errors
/// `ValidationException`.
pub async fn delete_event_bus(app: &Arc<App>, call: &Call, input: BusRequest) -> Result<Reply, ApiError> {
    let name = names::bus_name(call, input.name.as_deref())?;
    if name == DEFAULT_BUS {
        return Err(invalid("Cannot delete event bus default."));
    }
    let lock = names::lock(app, call).await;
    let rules = Rule::key_of(&call.account, &call.region, name, "");
    if !app.catalog.keys::<Rule>(&rules, 1).map_err(|error| catalog_failure(&error))?.is_empty() {
        return Err(invalid(format!("Event bus {name} cannot be deleted since it has rules.")));
    }
    let mut changes = Changes::new();
    changes.delete::<EventBus>(&EventBus::key_of(&call.account, &call.region, name));
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
