//! Which records match: a query against raw JSON. Pure.
//!
//! ```text
//! raw bytes ──Prefilter: do the texts occur at all?──▶ walk: every value with its path ──▶ tests ──▶ the query's tree
//! ```

pub mod extract;
pub mod matcher;
pub mod prefilter;

mod literals;
mod test;
mod text;
pub(crate) mod walk;

pub use extract::{Extractor, Value};
pub use matcher::{Matcher, Scratch};
pub use prefilter::Prefilter;
pub use walk::Damage;

#[cfg(test)]
mod tests;
