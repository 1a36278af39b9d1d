//! The nouns of an audit trail as plain data and pure rules.
//!
//! ```text
//! Record ──facts()──▶ EventFacts ──selected by──▶ TrailSelectors
//!    │                                               │ yes
//!    └────────── to_json() ───────▶ log file at log_file_key() ──listed in──▶ Digest ──signing_string()──▶ signature
//! ```
//!
//! Does not know: files, sockets, clocks, randomness, HTTP or any wire protocol. Times come in as arguments.
//!
//! Does not promise: that a record it parses came from OpenTrail; parsing is lenient, writing is strict.

pub mod arn;
pub mod digest;
pub mod facts;
pub mod identity;
pub mod keys;
pub mod names;
pub mod record;
pub mod regions;
pub mod selector;
pub mod service_event;
pub mod timestamp;
pub mod trail;
