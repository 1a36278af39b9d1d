//! OpenTrail's own operations: what AWS has no API for. Signed, authorised as `opentrail:…` and recorded as all others.
//!
//! ```text
//! POST /-/import?source=NAME ──▶ import_events.rs ──▶ opentrail-import ──▶ event log
//! X-Amz-Target: OpenTrail_20261121.… ──▶ describe_history.rs
//! ```

mod describe_history;
mod import_events;
#[cfg(test)]
mod tests;

pub use import_events::{IMPORT_EVENTS, Upload, import_events, may_import};

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::recording::lower_cased;
use crate::service::{Operation, Service};
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
    Operation {
        name: "DescribeHistory",
        read_only: true,
        resource: history_arn,
        parameters: lower_cased,
        authorised: true,
        handler: handler!(describe_history::describe_history),
    },
    Operation {
        name: IMPORT_EVENTS,
        read_only: false,
        resource: history_arn,
        parameters: |_| Value::Null,
        authorised: true,
        handler: handler!(import_events::misplaced),
    },
];

/// The event history of an account, which policies can name.
fn history_arn(_: &App, call: &Call, _: &Value) -> String {
    format!("arn:aws:opentrail:{}:{}:history", call.region, call.account)
}
