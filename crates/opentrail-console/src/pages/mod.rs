//! One module per page.

pub mod alarms;
pub mod dashboard;
pub mod files;
pub mod history;
pub mod integrity;
pub mod logs;
pub mod role;
pub mod rules;
pub mod trails;
