//! Log groups, their streams and what was written into them.
//!
//! ```text
//! PutLogEvents ──put.rs──▶ kept events ──▶ LogBatch* (compressed, a minute at most each) ──Changes──▶ the call's entry
//!                                                                                                      │ folded
//! GetLogEvents, FilterLogEvents ──page.rs──▶ StreamReader, either way ──▶ batches in the catalog ◀─────┘
//! retention ──▶ batches whose newest event is too old
//! ```
//!
//! A batch is an entity like any other: it is in the log entry of the call that brought it, so that a call that was
//! answered has its events stored, and a call that was not has none.
//!
//! Does not know: the wire, who may do what, filter patterns (a test comes in as a function), the clock.
//!
//! Does not promise: that events of different streams with the same millisecond come in any particular order.

mod batch;
mod event;
mod group;
mod page;
mod put;
mod reader;
mod resource_policy;
mod retention;
mod scan;
mod token;

#[cfg(test)]
mod tests;

pub use batch::LogBatch;
pub use event::{EventId, InputEvent, LogEvent};
pub use group::{LogGroup, LogStream, RETENTION_DAYS, is_group_name, is_stream_name};
pub use page::{FilterQuery, Filtered, GetQuery, Got, MAX_PAGE_EVENTS, filter_events, get_events};
pub use put::{Accepted, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, PutFault, Rejected, accept, stored};
pub use resource_policy::ResourcePolicy;
pub use retention::{Expired, expired};
pub use scan::{find_event, newest_first};
pub use token::{BadToken, Token};

/// Why stored events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    #[error("the catalog failed")]
    Catalog(#[from] opentrail_catalog::CatalogError),
    #[error("a stored batch of log events is damaged: {key}")]
    Damaged { key: String },
}
