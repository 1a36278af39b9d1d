//! Log groups: their streams and events, and trying filter patterns on real events.

pub mod events;
pub mod group;
pub mod list;

use crate::form::query_of;
use crate::frame::Frame;
use crate::times::Moment;
use serde_json::Value;

/// Milliseconds since 1970, as CloudWatch Logs has times.
fn moment(value: &Value) -> Option<Moment> {
    value.as_i64().and_then(|milliseconds| Moment::at_seconds(milliseconds.div_euclid(1_000)))
}

/// The address of a group.
fn group_link(frame: &Frame<'_>, name: &str) -> String {
    frame.link(&format!("logs/group?{}", query_of(&[("name", name)])))
}
