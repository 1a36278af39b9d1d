//! Trails: which there are, how they do, making, changing and ending them.
//!
//! ```text
//! list ─▶ show ─▶ change (start, stop, delete)
//!    └──▶ form (draft ▸ review ▸ making: one operation after another) ─▶ show
//! sample: what selectors would have recorded of the last 24 hours
//! ```

pub mod change;
pub mod form;
pub mod list;
pub mod show;

pub mod info;

mod documents;
mod draft;
mod making;
mod sample;
