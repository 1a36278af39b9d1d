//! Who is behind an event: from temporary credentials back to the person or workload at their origin, and forward to what
//! was done with them. Pure.
//!
//! ```text
//! event ─▶ its credentials ◀─issued by─ event ─▶ its credentials ◀─issued by─ … ─▶ Origin, or where the chain breaks
//!              │
//!              └─▶ what they did ─▶ sessions they opened ─▶ what those did ─▶ …
//! ```
//!
//! Events come through [`Records`], by [`Clue`]s that are also queries; so an index, or a pass over files, answers them.
//!
//! Honest where it ends: what is not in the records is said, with what the session itself tells of its origin, and each
//! step says by what it is known ([`Certainty`]).
//!
//! Does not know: where records are kept, the command line.
//!
//! Does not promise: that names in a session (its own name, a source identity) are true; whoever opened it chose them,
//! within the role's trust policy.

mod lineage;
mod trace;

mod clue;
mod event;
mod forward;
mod ledger;
mod origin;
mod render;

pub mod limits;

pub use clue::{Clue, KEEPS, made_with};
pub use event::{Event, Identity};
pub use ledger::Ledger;
pub use lineage::{Break, Certainty, Lineage, Link, Origin, OriginKind, Session, Summary, Who};
pub use render::render;
pub use trace::{Activity, Records, TraceError, trace};

#[cfg(test)]
mod tests;
