//! Takes existing log files into the event history: from a file's bytes to imported entries of the event log.
//!
//! ```text
//! bytes ──opentrail-search: gunzip, split──▶ record.rs: id, time, region ──▶ batch ──claim──▶ InFlight
//!                                                                              │ not known, not expired
//!                                                                              ▼
//!                                                      Intake::queue_imported ▸ durable ▸ Outcome
//! ```
//!
//! Nothing twice: an event is known by its `eventID`, or by what it says if it has none. It is left out if it stands
//! earlier in the file, in another file that is being imported, in the log's part that the history has not indexed yet
//! ([`in_flight`]), or in the history. So importing again, or going on after a crash, adds only what is missing.
//!
//! Nothing hidden: what is not taken is counted and said, each unreadable record with its place.
//!
//! Does not know: HTTP, who may import, where files come from.
//!
//! Does not promise: that nothing of a file is taken when importing it fails half-way (import it again); order.

mod importer;

mod batch;
mod in_flight;
mod known;
mod record;

mod error;
pub mod limits;

pub use error::ImportError;
pub use importer::{Importer, Outcome, Unparsed};
