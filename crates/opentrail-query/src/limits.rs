//! Every limit of this crate, in one place.

/// Bytes of a query.
pub const QUERY_BYTES: usize = 10 << 10;
/// Parentheses and NOTs around one term.
pub const QUERY_NESTING: usize = 50;
pub const QUERY_TERMS: usize = 1_000;
/// `*` and `?` in one term.
pub const TERM_WILDCARDS: usize = 16;
/// Texts that are looked for in raw bytes before anything is parsed; with more alternatives everything is parsed.
pub const PREFILTER_TEXTS: usize = 8;

/// Objects and arrays inside each other in one record. CloudTrail's go to 11.
pub const RECORD_NESTING: usize = 128;
