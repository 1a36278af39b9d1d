//! PutLogEvents.

use super::faults::{constraint, invalid, missing};
use super::groups;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_logs::{Accepted, InputEvent, LogStream, MAX_BATCH_EVENTS, accept, stored};
use opentrail_wire::ApiError;
use rand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutLogEventsRequest {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<GivenEvent>>,
}

#[derive(Debug, Deserialize)]
pub struct GivenEvent {
    timestamp: i64,
    message: String,
}

/// What is recorded: where to, never what.
pub fn parameters(input: &Value) -> Value {
    json!({"logGroupName": input["logGroupName"], "logStreamName": input["logStreamName"]})
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn put_log_events(app: &Arc<App>, call: &Call, input: PutLogEventsRequest) -> Result<Reply, ApiError> {
    let given = input.log_events.ok_or_else(|| missing("logEvents"))?;
    if given.is_empty() || given.len() > MAX_BATCH_EVENTS {
        let must = format!("have length between 1 and {MAX_BATCH_EVENTS}");
        return Err(constraint(&format!("[{} events]", given.len()), "logEvents", &must));
    }
    if given.iter().any(|event| event.timestamp < 0) {
        return Err(constraint("-1", "logEvents.timestamp", "have value greater than or equal to 0"));
    }
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let name = groups::check_stream_name(input.log_stream_name.as_deref())?;
    let lock = groups::lock_stream(app, &group, name).await;
    let stream = groups::stream(app, &group, Some(name))?;
    let now = groups::now_ms(call);
    let events = given.into_iter().map(|event| InputEvent { timestamp: event.timestamp, message: event.message }).collect();
    let accepted = accept(events, now, group.retention_days).map_err(|fault| invalid(fault.to_string()))?;
    let changes = stored(&mut LogStream::clone(&stream), &accepted.events, now, rand::rng().random());
    let mut output = json!({"nextSequenceToken": format!("{now:056}")});
    if let Some(rejected) = rejected(&accepted) {
        output["rejectedLogEventsInfo"] = rejected;
    }
    Ok(Reply { changes, lock: Some(lock), response_elements: Some(Value::Null), ..Reply::output(output) })
}

fn rejected(accepted: &Accepted) -> Option<Value> {
    let rejected = accepted.rejected?;
    let members = [
        ("tooNewLogEventStartIndex", rejected.too_new_start),
        ("tooOldLogEventEndIndex", rejected.too_old_end),
        ("expiredLogEventEndIndex", rejected.expired_end),
    ];
    Some(members.into_iter().filter_map(|(member, index)| Some((member.to_owned(), Value::from(index?)))).collect())
}
