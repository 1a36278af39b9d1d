//! Alarms: what they watch, what state they are in, who is told.
//!
//! ```text
//! samples ──▶ AlarmIndex (which alarms to look at) ◀── every minute, every ten seconds ── changes of alarms and states
//!                  │ watcher.rs
//!                  ▼
//!      evaluation.rs: what the state should be ──if another──▶ transition.rs: state ▪ history ▪ messages, one entry
//! ```

mod config;
mod evaluation;
mod index;
mod message;
mod status;
mod transition;
mod watcher;

pub use config::{Alarm, CompositeAlarm, MetricAlarm, MetricQuery, MetricStat, QueryOf, Source, Suppressor, Watches, name_in};
pub use status::{AlarmStatus, HistoryItem, HistoryKind, SuppressedBy, Suppression, spelt};
pub use transition::{NewState, enter};
pub use watcher::{AlarmError, Alarms};

#[cfg(test)]
mod tests;
