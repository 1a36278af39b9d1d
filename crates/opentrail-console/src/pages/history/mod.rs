//! Event history: the page people live in, and what belongs to it.
//!
//! ```text
//! address ──question.rs──▶ Question ──▶ Search, Histogram, DownloadEvents, FollowEvents
//!                              └ columns.rs: what the table shows
//! ```

mod question;

mod columns;

mod list;

mod complete;
mod download;
mod event;
mod live;
mod resource;
mod who;

pub use complete::show as complete;
pub use download::show as download;
pub use event::show as event;
pub use list::{histogram_bars, show as list};
pub use live::show as live;
pub use question::{term, with_term};
pub use resource::show as resource;
pub use who::show as who;
