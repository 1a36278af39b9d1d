//! The query language of CloudWatch Logs Insights: reading queries, and running them over log events.
//!
//! ```text
//! text ──lexer.rs──▶ tokens ──parser──▶ Query: commands and expressions, or a QueryFault with its place
//!                                          │
//! LogRecord, newest first ──push──▶ Execution: fields ▸ filter ▸ parse ▸ stats ▸ sort ▸ dedup ▸ limit ──finish──▶ Results
//! ```
//!
//! Source: CloudWatch Logs user guide, "CloudWatch Logs Insights query syntax". What it holds in memory is bounded; a
//! query that needs more fails with a reason.
//!
//! Does not know: log groups, who may read them, the clock (it comes in), the wire.
//!
//! Does not promise: the commands `pattern`, `diff`, `anomaly`, `unmask`, `join`, `unnest`, `lookup`, `SOURCE`; that
//! values have the types that AWS's own discovery would give them.

mod error;
mod lexer;

mod expression;
mod parser;
mod query;

mod calendar;
mod value;

mod fields;
mod row;

mod arithmetic;
mod evaluate;
mod functions;
mod networks;
mod parse_command;

mod aggregate;
mod execute;
mod group;
mod order;

#[cfg(test)]
mod tests;

pub use error::{ExecutionFault, QueryFault};
pub use execute::{Execution, Results};
pub use fields::discovered;
pub use query::{MAX_QUERY_CHARS, Query};
pub use row::LogRecord;
