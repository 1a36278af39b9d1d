//! Which bus, rule, connection or destination an input means.

use crate::faults::{constraint, no_bus, no_rule, required};
use opentrail_catalog::{Entity, NamedLock};
use opentrail_policy::{PolicyDocument, PolicyKind};
use opentrail_rules::{ApiDestination, Connection, DEFAULT_BUS, EventBus, Rule, bus_arn};
use opentrail_services::{App, Call, catalog_failure};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// Longest name of a rule, a connection or a destination, and of a bus.
const MAX_NAME_CHARS: usize = 64;
const MAX_BUS_NAME_CHARS: usize = 256;
/// Most items of a page.
const MAX_PAGE: usize = 100;

/// The lock that changes of an account's buses, rules and destinations in a region hold.
pub async fn lock(app: &App, call: &Call) -> NamedLock {
    app.catalog.lock(&format!("events {} {}", call.account, call.region)).await
}

/// Milliseconds since 1970.
pub fn now_ms(call: &Call) -> u64 {
    u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

/// Milliseconds as the seconds that answers hold.
pub fn seconds(ms: u64) -> Value {
    (ms as f64 / 1000.0).into()
}

/// The entity with this key.
///
/// # Errors
/// If the catalog fails.
pub fn get<E: Entity>(app: &App, key: &str) -> Result<Option<Arc<E>>, ApiError> {
    app.catalog.get(key).map_err(|error| catalog_failure(&error))
}

/// A name of a rule, a connection or a destination.
///
/// # Errors
/// `ValidationException`.
pub fn name<'a>(given: Option<&'a str>, member: &str) -> Result<&'a str, ApiError> {
    let name = required(given, member)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match name.len() {
        0 => Err(constraint(name, member, "have length greater than or equal to 1")),
        length if length > MAX_NAME_CHARS => {
            Err(constraint(name, member, &format!("have length less than or equal to {MAX_NAME_CHARS}")))
        }
        _ if !name.bytes().all(plain) => Err(constraint(name, member, "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+")),
        _ => Ok(name),
    }
}

/// The name of a bus of the caller's account and region, from its name or its ARN.
///
/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub fn bus_name<'a>(call: &Call, given: Option<&'a str>) -> Result<&'a str, ApiError> {
    let Some(given) = given else { return Ok(DEFAULT_BUS) };
    let own = bus_arn(&call.region, &call.account, "");
    let name = match given.strip_prefix(&own) {
        Some(name) => name,
        None if given.starts_with("arn:") => return Err(no_bus(given)),
        None => given,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
    if name.is_empty() || name.len() > MAX_BUS_NAME_CHARS || !name.bytes().all(plain) {
        return Err(constraint(given, "eventBusName", "satisfy regular expression pattern: [/\\.\\-_A-Za-z0-9]+"));
    }
    Ok(name)
}

/// The settings of a bus; the default bus is there without any.
///
/// # Errors
/// `ResourceNotFoundException`.
pub fn bus(app: &App, call: &Call, name: &str) -> Result<EventBus, ApiError> {
    match get::<EventBus>(app, &EventBus::key_of(&call.account, &call.region, name))? {
        Some(bus) => Ok(EventBus::clone(&bus)),
        None if name == DEFAULT_BUS => Ok(EventBus::new(&call.account, &call.region, DEFAULT_BUS, 0)),
        None => Err(no_bus(name)),
    }
}

/// The rule that an input names, on a bus that is there.
///
/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub fn rule(app: &App, call: &Call, given: Option<&str>, member: &str, bus: Option<&str>) -> Result<Arc<Rule>, ApiError> {
    let rule = name(given, member)?;
    let bus = self::bus(app, call, bus_name(call, bus)?)?.name;
    get::<Rule>(app, &Rule::key_of(&call.account, &call.region, &bus, rule))?.ok_or_else(|| no_rule(rule, &bus))
}

/// A page of a listing.
pub struct Page {
    after: Option<String>,
    limit: usize,
}

impl Page {
    /// From `NextToken`, which is the key that the page before ended with, and `Limit`.
    ///
    /// # Errors
    /// `ValidationException`.
    pub fn of(token: Option<String>, limit: Option<i64>) -> Result<Self, ApiError> {
        let limit = match limit {
            None => MAX_PAGE,
            Some(limit) => match usize::try_from(limit).ok().filter(|limit| (1..=MAX_PAGE).contains(limit)) {
                Some(limit) => limit,
                None => return Err(constraint(&limit.to_string(), "limit", "have value between 1 and 100")),
            },
        };
        Ok(Self { after: token, limit })
    }

