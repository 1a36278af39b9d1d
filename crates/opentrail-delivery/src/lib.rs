//! The delivery sink: log files into buckets, digests that prove them.
//!
//! ```text
//! Marker: every interval (or max bytes) ─▶ Mark { log position, time }, durable before anything is written
//!                                             │
//! one task per trail: read the log up to the next mark ▸ select ▸ one .json.gz per account and region ▸ put
//!                     ▸ commit { cursor, pending files, status, announcements } as one log entry
//!                     ▸ digest due? stage (durable) ▸ put ▸ commit { chain head, pending files gone }
//! ```
//!
//! A file is a function of (trail as of each position, mark range): a replay after a crash writes the same name and the
//! same bytes. A trail's settings are read from the log as well, so each event meets the settings it was recorded
//! under. A trail whose bucket fails waits by itself; it delays no other.
//!
//! Does not know: HTTP, AWS's wire formats, who created the trail.
//!
//! Does not promise: a bound on delay while a bucket is unreachable. After [`GIVE_UP_AFTER`] the files are given up,
//! loudly.

mod announcer;
mod chain;
mod digester;
mod engine;
mod file;
mod keys;
mod log_group;
mod mark_range;
mod marker;
mod state;
mod task;

pub use announcer::{AnnounceFault, Announcer, NoAnnouncer};
pub use chain::{DigestChain, DigestHead, PendingFile};
pub use engine::{Delivery, DeliveryConfig, DeliveryStats};
pub use keys::{KeyError, PublicKey, SigningKeys};
pub use log_group::{LogGroupSettings, LogGroupStatus};
pub use marker::Mark;
pub use state::{DeliveryState, TrailStatus, trail_id};
pub use task::GIVE_UP_AFTER;

/// What can go wrong in delivery, apart from buckets (see `opentrail_storage::BucketFault`).
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("reading or writing the event log failed")]
    Log(#[from] opentrail_eventlog::LogError),
    #[error("the catalog failed")]
    Catalog(#[from] opentrail_catalog::CatalogError),
    #[error("a signing key could not be used")]
    Key(#[from] KeyError),
    #[error("the delivery worker stopped")]
    Stopped,
}
