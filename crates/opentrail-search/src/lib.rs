//! Searching log files, wherever they are, with the query language of `opentrail-query`. Needs no server.
//!
//! ```text
//! Query ──▶ Matcher, Prefilter, Window
//!                              │
//! Source ──list──▶ files ──read, in parallel──▶ records ──match──▶ select ──▶ table, CSV, JSON, counts, histogram
//! ```
//!
//! Does not know: any server, any index, HTTP, the clock, the command line.
//!
//! Does not promise: any order of what is found, unless it is asked for the newest; that events delivered twice are
//! found once; that damage is seen in a file, or part of a file, in which nothing can match; to find events that were
//! delivered more than [`limits::DELIVERY_DELAY`] late when the query is confined to a time; that memory stays small
//! for the names of very many files.

pub mod files;
pub mod search;

pub mod output;

pub mod error;
pub mod limits;

pub use error::{ErrorKind, SearchError};
pub use files::{Source, open_source};
pub use opentrail_query::{Clause, Field, Query, SyntaxError, Term, Test, matching, neutral, query};
pub use search::{Hit, Problem, Progress, Silent, Summary, search};
