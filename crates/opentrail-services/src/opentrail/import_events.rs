//! ImportEvents: one log file into the event history.
//!
//! The front receives the body, checks its hash, and calls [`import_events`]; the answer comes when everything that was
//! accepted is durable. The call is recorded once per file, with the counts.

use super::{OPERATIONS, SERVICE};
use crate::app::{App, log_failure};
use crate::authorisation::authorise;
use crate::call::Call;
use crate::recording::{self, Outcome};
use crate::service::{Operation, Reply};
use bytes::Bytes;
use opentrail_import::{ImportError, Outcome as Imported};
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::Arc;

/// The operation's name, as policies and records have it.
pub const IMPORT_EVENTS: &str = "ImportEvents";

/// Most characters of a file's name that are recorded.
const MAX_SOURCE_CHARS: usize = 1024;

/// A file that has been received whole, its hash checked.
pub struct Upload {
    /// Where the caller has it from; also hints at its form.
    pub source: String,
    pub file: Box<dyn Read + Send>,
    pub stored_bytes: u64,
}

#[derive(Deserialize)]
pub struct Misplaced {}

/// # Errors
/// Always: a file does not fit into JSON.
pub async fn misplaced(_: &Arc<App>, _: &Call, _: Misplaced) -> Result<Reply, ApiError> {
    Err(ApiError::new("ValidationException", "ImportEvents takes the file as the body of POST /-/import?source=NAME."))
}

/// Whether the caller may import, asked before anything of the body is read.
///
/// # Errors
/// The denial.
pub fn may_import(app: &App, call: &Call) -> Result<(), ApiError> {
    authorise(app, &SERVICE, operation(), call, &Value::Null)
}

/// Imports a file for the caller's account. Does not ask policies; see [`may_import`].
///
/// # Errors
/// If the log or the history fail; it has been recorded if that was possible. Sending the file again is safe.
pub async fn import_events(app: &Arc<App>, call: &Call, upload: Upload) -> Result<Value, ApiError> {
    let Upload { source, mut file, stored_bytes } = upload;
    let importing = Arc::clone(app);
    let (account, name) = (call.account.clone(), source.clone());
    let run = move || importing.importer.import(&account, &name, &mut file);
    let imported = match tokio::task::spawn_blocking(run).await {
        Ok(Ok(imported)) => Ok(imported),
        Ok(Err(error)) => Err(failure(&error)),
        Err(error) => {
            tracing::error!(%error, "an import did not finish");
            Err(ApiError::new("InternalFailure", "An internal error occurred.").with_status(500))
        }
    };
    let result = imported.map(|imported| (answer(app, &imported), reply(&imported)));
    let outcome = Outcome {
        service: &SERVICE,
        operation_name: IMPORT_EVENTS,
        operation: Some(operation()),
        parameters: json!({"source": source.chars().take(MAX_SOURCE_CHARS).collect::<String>(), "bytes": stored_bytes}),
        result: result.as_ref().map(|(_, reply)| reply),
    };
    let events = recording::events(app, call, &outcome);
    app.intake.submit(events, Bytes::new()).await.map_err(|failure| log_failure(&failure))?;
    result.map(|(answer, _)| answer)
}

fn operation() -> &'static Operation {
    OPERATIONS.iter().find(|operation| operation.name == IMPORT_EVENTS).expect("it is in the table")
}

fn reply(imported: &Imported) -> Reply {
    let elements = json!({
        "accepted": imported.accepted,
        "duplicates": imported.duplicates,
        "expired": imported.expired,
        "unparsed": imported.unparsed_count,
    });
    Reply { response_elements: Some(elements), ..Reply::default() }
}

fn answer(app: &App, imported: &Imported) -> Value {
    let unparsed = imported.unparsed.iter().map(|u| json!({"record": u.record, "offset": u.offset, "reason": u.reason}));
    let mut answer = json!({
        "accepted": imported.accepted,
        "duplicates": imported.duplicates,
        "expired": imported.expired,
        "unparsedCount": imported.unparsed_count,
        "unparsed": unparsed.collect::<Vec<_>>(),
    });
    if let Some(oldest) = imported.oldest_expired {
        answer["oldestExpired"] = event_time(oldest).into();
        answer["retentionDays"] = app.importer.retention().whole_days().into();
    }
    answer
}

fn failure(error: &ImportError) -> ApiError {
    let unavailable = |message| ApiError::new("ServiceUnavailable", message).with_status(503);
    match error {
        ImportError::Log(error) => log_failure(error),
        ImportError::HistoryBehind { .. } | ImportError::OtherFailed => {
            tracing::warn!(%error, "refusing an import");
            unavailable("The event history is busy. Send the file again.")
        }
        error => {
            tracing::error!(%error, source = ?std::error::Error::source(error), "an import failed");
            unavailable("The event history could not be used. Send the file again.")
        }
    }
}
