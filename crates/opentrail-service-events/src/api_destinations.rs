//! CreateApiDestination, UpdateApiDestination, DescribeApiDestination, ListApiDestinations, DeleteApiDestination.

use crate::faults::{bounded, constraint, exists, not_found, required, too_many};
use crate::names::{self, Page, get, now_ms, seconds};
use opentrail_catalog::Changes;
use opentrail_rules::{ApiDestination, Connection};
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_DESCRIPTION_CHARS: usize = 512;
const MAX_ENDPOINT_CHARS: usize = 2048;
/// Most destinations of an account in a region.
const MAX_DESTINATIONS: usize = 3000;
const METHODS: &[&str] = &["POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"];
/// Most calls a second.
const MAX_RATE: i64 = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationRequest {
    name: Option<String>,
    description: Option<String>,
    connection_arn: Option<String>,
    invocation_endpoint: Option<String>,
    http_method: Option<String>,
    invocation_rate_limit_per_second: Option<i64>,
}

impl DestinationRequest {
    /// Puts what is given into a destination.
    fn apply(self, app: &App, destination: &mut ApiDestination) -> Result<(), ApiError> {
        if self.description.is_some() {
            destination.description = bounded(self.description, "description", MAX_DESCRIPTION_CHARS)?;
        }
        if let Some(arn) = self.connection_arn {
            destination.connection_arn = arn;
            let known = destination.connection_key().map(|key| get::<Connection>(app, &key)).transpose()?.flatten();
            if known.is_none_or(|known| known.arn() != destination.connection_arn || known.account != destination.account) {
                return Err(not_found(format!("Connection '{}' does not exist.", destination.connection_arn)));
            }
        }
        if let Some(endpoint) = self.invocation_endpoint {
            let is_web = ["https://", "http://"].iter().any(|scheme| endpoint.starts_with(scheme));
            if !is_web || endpoint.len() > MAX_ENDPOINT_CHARS || endpoint.contains(char::is_whitespace) {
                return Err(constraint(&endpoint, "invocationEndpoint", "be an http or https URL"));
            }
            destination.endpoint = endpoint;
        }
        if let Some(method) = self.http_method {
            if !METHODS.contains(&method.as_str()) {
                return Err(constraint(&method, "httpMethod", &format!("satisfy enum value set: {METHODS:?}")));
            }
            destination.method = method;
        }
        if let Some(rate) = self.invocation_rate_limit_per_second {
            let fits = (1..=MAX_RATE).contains(&rate);
            destination.rate = u32::try_from(rate).ok().filter(|_| fits);
            if !fits {
                let must = format!("have value between 1 and {MAX_RATE}");
                return Err(constraint(&rate.to_string(), "invocationRateLimitPerSecond", &must));
            }
        }
        Ok(())
    }
}

fn stamped(destination: &ApiDestination) -> Value {
    json!({
        "ApiDestinationArn": destination.arn(),
        "ApiDestinationState": "ACTIVE",
        "CreationTime": seconds(destination.created_ms),
        "LastModifiedTime": seconds(destination.modified_ms),
    })
}

fn shown(destination: &ApiDestination) -> Value {
    let mut shown = stamped(destination);
    shown["Name"] = destination.name.as_str().into();
    shown["ConnectionArn"] = destination.connection_arn.as_str().into();
    shown["InvocationEndpoint"] = destination.endpoint.as_str().into();
    shown["HttpMethod"] = destination.method.as_str().into();
    shown["InvocationRateLimitPerSecond"] = destination.rate.unwrap_or(300).into();
    shown
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`, `ResourceAlreadyExistsException`, `LimitExceededException`.
pub async fn create_api_destination(app: &Arc<App>, call: &Call, input: DestinationRequest) -> Result<Reply, ApiError> {
    let name = names::name(input.name.as_deref(), "name")?.to_owned();
    required(input.connection_arn.as_deref(), "connectionArn")?;
    required(input.invocation_endpoint.as_deref(), "invocationEndpoint")?;
    required(input.http_method.as_deref(), "httpMethod")?;
    let lock = names::lock(app, call).await;
    if get::<ApiDestination>(app, &ApiDestination::key_of(&call.account, &call.region, &name))?.is_some() {
        return Err(exists(format!("An api-destination '{name}' already exists.")));
    }
    let prefix = ApiDestination::key_of(&call.account, &call.region, "");
    let keys = app.catalog.keys::<ApiDestination>(&prefix, MAX_DESTINATIONS).map_err(|error| catalog_failure(&error))?;
    if keys.len() >= MAX_DESTINATIONS {
        return Err(too_many(format!("There are {MAX_DESTINATIONS} API destinations already.")));
    }
    let mut destination = ApiDestination {
        account: call.account.clone(),
        region: call.region.clone(),
        name,
        id: app.intake.event_id(),
        description: None,
        connection_arn: String::new(),
        endpoint: String::new(),
        method: String::new(),
        rate: None,
        created_ms: now_ms(call),
        modified_ms: now_ms(call),
    };
    input.apply(app, &mut destination)?;
    let mut changes = Changes::new();
    changes.put(&destination);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(stamped(&destination)) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn update_api_destination(app: &Arc<App>, call: &Call, input: DestinationRequest) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let mut destination = (*names::destination(app, call, input.name.as_deref())?).clone();
    input.apply(app, &mut destination)?;
    destination.modified_ms = now_ms(call);
    let mut changes = Changes::new();
    changes.put(&destination);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(stamped(&destination)) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn describe_api_destination(app: &Arc<App>, call: &Call, input: DestinationRequest) -> Result<Reply, ApiError> {
    let destination = names::destination(app, call, input.name.as_deref())?;
    let mut output = shown(&destination);
    if let Some(description) = &destination.description {
        output["Description"] = description.as_str().into();
    }
    Ok(Reply::output(output))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRequest {
    name_prefix: Option<String>,
    connection_arn: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// # Errors
/// `ValidationException`.
pub async fn list_api_destinations(app: &Arc<App>, call: &Call, input: ListRequest) -> Result<Reply, ApiError> {
    let wanted = input.name_prefix.unwrap_or_default();
    let prefix = ApiDestination::key_of(&call.account, &call.region, "");
    let fits = |one: &ApiDestination| {
        one.name.starts_with(&wanted) && input.connection_arn.as_ref().is_none_or(|arn| one.connection_arn == *arn)
    };
    let (found, next) = Page::of(input.next_token.clone(), input.limit)?.read(app, &prefix, fits)?;
    let mut output = json!({"ApiDestinations": found.iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn delete_api_destination(app: &Arc<App>, call: &Call, input: DestinationRequest) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let destination = names::destination(app, call, input.name.as_deref())?;
    let mut changes = Changes::new();
    changes.delete::<ApiDestination>(&ApiDestination::key_of(&call.account, &call.region, &destination.name));
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