    /// The entities of the page whose keys begin with `prefix` and that `fits`, and the token of the next.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn read<E: Entity>(
        &self,
        app: &App,
        prefix: &str,
        fits: impl Fn(&E) -> bool,
    ) -> Result<(Vec<E>, Option<String>), ApiError> {
        let mut found: Vec<E> = Vec::new();
        let mut after = self.after.as_ref().map(|token| format!("{prefix}{token}"));
        loop {
            let page: Vec<E> = app.catalog.scan(prefix, after.as_deref(), MAX_PAGE).map_err(|error| catalog_failure(&error))?;
            let full = page.len() == MAX_PAGE;
            after = page.last().map(Entity::key);
            found.extend(page.into_iter().filter(&fits));
            if found.len() > self.limit {
                found.truncate(self.limit);
                let last = found.last().map(|last| last.key()[prefix.len()..].to_owned());
                return Ok((found, last));
            }
            if !full {
                return Ok((found, None));
            }
        }
    }
}

/// The resource of operations on a rule, or on the rules of a bus.
pub fn rule_resource(_: &App, call: &Call, input: &Value) -> String {
    let name = input["Rule"].as_str().or(input["Name"].as_str()).unwrap_or("*");
    let bus = input["EventBusName"].as_str().unwrap_or(DEFAULT_BUS);
    Rule::arn_of(&call.region, &call.account, bus.rsplit('/').next().unwrap_or(bus), name)
}

/// The resource of operations on a bus.
pub fn bus_resource(_: &App, call: &Call, input: &Value) -> String {
    let name = input["Name"].as_str().or(input["EventBusName"].as_str()).unwrap_or(DEFAULT_BUS);
    whole_bus_arn(call, name)
}

/// The bus of the first event.
pub fn entry_resource(_: &App, call: &Call, input: &Value) -> String {
    whole_bus_arn(call, input["Entries"][0]["EventBusName"].as_str().unwrap_or(DEFAULT_BUS))
}

/// The ARN of a bus that is named by its name or its ARN.
pub fn whole_bus_arn(call: &Call, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { bus_arn(&call.region, &call.account, name) }
}

/// The policy of the bus that the first event goes to.
pub fn bus_policy(app: &App, call: &Call, input: &Value) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    let arn = entry_resource(app, call, input);
    let Some(key) = opentrail_rules::key_of_bus_arn(&arn) else { return Ok(None) };
    let bus = get::<EventBus>(app, &key)?;
    Ok(bus.and_then(|bus| bus.policy.as_ref().map(|policy| Arc::clone(policy.document(PolicyKind::Resource)))))
}

pub fn tagged_resource(_: &App, _: &Call, input: &Value) -> String {
    input["ResourceARN"].as_str().unwrap_or("*").to_owned()
}

pub fn connection_resource(_: &App, call: &Call, input: &Value) -> String {
    let name = input["Name"].as_str().unwrap_or("*");
    format!("arn:aws:events:{}:{}:connection/{name}", call.region, call.account)
}

pub fn destination_resource(_: &App, call: &Call, input: &Value) -> String {
    let name = input["Name"].as_str().unwrap_or("*");
    format!("arn:aws:events:{}:{}:api-destination/{name}", call.region, call.account)
}

/// For operations on no resource.
pub fn anything(_: &App, _: &Call, _: &Value) -> String {
    "*".into()
}

/// The connection of this name.
///
/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub fn connection(app: &App, call: &Call, given: Option<&str>) -> Result<Arc<Connection>, ApiError> {
    let name = name(given, "name")?;
    get(app, &Connection::key_of(&call.account, &call.region, name))?.ok_or_else(|| {
        crate::faults::not_found(format!("Failed to describe the connection(s). Connection '{name}' does not exist."))
    })
}

/// The destination of this name.
///
/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub fn destination(app: &App, call: &Call, given: Option<&str>) -> Result<Arc<ApiDestination>, ApiError> {
    let name = name(given, "name")?;
    get(app, &ApiDestination::key_of(&call.account, &call.region, name))?.ok_or_else(|| {
        crate::faults::not_found(format!(
            "Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
        ))
    })
}
