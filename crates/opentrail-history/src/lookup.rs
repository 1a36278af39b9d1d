//! Lookups as LookupEvents makes them: by attributes, exactly, page by page.

use crate::error::HistoryError;
use crate::history::{History, read};
use crate::limits::{LOOKUP_VALUE_BYTES, VALUE_BYTES};
use crate::live::paths::Reserved;
use crate::plan::{Place, Plan};
use crate::resources::{self, lookup_resources};
use crate::visit::{Question, window};
use bytes::Bytes;
use opentrail_model::facts::EventFacts;
use serde_json::Value;
use time::OffsetDateTime;

/// What LookupEvents can search by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attribute {
    EventId,
    EventName,
    ReadOnly,
    Username,
    ResourceType,
    ResourceName,
    EventSource,
    AccessKeyId,
}

/// A question to the history.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub account: String,
    pub region: String,
    /// Only events of this `eventCategory`.
    pub category: Option<String>,
    /// All of these; exact, case-sensitive. A value over 8,000 bytes finds nothing.
    pub attributes: Vec<(Attribute, String)>,
    /// The first second wanted; fractions are cut off.
    pub start: Option<OffsetDateTime>,
    /// The last second wanted; fractions are cut off.
    pub end: Option<OffsetDateTime>,
    /// Most events to answer.
    pub limit: usize,
    /// Only events after this one in the order of the answer.
    pub after: Option<Cursor>,
}

/// A place in the order of answers: by time, then by position, both descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Epoch seconds.
    pub time: i64,
    pub position: u64,
}

/// An event found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Epoch seconds: the record's `eventTime`, or when it was logged if that is absent or implausible.
    pub time: i64,
    /// Position in the event log.
    pub position: u64,
    /// The record's JSON, byte for byte as logged.
    pub record: Bytes,
}

impl Found {
    /// Where the next page begins if this is the last event of one.
    pub fn cursor(&self) -> Cursor {
        Cursor { time: self.time, position: self.position }
    }
}

impl History {
    /// The newest `limit` events that match, newest first.
    ///
    /// # Errors
    /// If a segment cannot be read.
    pub fn lookup(&self, q: &Lookup) -> Result<Vec<Found>, HistoryError> {
        if q.attributes.iter().any(|(_, value)| value.len() > LOOKUP_VALUE_BYTES) {
            return Ok(Vec::new());
        }
        let mut members: Vec<Plan> = q.attributes.iter().map(|(attribute, value)| of_attribute(*attribute, value)).collect();
        members.extend(q.category.iter().map(|category| exact(Place::Reserved(Reserved::Category), category)));
        members.push(exact(Place::Reserved(Reserved::Partition), &format!("{}/{}", q.account, q.region)));
        let plan = Plan::and(members);
        let decides = |record: &[u8]| decides(&q.attributes, record);
        let seconds = |at: Option<OffsetDateTime>| at.map(OffsetDateTime::unix_timestamp);
        let question = Question {
            plan: &plan,
            window: window(self.state(), seconds(q.start), seconds(q.end)),
            decides: &decides,
            terms: q.attributes.len(),
        };
        let (parts, places) = self.newest(&question, q.after, q.limit)?;
        read(&parts, &places, usize::MAX)
    }
}

fn exact(place: Place, value: &str) -> Plan {
    Plan::Exact(place, value.as_bytes().to_vec())
}

fn of_attribute(attribute: Attribute, value: &str) -> Plan {
    let name = match attribute {
        Attribute::EventId => "eventID",
        Attribute::EventName => "eventName",
        Attribute::EventSource => "eventSource",
        Attribute::AccessKeyId => "userIdentity.accessKeyId",
        Attribute::ReadOnly => "readOnly",
        Attribute::Username => return exact(Place::Reserved(Reserved::Username), value),
        Attribute::ResourceName => return Plan::Unsure(Box::new(named(value))),
        Attribute::ResourceType => return Plan::Unsure(Box::new(typed(value))),
    };
    exact(Place::Named(name), value)
}

/// Events that have the name at one of the places that name resources.
fn named(name: &str) -> Plan {
    let places = resources::name_places();
    let mut members: Vec<Plan> = places.map(|place| exact(Place::Named(place), name)).collect();
    // Buckets given by ARN are known by name as well.
    let arn = format!("arn:aws:s3:::{name}");
    members.extend(resources::LISTED_NAMES.iter().map(|place| exact(Place::Named(place), &arn)));
    Plan::Or(members)
}

/// Events that may have a resource of the type.
fn typed(kind: &str) -> Plan {
    let mut members: Vec<Plan> = resources::LISTED_TYPES.iter().map(|place| exact(Place::Named(place), kind)).collect();
    for (service, place) in resources::places_of(kind) {
        let present = Plan::Present(Place::Named(place));
        members.push(match service {
            "" => present,
            service => Plan::And(vec![Plan::Begins(Place::Named("eventSource"), service.as_bytes().to_vec()), present]),
        });
    }
    // A resource listed without a type has that of its ARN.
    if resources::is_kind_of_arns(kind) {
        members.extend(resources::LISTED_NAMES.iter().map(|place| Plan::Present(Place::Named(place))));
    }
    Plan::Or(members)
}

/// Whether a record has the resources asked for, and the values that are longer than those the index keeps whole.
fn decides(attributes: &[(Attribute, String)], record: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(record).unwrap_or_default();
    let resources = lookup_resources(&value);
    attributes.iter().all(|(attribute, wanted)| {
        let is = |found: &Value| wanted.len() <= VALUE_BYTES || found.as_str() == Some(wanted);
        match attribute {
            Attribute::ResourceName => resources.iter().any(|(_, name)| name == wanted),
            Attribute::ResourceType => resources.iter().any(|(kind, _)| kind == wanted),
            Attribute::EventId => is(&value["eventID"]),
            Attribute::EventName => is(&value["eventName"]),
            Attribute::EventSource => is(&value["eventSource"]),
            Attribute::AccessKeyId => is(&value["userIdentity"]["accessKeyId"]),
            Attribute::ReadOnly => true,
            Attribute::Username => {
                let facts = EventFacts::read(record).unwrap_or_default();
                wanted.len() <= VALUE_BYTES || facts.username() == Some(wanted)
            }
        }
    })
}
