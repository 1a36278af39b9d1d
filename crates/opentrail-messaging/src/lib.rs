//! Queues and topics: messages that are durable because they are changes in the log entry of the call that sent them.
//!
//! ```text
//! handler: Queues::message ▸ Changes ──Intake::submit──▶ event log ──▶ catalog (messages, receives)
//!                                                                        │ Observer, in log order
//!          Queues::receive ◀── long poll ◀── QueueIndex per queue ◀──────┤   rebuilt from the catalog at start
//!          webhooks        ◀── courier   ◀── lane per subscription ◀─────┘
//!
//! Topics::publish ▸ Changes: messages in queues, pending deliveries
//! ```
//!
//! Whoever produces messages gets [`opentrail_catalog::Changes`] from here and submits them in its own entry, so that what
//! happened and the message that tells of it are atomic. A receive is an entry too: how often a message was received and
//! until when it is hidden survive a crash.
//!
//! Does not know: HTTP servers, AWS's wire shapes and error codes, who may do what.
//!
//! Does not promise: exactly one delivery (at least one), strict order, or that a message received just before a crash
//! stays hidden if the receive was not answered.

pub mod queues;
pub mod topics;

mod observer;
mod sweeper;

pub use queues::{Queue, QueueError, Queues};
pub use topics::{Sender, Topic, Topics};
