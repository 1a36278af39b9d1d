//! PutEvents.

use crate::SERVICE;
use crate::faults::{constraint, invalid};
use crate::names::{self, get};
use opentrail_catalog::Changes;
use opentrail_rules::{BusEvent, DEFAULT_BUS, EventBus, EventDraft, key_of_bus_arn};
use opentrail_services::authorisation::authorise;
use opentrail_services::{App, Call, Reply, lower_cased};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use time::OffsetDateTime;

/// Most events of a call.
const MAX_ENTRIES: usize = 10;
/// Most bytes of a call, counted as EventBridge counts them.
const MAX_BYTES: usize = 1024 * 1024;
/// What a time counts for.
const TIME_BYTES: usize = 14;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutEventsRequest {
    entries: Option<Vec<GivenEvent>>,
    endpoint_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenEvent {
    /// Seconds since 1970.
    time: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

/// What is recorded: which events, never what they say.
pub fn recorded(input: &Value) -> Value {
    let mut input = input.clone();
    for entry in input.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(detail) = entry.get_mut("Detail") {
            *detail = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
        }
    }
    lower_cased(&input)
}

/// # Errors
/// `ValidationException`, `AccessDeniedException`.
pub async fn put_events(app: &Arc<App>, call: &Call, input: PutEventsRequest) -> Result<Reply, ApiError> {
    let entries = input.entries.unwrap_or_default();
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        let must = format!("have length between 1 and {MAX_ENTRIES}");
        return Err(constraint(&format!("[{} entries]", entries.len()), "entries", &must));
    }
    if input.endpoint_id.is_some_and(|id| !id.is_empty()) {
        return Err(invalid("EndpointId is not supported by OpenTrail."));
    }
    let bytes: usize = entries.iter().map(GivenEvent::bytes).sum();
    if bytes > MAX_BYTES {
        return Err(invalid("Total size of the entries in the request is over the limit."));
    }
    let buses: BTreeSet<&str> = entries.iter().skip(1).filter_map(|entry| entry.event_bus_name.as_deref()).collect();
    let operation = SERVICE.find("PutEvents").expect("the operation that is running");
    for bus in buses {
        authorise(app, &SERVICE, operation, call, &json!({"Entries": [{"EventBusName": bus}]}))?;
    }
    let mut changes = Changes::new();
    let mut failed = 0;
    let mut answers = Vec::new();
    for entry in &entries {
        match entry.read(app, call)? {
            Ok(event) => {
                answers.push(json!({"EventId": event.event["id"]}));
                changes.put(&event);
            }
            Err((code, message)) => {
                failed += 1;
                answers.push(json!({"ErrorCode": code, "ErrorMessage": message}));
            }
        }
    }
    Ok(Reply { changes, ..Reply::output(json!({"FailedEntryCount": failed, "Entries": answers})) })
}

impl GivenEvent {
    fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let resources: usize = self.resources.iter().map(String::len).sum();
        let time = if self.time.is_some() { TIME_BYTES } else { 0 };
        time + resources + text(&self.source) + text(&self.detail_type) + text(&self.detail)
    }

    /// The event, or what is told of this entry alone.
    fn read(&self, app: &App, call: &Call) -> Result<Result<BusEvent, (&'static str, String)>, ApiError> {
        fn given<'t>(text: &'t Option<String>, name: &str) -> Result<&'t str, (&'static str, String)> {
            text.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| {
                ("InvalidArgument", format!("Parameter {name} is not valid. Reason: {name} is a required argument."))
            })
        }
        let parts =
            || Ok((given(&self.source, "Source")?, given(&self.detail_type, "DetailType")?, given(&self.detail, "Detail")?));
        let (source, detail_type, detail) = match parts() {
            Ok(parts) => parts,
            Err(fault) => return Ok(Err(fault)),
        };
        if source.starts_with("aws.") {
            return Ok(Err(("NotAuthorizedForSourceException", "Not authorized for the source.".into())));
        }
        let Ok(detail @ Value::Object(_)) = serde_json::from_str::<Value>(detail) else {
            return Ok(Err(("MalformedDetail", "Detail is malformed.".into())));
        };
        let name = self.event_bus_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_BUS);
        let arn = names::whole_bus_arn(call, name);
        let bus = key_of_bus_arn(&arn).unwrap_or_default();
        // An event for a bus that is not there is lost without a word, as at AWS.
        if !bus.ends_with(&format!("/{DEFAULT_BUS}")) && get::<EventBus>(app, &bus)?.is_none() {
            tracing::debug!(bus = arn, "an event for a bus that does not exist");
        }
        let time = self.time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds as i64).ok());
        let region = bus.split('/').nth(1).unwrap_or(&call.region).to_owned();
        let draft = EventDraft {
            detail_type,
            source,
            account: &call.account,
            region: &region,
            time: time.filter(|time| (1970..=9999).contains(&time.year())).unwrap_or(call.now),
            resources: self.resources.clone(),
            detail,
        };
        Ok(Ok(BusEvent::new(bus, draft.event())))
    }
}
