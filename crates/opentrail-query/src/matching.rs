//! Which records match: a query against raw JSON. Pure.
//!
//! ```text
//! raw bytes ──Prefilter: do the texts occur at all?──▶ walk: every value with its path ──▶ tests ──▶ the query's tree
//! ```

pub mod extract;
pub mod matcher;
pub mod prefilter;

mod literals;
pub mod test;
pub mod text;
pub mod walk;

pub use extract::{Extractor, Value};
pub use matcher::{Matcher, Scratch};
pub use prefilter::Prefilter;
pub use test::ValueTest;
pub use text::Parts;
pub use walk::Damage;

#[cfg(test)]
mod tests;
