//! The first page: what happened in the last 24 hours, what is new in it, how the trails are.
//!
//! ```text
//! activity.rs  what happened, drawn at once
//! unusual.rs   what was not seen in the 30 days before ─┐ pieces that
//! trails.rs    trails and their health                  ┤ come after the page
//! alarms.rs    open alarms                              ┘
//! ```

mod activity;

mod alarms;
mod trails;
mod unusual;

pub use activity::show;
pub use alarms::show as alarms;
pub use trails::show as trails;
pub use unusual::show as unusual;
