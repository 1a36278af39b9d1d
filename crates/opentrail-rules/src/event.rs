//! Events on their way to the rules of a bus.

use opentrail_catalog::Entity;
use opentrail_model::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// How many buses an event goes to, one after the other.
pub const MAX_HOPS: u8 = 5;
/// Largest event, in bytes of JSON: a whole record and what is around it.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// An event that a bus was given. In the catalog until its rules have been asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusEvent {
    /// Key of the bus.
    pub bus: String,
    /// Tells it from others, also from the same event coming by another rule.
    pub id: String,
    /// How many buses it has been on before.
    #[serde(default)]
    pub hops: u8,
    /// Only what comes after this is still to be done: name of a rule and id of its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(String, String)>,
    /// As targets get it.
    pub event: Value,
}

impl BusEvent {
    pub fn new(bus: String, event: Value) -> Self {
        Self { bus, id: new_id(), hops: 0, after: None, event }
    }
}

impl Entity for BusEvent {
    const TABLE: &'static str = "bus_event";

    fn key(&self) -> String {
        format!("{}/{}", self.bus, self.id)
    }
}

/// What somebody tells a bus.
#[derive(Debug, Clone)]
pub struct EventDraft<'a> {
    pub detail_type: &'a str,
    pub source: &'a str,
    pub account: &'a str,
    pub region: &'a str,
    pub time: OffsetDateTime,
    pub resources: Vec<String>,
    pub detail: Value,
}

impl EventDraft<'_> {
    /// The event as rules see it and targets get it, with an id of its own.
    pub fn event(self) -> Value {
        envelope(
            self.detail_type,
            self.source,
            self.account,
            &timestamp::event_time(self.time),
            self.region,
            json!(self.resources),
            self.detail,
        )
    }
}

/// The members of an event, in the order in which AWS writes them.
pub fn envelope(
    detail_type: &str,
    source: &str,
    account: &str,
    time: &str,
    region: &str,
    resources: Value,
    detail: Value,
) -> Value {
    let members = [
        ("version", json!("0")),
        ("id", json!(new_id())),
        ("detail-type", json!(detail_type)),
        ("source", json!(source)),
        ("account", json!(account)),
        ("time", json!(time)),
        ("region", json!(region)),
        ("resources", resources),
        ("detail", detail),
    ];
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
