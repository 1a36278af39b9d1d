//! The one way in: a durable, ordered log of events and the state changes that belong to them.
//!
//! ```text
//! Intake ─submit─▶ queue ─▶ writer thread: encode a group ▸ write ▸ fdatasync ▸ apply changes ▸ answer
//!                                 │
//!                            segment files (preallocated, checksummed blocks, one per group)
//!                                 │
//! LogReader ◀─────────────────────┘──▶ Pump ──▶ Sink   (history, delivery, …: each with its own cursor)
//! ```
//!
//! An entry is what one call leaves behind: its events and its state changes, in one block, so that after a crash there
//! are both or neither. The applier (the catalog) sees changes in log order, before the caller is answered.
//!
//! Imported events are marked: the history takes them, every other sink passes over them ([`Entry::news`]).
//!
//! Does not know: what a record or a change says, what sinks do, HTTP, SQL.
//!
//! Does not promise: that a submission which was not answered is absent. It may or may not have become durable.

mod block;
pub mod clock;
mod entry;
mod error;
mod intake;
mod log;
mod pump;
mod reader;
mod recovery;
mod segment;
mod writer;

pub use clock::{Clock, ManualClock, SystemClock};
pub use entry::{Entry, Event, LoggedEntry, Position};
pub use error::{ApplyError, LogError, LogErrorKind};
pub use intake::{Intake, MAX_ENTRY_BYTES, MAX_EVENT_BYTES, MAX_EVENTS_PER_ENTRY, Queued};
pub use log::{EventLog, LogConfig, LogStats};
pub use pump::{PumpError, Sink, run_pump};
pub use reader::LogReader;
pub use recovery::RecoveryReport;
pub use writer::Applier;
