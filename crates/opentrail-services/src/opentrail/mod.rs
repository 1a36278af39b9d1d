//! OpenTrail's own operations: what AWS has no API for. Signed, authorised as `opentrail:…` and recorded as all others.
//!
//! ```text
//! POST /-/import?source=NAME ──▶ import_events.rs ──▶ opentrail-import ──▶ event log
//! X-Amz-Target: OpenTrail_20261121.… ──▶ accounts.rs, set_root_password.rs
//! X-Amz-Target: OpenTrail_20261121.… ──▶ search.rs, counts.rs, complete.rs, who.rs ──question.rs──▶ History
//!                          answers that are streamed ──▶ stream.rs ──▶ pieces
//! ```

mod accounts;
mod complete;
mod counts;
mod describe_history;
mod import_events;
mod search;
mod set_root_password;
mod stream;
mod who;

mod question;
#[cfg(test)]
mod tests;

pub use import_events::{IMPORT_EVENTS, Upload, import_events, may_import};
pub use question::{Room, Searches};
pub use stream::{Streaming, is_streamed, stream};

use crate::app::App;
use crate::call::Call;
use crate::dates::record_times;
use crate::handler;
use crate::recording::lower_cased;
use crate::service::{Handler, Operation, Reply, Service};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

pub static SERVICE: Service = Service {
    name: "opentrail",
    event_source: "opentrail.amazonaws.com",
    target: Some("OpenTrail_20261121"),
    version: None,
    namespace: None,
    global: false,
    operations: OPERATIONS,
    missing: &[],
    unsupported_code: "UnsupportedOperationException",
};

const OPERATIONS: &[Operation] = &[
    reading("Complete", handler!(complete::complete)),
    reading("CountBy", handler!(counts::count_by)),
    reading("DescribeHistory", handler!(describe_history::describe_history)),
    reading(stream::DOWNLOAD_EVENTS, handler!(not_streamed)),
    reading(stream::FOLLOW_EVENTS, handler!(not_streamed)),
    reading("Histogram", handler!(counts::histogram)),
    Operation::new("CreateAccount", handler!(accounts::create_account)),
    Operation { read_only: true, ..Operation::new("ListAccounts", handler!(accounts::list_accounts)) },
    Operation {
        parameters: set_root_password::parameters,
        ..Operation::new("SetRootPassword", handler!(set_root_password::set_root_password))
    },
    Operation { resource, parameters: |_| Value::Null, ..Operation::new(IMPORT_EVENTS, handler!(import_events::misplaced)) },
    reading("Search", handler!(search::search)),
    reading("Who", handler!(who::who)),
];

/// Refuses accounts other than the first, which runs the server.
///
/// # Errors
/// `AccessDeniedException`.
fn check_operator(app: &App, call: &Call) -> Result<(), ApiError> {
    if call.account == app.settings.account_id {
        return Ok(());
    }
    Err(ApiError::new("AccessDeniedException", "Only the account of the first start may do this."))
}

const fn reading(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, resource, parameters: question_parameters, ..Operation::new(name, handler) }
}

/// The input, times in words.
fn question_parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    record_times(&mut parameters, &["startTime", "endTime"]);
    parameters
}

/// Stands in the table for operations that the front runs by [`stream()`].
async fn not_streamed(_: &Arc<App>, _: &Call, _: Value) -> Result<Reply, ApiError> {
    Err(ApiError::new("ValidationException", "The answer of this operation is streamed."))
}

/// The event history of an account, which policies can name.
fn resource(_: &App, call: &Call, _: &Value) -> String {
    format!("arn:aws:opentrail:{}:{}:history", call.region, call.account)
}
