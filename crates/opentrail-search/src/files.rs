//! Where files come from, and the records in them.
//!
//! ```text
//! Source ──list──▶ locations ──open──▶ bytes ──Input: gunzip──▶ blocks ──Reader: split──▶ raw records
//! ```

pub mod bucket;
pub mod directory;
pub mod source;

mod document;
mod envelope;
mod input;
mod names;
mod reader;

pub use reader::{Amount, Reader, Receive};
pub use source::{Location, Source, open_source};

#[cfg(test)]
mod tests;
