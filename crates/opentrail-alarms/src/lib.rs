//! Watching: metrics that are kept, metric filters that make them of log events, alarms that go by them.
//!
//! ```text
//! LogBatch in the log ──filter (one pass for all filters of a group)──▶ SampleBatch ─┐
//! PutMetricData ─────────────────────────────────────────────────────▶ SampleBatch ─┴─▶ the log
//!                                                                                        │
//!     GetMetricStatistics, ListMetrics ◀── store: memory, then chunks in the catalog ◀───┘
//!                                            │
//!     SNS ◀── transition: state ▪ history ▪ messages in one entry ◀── alarm: every minute, and when samples come
//! ```
//!
//! Everything goes through the log: what was answered is counted once, whatever happens in between.
//!
//! Does not know: the wire, who may do what, who wrote the log events.
//!
//! Does not promise: that a sample is seen by queries at once (it is within moments), or that actions of an alarm
//! reach their receivers in order.

mod alarm;
mod filter;
mod math;
mod store;
mod watching;

pub use alarm::*;
pub use filter::{FilterFollower, MetricFilter, Transformation, TransformationFault};
pub use math::{Evaluated, MathError, answer, check, statistic};
pub use store::{
    ByUnit, Datum, FlushError, KnownMetric, MetricPage, MetricStore, MetricsWanted, NO_UNIT, Range, SampleBatch, united,
};
pub use watching::Watching;
