//! Segments: events of one day on disk, newest first, and everything that finds them. Never changed once written.
//!
//! ```text
//! file = records ▪ where their blocks begin ▪ times ▪ positions ▪ places ▪ texts ▪ their rows ▪ UUIDs ▪ their rows (3)
//!      ▪ words ▪ their texts ▪ filter ▪ columns of some fields ▪ description ▪ footer
//! ```
//!
//! Row 0 is the newest event. A text has a number, in the order of paths and then values; a word has the numbers of the
//! texts it is in. The description (paths, indexes of tables, samples) is in memory, all else is read when it is asked
//! for, without a memory map.

pub(crate) mod filter;
pub(crate) mod layout;
pub(crate) mod live_source;
pub(crate) mod reading;
pub(crate) mod row_values;
pub(crate) mod segment;
pub(crate) mod source;
pub(crate) mod stored_source;
pub(crate) mod table;
pub(crate) mod wire;
pub(crate) mod writer;
