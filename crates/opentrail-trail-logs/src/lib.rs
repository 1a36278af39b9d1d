//! Trails' events into log groups, within a second of the call.
//!
//! ```text
//! supervisor: one follower per trail that has, or had, a log group
//! follower:   a stretch of the log ─▶ Stretch (events the trail takes, its settings at each) ─▶ as the trail's role
//!             ▸ streams locked ▸ LogBatch* and streams ──one entry with the cursor──▶ Intake
//! ```
//!
//! What is written and the cursor are one entry, so each event is in the group once, whatever happens. A trail whose group or
//! role fails waits by itself, for [`GIVE_UP_AFTER`]; then what waits that long is given up, which is an event.
//!
//! Does not know: HTTP, who set the trail up, what reads the group.
//!
//! Does not promise: that log events carry the time of the call. Like CloudTrail's, they carry the time they were written.

mod stretch;
mod supervisor;
mod writer;

#[cfg(test)]
mod tests;

pub use supervisor::{TrailLogStats, TrailLogs};
pub use writer::GIVE_UP_AFTER;
