//! CloudTrail's data plane: events from outside of AWS, put into the trail by PutAuditEvents.
//!
//! ```text
//! request ─▶ put_audit_events.rs: request checks ─▶ event.rs: one event, checked ─▶ stored record ─┐
//!                                                                                                │
//!            the call's own data event and all stored records, one log entry ◀───────────────────┘
//! ```
//!
//! Does not promise: channels other than the built-in one. Every account has one in every region, see
//! [`BUILT_IN_CHANNEL`]; only the account itself may use it, there is no resource policy yet.
//!
//! Source: AWS CloudTrail Data Service API Reference; CloudTrail User Guide, "integrations event schema".

mod channel;
mod event;
mod put_audit_events;
#[cfg(test)]
mod tests;

pub use channel::{BUILT_IN_CHANNEL, built_in_channel_arn};
pub use put_audit_events::put_audit_events_raw;

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::service::{Operation, Service};
use serde_json::{Value, json};

pub static SERVICE: Service = Service {
    name: "cloudtrail-data",
    event_source: "cloudtrail-data.amazonaws.com",
    target: None,
    version: None,
    namespace: None,
    global: false,
    operations: OPERATIONS,
    missing: &[],
    unsupported_code: "UnsupportedOperationException",
};

const OPERATIONS: &[Operation] = &[Operation {
    resource,
    parameters,
    data_event: true,
    ..Operation::new(put_audit_events::NAME, handler!(put_audit_events::put_audit_events))
}];

fn resource(_: &App, call: &Call, input: &Value) -> String {
    channel::arn_of(call, input["channelArn"].as_str().unwrap_or_default())
}

/// The channel alone: what was put through it is recorded by itself.
fn parameters(input: &Value) -> Value {
    json!({"channelArn": input["channelArn"]})
}
