//! From a call and its outcome to the event that is recorded.

use crate::app::App;
use crate::call::{Call, Caller};
use crate::service::{Operation, Reply, Service};
use opentrail_eventlog::{Event, Intake};
use opentrail_model::record::{EventKind, Record, Resource, TlsDetails, lower_first};
use opentrail_model::regions;
use opentrail_wire::ApiError;
use serde_json::Value;

/// How a call of a JSON or query service ended.
pub struct Outcome<'a> {
    pub service: &'static Service,
    pub operation_name: &'a str,
    pub operation: Option<&'static Operation>,
    pub parameters: Value,
    pub result: Result<&'a Reply, &'a ApiError>,
}

/// `requestParameters` for operations without secrets: the input in CloudTrail's casing, `null` if empty.
pub fn lower_cased(input: &Value) -> Value {
    match input {
        Value::Object(members) if members.is_empty() => Value::Null,
        other => lower_first(other.clone()),
    }
}

/// The events of a call: one for the account that called, and one for the account of the resource if that is another.
pub fn events(app: &App, call: &Call, outcome: &Outcome<'_>) -> Vec<Event> {
    let record = record(app, call, outcome);
    let owner = outcome.result.ok().and_then(|reply| reply.owner_account.clone());
    let caller = record.recipient_account.clone();
    copies(&app.intake, call, record, caller, owner).into_iter().map(seal).collect()
}

/// The copies of one record that the caller's account and the owner of the resource get, if they are two. The owner's
/// shows of the caller only the account and the id.
fn copies(intake: &Intake, call: &Call, record: Record, caller: String, owner: Option<String>) -> Vec<Record> {
    let own = Record { recipient_account: caller, ..record };
    let Some(owner) = owner.filter(|owner| *owner != own.recipient_account) else { return vec![own] };
    let own = Record { shared_event_id: Some(intake.event_id()), ..own };
    let owners = Record {
        user_identity: call.caller.foreign_identity(),
        event_id: intake.event_id(),
        recipient_account: owner,
        ..own.clone()
    };
    vec![own, owners]
}

fn record(app: &App, call: &Call, outcome: &Outcome<'_>) -> Record {
    let read_only = outcome.operation.is_some_and(|operation| operation.read_only);
    let reply = outcome.result.ok();
    let response_elements = match reply {
        Some(Reply { response_elements: Some(elements), .. }) => elements.clone(),
        Some(reply) if !read_only && reply.output.as_object().is_some_and(|o| !o.is_empty()) => lower_first(reply.output.clone()),
        _ => Value::Null,
    };
    let region = if outcome.service.global { regions::GLOBAL_SERVICE_REGION.to_owned() } else { call.region.clone() };
    Record {
        kind: if outcome.operation.is_some_and(|operation| operation.data_event) {
            EventKind::DataCall
        } else {
            EventKind::ManagementCall
        },
        event_source: event_source(call, outcome.service),
        event_name: printable(outcome.operation_name),
        error_code: outcome.result.err().map(|error| recorded_code(&error.code)),
        error_message: outcome.result.err().map(|error| error.message.clone()),
        request_parameters: outcome.parameters.clone(),
        response_elements,
        additional_event_data: reply.and_then(|reply| reply.additional_event_data.clone()),
        read_only,
        resources: reply.map(|reply| reply.resources.clone()).unwrap_or_default(),
        api_version: None,
        ..base(&app.intake, call, region)
    }
}

/// A service that is not here is recorded under the name the caller signed for.
fn event_source(call: &Call, service: &Service) -> String {
    let plain =
        |name: &&str| !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match call.signed_for.as_deref().filter(plain) {
        Some(name) if service.is_unknown() => format!("{}.amazonaws.com", name.to_ascii_lowercase()),
        _ => service.event_source.into(),
    }
}

/// What an S3 call adds to a record.
#[derive(Debug, Clone, Default)]
pub struct S3Facts {
    /// `PutObject`, `CreateBucket`, …
    pub operation: String,
    /// Object-level calls are data events, bucket-level calls management events.
    pub data: bool,
    pub read_only: bool,
    /// The region the record belongs to, if not the signing region.
    pub region: Option<String>,
    pub parameters: Value,
    pub response_elements: Value,
    pub additional_event_data: Option<Value>,
    pub resources: Vec<Resource>,
    /// Error code and message, if the call failed.
    pub error: Option<(String, String)>,
}

/// The events of an S3 call: one for the bucket's owner, and one for the caller's account if that is another.
pub fn s3_events(intake: &Intake, call: &Call, facts: S3Facts) -> Vec<Event> {
    let denied = facts.error.as_ref().is_some_and(|(code, _)| code == "AccessDenied");
    let record = s3_record(intake, call, facts);
    let caller = call.caller.account().unwrap_or(&call.account).to_owned();
    let mut records = copies(intake, call, record, caller, Some(call.account.clone()));
    if denied && records.len() > 1 {
        // Who was refused does not learn whose the bucket is.
        records[0].resources.iter_mut().for_each(|resource| resource.account = None);
    }
    records.into_iter().map(seal).collect()
}

fn s3_record(intake: &Intake, call: &Call, facts: S3Facts) -> Record {
    let region = facts.region.unwrap_or_else(|| call.region.clone());
    Record {
        kind: if facts.data { EventKind::DataCall } else { EventKind::ManagementCall },
        event_source: "s3.amazonaws.com".into(),
        event_name: printable(&facts.operation),
        user_agent: call
            .user_agent
            .as_deref()
            .map(|agent| if matches!(call.caller, Caller::Service { .. }) { agent.to_owned() } else { format!("[{agent}]") }),
        error_code: facts.error.as_ref().map(|(code, _)| code.clone()),
        error_message: facts.error.map(|(_, message)| message),
        request_parameters: facts.parameters,
        response_elements: facts.response_elements,
        additional_event_data: facts.additional_event_data,
        read_only: facts.read_only,
        resources: facts.resources,
        ..base(intake, call, region)
    }
}

fn base(intake: &Intake, call: &Call, region: String) -> Record {
    let service = matches!(call.caller, Caller::Service { .. });
    Record {
        kind: EventKind::ManagementCall,
        user_identity: call.caller.identity(),
        event_time: call.now,
        event_source: String::new(),
        event_name: String::new(),
        region,
        source_ip: call.source_ip.clone(),
        user_agent: call.user_agent.clone(),
        error_code: None,
        error_message: None,
        request_parameters: Value::Null,
        response_elements: Value::Null,
        additional_event_data: None,
        request_id: Some(call.request_id.clone()),
        event_id: intake.event_id(),
        read_only: false,
        resources: Vec::new(),
        api_version: None,
        recipient_account: call.account.clone(),
        shared_event_id: None,
        service_event_details: None,
        tls_details: (!service && (call.tls.is_some() || call.host.is_some())).then(|| TlsDetails {
            tls_version: call.tls.as_ref().map(|(version, _)| version.clone()),
            cipher_suite: call.tls.as_ref().map(|(_, cipher)| cipher.clone()),
            client_provided_host_header: call.host.clone(),
        }),
        session_from_console: call.caller.session().is_some_and(|session| session.console),
    }
}

fn seal(record: Record) -> Event {
    Event { account: record.recipient_account.clone(), region: record.region.clone(), record: record.to_json().into() }
}

/// Operation names come from the wire: keep what an API name can be made of.
fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(128).collect()
}

/// CloudTrail records denials as `AccessDenied`, whatever the protocol calls them.
fn recorded_code(code: &str) -> String {
    if code == "AccessDeniedException" { "AccessDenied".into() } else { code.into() }
}
