//! The query language of OpenTrail: what a query means, and whether a record matches it. Pure.
//!
//! ```text
//! text ──parse──▶ Query ──▶ Matcher, Prefilter, Window ◀── raw JSON of a record
//! ```
//!
//! A [`Query`] says nothing about how it is answered: files are searched by putting a [`matching::Matcher`] to each
//! record, and an index can compile the same tree. `docs/search.md` is the language as its users read it.
//!
//! Does not know: files, any index, any server, the clock, the command line.
//!
//! Does not promise: to see all damage in a record; what comes after the deciding value may be left unread.

pub mod query;

pub mod matching;

pub mod limits;
pub mod neutral;

pub use query::{Clause, Field, Query, SyntaxError, Term, Test};
