//! OpenTrail's own operations: what AWS has no API for. Signed, authorised as `opentrail:…` and recorded as all others.
//!
//! ```text
//! POST /-/import?source=NAME ──▶ import_events.rs ──▶ opentrail-import ──▶ event log
//! X-Amz-Target: OpenTrail_20261121.… ──▶ describe_history.rs, accounts.rs, set_root_password.rs
//! ```

mod accounts;
mod describe_history;
mod import_events;
mod set_root_password;
#[cfg(test)]
mod tests;

pub use import_events::{IMPORT_EVENTS, Upload, import_events, may_import};

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::service::{Operation, Service};
use opentrail_wire::ApiError;
use serde_json::Value;

pub static SERVICE: Service = Service {
    name: "opentrail",
    event_source: "opentrail.amazonaws.com",
    target: Some("OpenTrail_20261121"),
    version: None,
    namespace: None,
    global: false,
    data_events: false,
    operations: OPERATIONS,
    missing: &[],
    unsupported_code: "UnsupportedOperationException",
};

const OPERATIONS: &[Operation] = &[
    Operation { read_only: true, resource, ..Operation::new("DescribeHistory", handler!(describe_history::describe_history)) },
    Operation::new("CreateAccount", handler!(accounts::create_account)),
    Operation { read_only: true, ..Operation::new("ListAccounts", handler!(accounts::list_accounts)) },
    Operation {
        parameters: set_root_password::parameters,
        ..Operation::new("SetRootPassword", handler!(set_root_password::set_root_password))
    },
    Operation { resource, parameters: |_| Value::Null, ..Operation::new(IMPORT_EVENTS, handler!(import_events::misplaced)) },
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

/// The event history of an account, which policies can name.
fn resource(_: &App, call: &Call, _: &Value) -> String {
    format!("arn:aws:opentrail:{}:{}:history", call.region, call.account)
}
