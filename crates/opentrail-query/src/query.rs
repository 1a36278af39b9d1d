//! The query language: text to [`Query`] and back. Pure; knows neither records nor any index.

pub mod ast;
pub mod bounds;
pub mod field;
pub mod network;
pub mod pattern;
pub mod syntax_error;

mod display;
mod instant;
mod lexer;
mod parser;
mod ranges;
mod window;

pub use ast::{Clause, Query, Term, Test};
pub use bounds::{Bounds, Edge};
pub use field::{Field, Part, Reading};
pub(crate) use instant::from_epoch;
pub use instant::{parse_instant, parse_period};
pub use network::Network;
pub use pattern::{Pattern, Piece};
pub(crate) use ranges::parse_number;
pub use syntax_error::{Reason, SyntaxError};
pub use window::Window;

#[cfg(test)]
mod tests;
