//! Integrity: the chains of digests as pictures, checked anew at a click, and what others need to check them.
//!
//! ```text
//! list ─▶ trail ─▶ run: a task, opentrail_verify over source (the bucket, read as the person) ─▶ Checks ─▶ picture
//!             └──▶ export: public keys, a bundle of everything that proves a period
//! ```

pub mod export;
pub mod list;
pub mod trail;

mod picture;
mod source;
