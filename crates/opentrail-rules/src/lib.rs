//! Event buses: events of CloudTrail, of S3 and of people's own programs, the rules that match them, and their targets.
//!
//! ```text
//! records in the log ──trail_event.rs──┐
//! PutEvents, S3, a rule on another bus ┴─▶ event ──index.rs──▶ rules that may match ──▶ rules that match
//!    (BusEvent: a change in the log)                                                       │ input.rs: what a target gets
//!                                                                                          ▼
//!            queue, topic, log group, bus ◀── one entry of the log, with the cursor ◀── delivery.rs
//!            API destination              ◀── poster.rs ◀── Invocation ◀──┘
//! ```
//!
//! One follower of the log does all matching. What it makes of an event, messages, log events, forwarded events and
//! calls that are to be made, is committed with its cursor: each match and its message exist once, whatever crashes.
//! What cannot be delivered goes to the target's dead-letter queue.
//!
//! Loops are bounded: deliveries are not recorded as calls, so they make no events; an event that rules forward from
//! bus to bus goes [`MAX_HOPS`] buses far.
//!
//! Does not know: the wire, who may change rules, HTTP servers.
//!
//! Does not promise: order between events, or that a web server gets each call once (at least once).

mod bus;
mod rule;

mod event;
mod trail_event;

mod compiled;
mod index;
mod input;
mod path;
mod registry;

mod delivery;
mod follower;
mod log_access;
mod log_lines;

mod api_destination;
mod poster;
mod request;

pub use api_destination::{ApiDestination, Authorization, Connection, ConnectionParameter, Secrets, SecretsFault};
pub use bus::{DEFAULT_BUS, EventBus, bus_arn, key_of_bus_arn};
pub use compiled::{CompiledRule, RuleFault};
pub use event::{BusEvent, EventDraft, MAX_EVENT_BYTES, MAX_HOPS};
pub use follower::{RuleFollower, RuleStats, Rules, RulesError};
pub use index::RuleIndex;
pub use input::{Input, InputFault, MAX_INPUT_CHARS, MAX_INPUT_PATHS};
pub use path::{JsonPath, PathFault};
pub use rule::{HttpParameters, MAX_TARGETS, Rule, RuleState, Target, TargetKind};
