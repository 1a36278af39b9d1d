//! The pattern languages that watch events: filter patterns of CloudWatch Logs (metric filters, subscription filters,
//! FilterLogEvents, live tail), and event patterns of EventBridge ([`event`]).
//!
//! ```text
//! text ──parse──▶ FilterPattern ─┬─ Terms   `ERROR -debug ?a ?b "a b" %re%`
//!                                ├─ Json    `{ $.eventName = "Console*" && $.a[*].b NOT EXISTS }`
//!                                └─ Fields  `[ip, ..., status >= 400, bytes]`
//!
//! FilterPattern* ──FilterSet──▶ one pass per message for all of them ──▶ which match, and the values they ask for
//!
//! JSON ──parse──▶ event::EventPattern ──▶ whether a rule matches an event
//! ```
//!
//! Source of the rules: the CloudWatch Logs user guide ("Filter pattern syntax") and answers recorded from AWS. Where
//! both are silent the stricter reading is taken.
//!
//! Does not know: log groups, metrics, the clock, IO.
//!
//! Does not promise: to tell why a message does not match; a meaning for messages that are not text.

mod cursor;
mod error;
mod expression;
mod literal;
mod parser;
mod pattern;
mod regular;
mod selector;

mod fields;
mod terms;

mod leaf;
mod set;
mod trie;
mod vocabulary;

pub mod cis;
pub mod event;

#[cfg(test)]
mod tests;

pub use error::PatternError;
pub use leaf::Leaf;
pub use pattern::{FilterPattern, MAX_PATTERN_CHARS};
pub use selector::Selector;
pub use set::{FilterSet, Found, Reference, Wanted};
