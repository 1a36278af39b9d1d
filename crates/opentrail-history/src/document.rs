//! What of a record is indexed, and how: the schema, the terms, the document.
//!
//! ```text
//! term = category ▪ attribute ▪ u8 length ▪ account ▪ u8 length ▪ region ▪ value
//! ```
//!
//! An event id that is a UUID stands in a term as its sixteen bytes: every event has another one, and half the bytes
//! cost half the time when dictionaries are built and merged.
//!
//! One term says everything a lookup asks for, so that lookups need no intersections. To index more (every field, other
//! categories), add fields to the schema, raise `FORMAT` and let the history be rebuilt from the log, or read both.

use crate::resources::RecordParts;
use opentrail_eventlog::{Event, Position};
use opentrail_model::facts::EventFacts;
use opentrail_model::timestamp::parse_event_time;
use serde::Deserialize;
use serde_json::Value;
use tantivy::schema::{BytesOptions, FAST, Field, STORED, Schema};
use tantivy::{TantivyDocument, Term};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Version of schema and terms; a directory of another version is set aside and rebuilt.
pub(crate) const FORMAT: u32 = 3;

/// Longest value indexed, in bytes: lookups ask for at most 2,000 characters.
const MAX_VALUE_BYTES: usize = 8_000;

/// How far an event's time may lie after the time it was written before the latter is used instead.
const MAX_AHEAD: time::Duration = time::Duration::days(1);

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

impl Attribute {
    /// The byte in a term; part of the format.
    fn code(self) -> u8 {
        match self {
            Self::EventId => b'i',
            Self::EventName => b'n',
            Self::ReadOnly => b'r',
            Self::Username => b'u',
            Self::ResourceType => b't',
            Self::ResourceName => b'o',
            Self::EventSource => b's',
            Self::AccessKeyId => b'k',
        }
    }
}

/// Stands in a term for an event id in sixteen bytes, in the place of the attribute.
const UUID: u8 = b'j';

/// Stands in a term for "any event", in the place of an attribute.
const ANY: u8 = b'*';

/// The fields of a slice's index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub key: Field,
    pub time: Field,
    pub position: Field,
    pub record: Field,
    pub partition: Field,
}

/// Name of the column of event times, epoch seconds.
pub(crate) const TIME: &str = "time";
/// Name of the column of log positions.
pub(crate) const POSITION: &str = "position";

pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let fields = Fields {
        key: builder.add_bytes_field("key", BytesOptions::default().set_indexed()),
        time: builder.add_i64_field(TIME, FAST),
        position: builder.add_u64_field(POSITION, FAST),
        record: builder.add_bytes_field("record", STORED),
        partition: builder.add_text_field("partition", STORED),
    };
    (builder.build(), fields)
}

/// The term of all events of an account, Region and category that have the attribute's value, or of all its events.
pub(crate) fn term(
    field: Field,
    account: &str,
    region: &str,
    insight: bool,
    attribute: Option<(Attribute, &str)>,
) -> Option<Term> {
    let mut keys = Keys::new(account, region, if insight { b'I' } else { b'M' })?;
    let key = match attribute {
        Some((attribute, value)) => keys.of(attribute.code(), value)?,
        None => keys.of(ANY, "")?,
    };
    Some(Term::from_field_bytes(field, key))
}

/// Makes the keys of one event.
struct Keys {
    bytes: Vec<u8>,
    prefix: usize,
}

impl Keys {
    /// `None` if account or Region are longer than the log allows.
    fn new(account: &str, region: &str, category: u8) -> Option<Self> {
        let mut bytes = vec![category, 0];
        for part in [account, region] {
            bytes.push(u8::try_from(part.len()).ok()?);
            bytes.extend_from_slice(part.as_bytes());
        }
        Some(Self { prefix: bytes.len(), bytes })
    }

    fn of(&mut self, attribute: u8, value: &str) -> Option<&[u8]> {
        if value.len() > MAX_VALUE_BYTES {
            return None;
        }
        self.bytes.truncate(self.prefix);
        match (attribute == Attribute::EventId.code()).then(|| canonical_uuid(value)).flatten() {
            Some(id) => {
                self.bytes[1] = UUID;
                self.bytes.extend_from_slice(id.as_bytes());
            }
            None => {
                self.bytes[1] = attribute;
                self.bytes.extend_from_slice(value.as_bytes());
            }
        }
        Some(&self.bytes)
    }
}

/// The UUID of which `text` is the lower-case hyphenated form; lookups match the text exactly, so no other form counts.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

/// What reading a record for the index came to.
pub(crate) enum Reading {
    Document {
        at: OffsetDateTime,
        document: TantivyDocument,
    },
    /// Not a JSON object.
    Broken,
}

/// Makes a document of an event that was written to the log at `written`.
///
/// Its time is `eventTime`; `written` where that is absent, unreadable or more than a day ahead.
pub(crate) fn read(fields: &Fields, event: &Event, position: Position, written: OffsetDateTime) -> Reading {
    let Ok(facts) = EventFacts::read(&event.record) else { return Reading::Broken };
    let category = match facts.category() {
        "Management" => b'M',
        "Insight" => b'I',
        _ => b'O',
    };
    let Some(mut keys) = Keys::new(&event.account, &event.region, category) else { return Reading::Broken };
    let at = facts.event_time.as_deref().and_then(parse_time).filter(|at| *at <= written + MAX_AHEAD).unwrap_or(written);

    let mut document = TantivyDocument::new();
    document.add_i64(fields.time, at.unix_timestamp());
    document.add_u64(fields.position, position);
    document.add_bytes(fields.record, &event.record);
    document.add_text(fields.partition, format!("{}/{}", event.account, event.region));
    let mut add = |attribute: u8, value: &str| {
        if let Some(key) = keys.of(attribute, value) {
            document.add_bytes(fields.key, key);
        }
    };
    add(ANY, "");
    let single = [
        (Attribute::EventId, facts.event_id.as_deref()),
        (Attribute::EventName, facts.event_name.as_deref()),
        (Attribute::ReadOnly, facts.read_only.map(|read_only| if read_only { "true" } else { "false" })),
        (Attribute::Username, facts.username()),
        (Attribute::EventSource, facts.event_source.as_deref()),
        (Attribute::AccessKeyId, facts.access_key_id.as_deref()),
    ];
    for (attribute, value) in single {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            add(attribute.code(), value);
        }
    }
    for (kind, name) in resources(&event.record, &facts) {
        add(Attribute::ResourceType.code(), &kind);
        add(Attribute::ResourceName.code(), &name);
    }
    Reading::Document { at, document }
}

fn parse_time(text: &str) -> Option<OffsetDateTime> {
    parse_event_time(text).or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok())
}

/// Only the members that name resources, the rest skipped over.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceMembers {
    resources: Value,
    request_parameters: Value,
    response_elements: Value,
}

fn resources(record: &[u8], facts: &EventFacts<'_>) -> Vec<(String, String)> {
    let members: ResourceMembers = serde_json::from_slice(record).unwrap_or_default();
    RecordParts {
        event_source: facts.event_source.as_deref(),
        event_name: facts.event_name.as_deref(),
        resources: &members.resources,
        request: &members.request_parameters,
        response: &members.response_elements,
    }
    .resources()
}
