//! PutAuditEvents: up to a hundred events from outside, each taken or refused by itself.

use super::SERVICE;
use super::channel;
use super::event::{self, Envelope, Fault};
use crate::app::{App, log_failure};
use crate::authorisation::authorise;
use crate::call::Call;
use crate::recording::{self, Outcome};
use crate::service::Reply;
use opentrail_eventlog::Event;
use opentrail_model::record::Resource;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) const NAME: &str = "PutAuditEvents";

/// Most events of one request.
const MAX_EVENTS: usize = 100;
/// Most bytes of `eventData` in one request.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// Longest event id, in characters.
const MAX_ID_CHARS: usize = 128;

/// The input as the tables' front passes it: the query's members and the body's in one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutAuditEventsRequest {
    #[serde(default)]
    channel_arn: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    audit_events: Vec<OwnedAuditEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedAuditEvent {
    #[serde(default)]
    id: String,
    #[serde(default)]
    event_data: String,
    #[serde(default)]
    event_data_checksum: Option<String>,
}

/// The body as it comes over the wire.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    audit_events: Vec<AuditEvent<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditEvent<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    event_data: Cow<'a, str>,
    #[serde(default)]
    event_data_checksum: Option<Cow<'a, str>>,
}

impl OwnedAuditEvent {
    fn borrow(&self) -> AuditEvent<'_> {
        AuditEvent {
            id: self.id.as_str().into(),
            event_data: self.event_data.as_str().into(),
            event_data_checksum: self.event_data_checksum.as_deref().map(Into::into),
        }
    }
}

/// What became of the events. Both lists are always there.
#[derive(Default, Serialize)]
struct Results<'a> {
    failed: Vec<Failed<'a>>,
    successful: Vec<Successful<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    id: &'a str,
    error_code: &'static str,
    error_message: String,
}

#[derive(Serialize)]
struct Successful<'a> {
    id: &'a str,
    #[serde(rename = "eventID")]
    event_id: String,
}

/// # Errors
/// `InvalidChannelARN`, `ChannelNotFound`, `DuplicatedAuditEventId`; `ValidationException` for numbers and sizes.
pub async fn put_audit_events(app: &Arc<App>, call: &Call, input: PutAuditEventsRequest) -> Result<Reply, ApiError> {
    let channel = input.channel_arn.unwrap_or_default();
    let events: Vec<AuditEvent<'_>> = input.audit_events.iter().map(OwnedAuditEvent::borrow).collect();
    let taken = take(app, call, &channel, input.external_id.as_deref(), &events)?;
    let output = json!(taken.results);
    Ok(Reply { output, more_events: taken.events, ..reply(call, &taken.channel_arn) })
}

/// The same for the body as it comes over the wire: `authorise ▸ take ▸ record`, without a JSON tree in between.
///
/// # Errors
/// As [`put_audit_events`], a denial, `SerializationException`; whatever it is, it has been recorded.
pub async fn put_audit_events_raw(
    app: &Arc<App>,
    call: &Call,
    channel_arn: &str,
    external_id: Option<&str>,
    body: &[u8],
) -> Result<Vec<u8>, ApiError> {
    let result = allowed(app, call, channel_arn).and_then(|()| {
        let body: Body<'_> = serde_json::from_slice(body)
            .map_err(|error| ApiError::new("SerializationException", format!("The request could not be read: {error}")))?;
        let taken = take(app, call, channel_arn, external_id, &body.audit_events)?;
        let answer = serde_json::to_vec(&taken.results).expect("text always serialises");
        Ok((answer, taken.events, reply(call, &taken.channel_arn)))
    });
    let outcome = Outcome {
        service: &SERVICE,
        operation_name: NAME,
        operation: SERVICE.find(NAME),
        parameters: json!({"channelArn": channel_arn}),
        result: result.as_ref().map(|(_, _, reply)| reply),
    };
    let own = recording::events(app, call, &outcome);
    let (answer, events) = match result {
        Ok((answer, events, _)) => (Ok(answer), events),
        Err(error) => (Err(error), Vec::new()),
    };
    let events = own.into_iter().chain(events).collect();
    app.intake.submit(events, bytes::Bytes::new()).await.map_err(|failure| log_failure(&failure))?;
    answer
}

fn allowed(app: &App, call: &Call, channel_arn: &str) -> Result<(), ApiError> {
    let operation = SERVICE.find(NAME).expect("the table has its only operation");
    authorise(app, &SERVICE, operation, call, &json!({"channelArn": channel_arn}))
}

/// The call's own record names the channel and no response, which would only repeat ids.
fn reply(call: &Call, channel_arn: &str) -> Reply {
    let channel = Resource {
        account: Some(call.account.clone()),
        kind: Some("AWS::CloudTrail::Channel".into()),
        arn: Some(channel_arn.to_owned()),
        arn_prefix: None,
    };
    Reply { response_elements: Some(serde_json::Value::Null), resources: vec![channel], ..Reply::default() }
}

struct Taken<'a> {
    channel_arn: String,
    events: Vec<Event>,
    results: Results<'a>,
}

fn take<'a>(
    app: &App,
    call: &Call,
    channel: &str,
    external_id: Option<&str>,
    given: &'a [AuditEvent<'_>],
) -> Result<Taken<'a>, ApiError> {
    let channel_arn = channel::find(call, channel)?;
    check_request(external_id, given)?;
    let envelope = Envelope::new(&call.account, &call.region, &channel_arn, call.now);
    let mut events = Vec::with_capacity(given.len());
    let mut results = Results::default();
    for AuditEvent { id, event_data, event_data_checksum } in given {
        let event_id = app.intake.event_id();
        match event::stored_record(&envelope, &event_id, event_data, event_data_checksum.as_deref()) {
            Ok(record) => {
                events.push(Event { account: call.account.clone(), region: call.region.clone(), record: record.into() });
                results.successful.push(Successful { id, event_id });
            }
            Err(Fault { code, message }) => results.failed.push(Failed { id, error_code: code, error_message: message }),
        }
    }
    Ok(Taken { channel_arn, events, results })
}

/// What is wrong with the request as a whole.
fn check_request(external_id: Option<&str>, given: &[AuditEvent<'_>]) -> Result<(), ApiError> {
    let invalid = |member: &str, constraint: String| {
        let message = format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}");
        Err(ApiError::new("ValidationException", message))
    };
    if !(1..=MAX_EVENTS).contains(&given.len()) {
        return invalid("auditEvents", format!("Member must have length between 1 and {MAX_EVENTS}"));
    }
    if given.iter().map(|event| event.event_data.len()).sum::<usize>() > MAX_REQUEST_BYTES {
        return invalid("auditEvents", format!("Member must have at most {MAX_REQUEST_BYTES} bytes"));
    }
    if external_id.is_some_and(|id| !is_external_id(id)) {
        return invalid("externalId", "Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]{2,1224}".into());
    }
    if given.iter().any(|event| !is_event_id(&event.id)) {
        return invalid("auditEvents.member.id", "Member must satisfy regular expression pattern: [-_A-Za-z0-9]{1,128}".into());
    }
    let mut ids = HashSet::with_capacity(given.len());
    match given.iter().find(|event| !ids.insert(event.id.as_ref())) {
        Some(event) => {
            let message = format!("Two or more entries in the request have the same event ID: {}", event.id);
            Err(ApiError::new("DuplicatedAuditEventId", message))
        }
        None => Ok(()),
    }
}

fn is_event_id(id: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_external_id(id: &str) -> bool {
    (2..=1224).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b))
}
