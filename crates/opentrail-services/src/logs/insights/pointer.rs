//! GetLogRecord, and the pointers it finds log events by.

use super::super::faults::{invalid, missing, unreadable};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_insights::discovered;
use opentrail_logs::{EventId, LogGroup, LogStream, find_event};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Where a log event is: `BASE64.TIME.INGESTION.CALL.PLACE`, with the group's name, its id and the stream's name in front.
pub struct Pointer {
    group: String,
    group_id: String,
    stream: String,
    id: EventId,
}

impl Pointer {
    /// What the pointers of a stream begin with.
    pub fn prefix(group: &LogGroup, stream: &LogStream) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\0{}\0{}", group.name, group.id, stream.name))
    }

    pub fn text(prefix: &str, id: EventId) -> String {
        format!("{prefix}.{:x}.{:x}.{:x}.{:x}", id.timestamp, id.ingestion, id.call, id.place)
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, '.').collect();
        let [prefix, timestamp, ingestion, call, place] = parts[..] else { return None };
        let prefix = String::from_utf8(URL_SAFE_NO_PAD.decode(prefix).ok()?).ok()?;
        let [group, group_id, stream] = prefix.splitn(3, '\0').collect::<Vec<_>>()[..] else { return None };
        let id = EventId {
            timestamp: i64::from_str_radix(timestamp, 16).ok().filter(|at| *at >= 0)?,
            ingestion: i64::from_str_radix(ingestion, 16).ok()?,
            call: u64::from_str_radix(call, 16).ok()?,
            place: u16::from_str_radix(place, 16).ok()?,
        };
        Some(Self { group: group.into(), group_id: group_id.into(), stream: stream.into(), id })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetLogRecordRequest {
    log_record_pointer: Option<String>,
}

/// The group that a pointer leads to.
pub fn record_resource(_: &App, call: &Call, input: &Value) -> String {
    let pointer = input["logRecordPointer"].as_str().and_then(Pointer::parse);
    let group = pointer.map_or_else(|| "*".to_owned(), |pointer| pointer.group);
    format!("arn:aws:logs:{}:{}:log-group:{group}", call.region, call.account)
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn get_log_record(app: &Arc<App>, call: &Call, input: GetLogRecordRequest) -> Result<Reply, ApiError> {
    let text = input.log_record_pointer.ok_or_else(|| missing("logRecordPointer"))?;
    let pointer = Pointer::parse(&text).ok_or_else(|| invalid("Invalid log record pointer."))?;
    let gone = || ApiError::new("ResourceNotFoundException", "The log record does not exist any more.");
    let key = LogGroup::key_of(&call.account, &call.region, &pointer.group);
    let group = app.catalog.get::<LogGroup>(&key).map_err(|error| catalog_failure(&error))?.ok_or_else(gone)?;
    if group.id != pointer.group_id {
        return Err(gone());
    }
    let key = LogStream::key_of(&group.id, &pointer.stream);
    let stream = app.catalog.get::<LogStream>(&key).map_err(|error| catalog_failure(&error))?.ok_or_else(gone)?;
    let found = find_event(&app.catalog, &group.id, &stream.id, pointer.id).map_err(|error| unreadable(&error))?;
    let event = found.ok_or_else(gone)?;
    let mut record: Map<String, Value> =
        discovered(&event.message).into_iter().map(|(name, value)| (name, value.into())).collect();
    let system = [
        ("@timestamp", event.timestamp().to_string()),
        ("@ingestionTime", event.id.ingestion.to_string()),
        ("@logStream", stream.name.clone()),
        ("@log", format!("{}:{}", group.account, group.name)),
        ("@ptr", text),
        ("@message", event.message),
    ];
    record.extend(system.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    Ok(Reply::output(json!({"logRecord": record})))
}
