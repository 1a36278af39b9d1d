//! What is kept of a trail's delivery into its log group. The reader of the log that does it is elsewhere; its cursor is a
//! [`FollowerCursor`] of the name [`LogGroupSettings::cursor_name`].

use crate::trail_id;
use opentrail_catalog::{Changes, Entity, FollowerCursor};
use opentrail_eventlog::Position;
use opentrail_model::trail::Trail;
use serde::{Deserialize, Serialize};

/// A trail as of the cursor of its delivery into a log group. There is one once the trail has had a group, until the trail is
/// gone and all of it written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroupSettings {
    pub trail_id: String,
    /// `None` before it was created.
    pub trail: Option<Trail>,
    /// The trail was deleted and everything before that is written.
    #[serde(default)]
    pub finished: bool,
}

impl LogGroupSettings {
    /// Begins the delivery, from the end of the log before the entry that gives the trail its group. `before` is the trail
    /// as it is until then.
    pub fn begin(trail: &Trail, before: Option<&Trail>, log_end: Position, changes: &mut Changes) {
        let settings = Self { trail_id: trail_id(trail), trail: before.cloned(), finished: false };
        changes.put(&FollowerCursor { name: Self::cursor_name(&settings.trail_id), position: log_end });
        changes.put(&settings);
    }

    pub fn cursor_name(trail_id: &str) -> String {
        format!("log group of {trail_id}")
    }
}

impl Entity for LogGroupSettings {
    const TABLE: &'static str = "log_group_delivery";
    fn key(&self) -> String {
        self.trail_id.clone()
    }
}

/// How the delivery into a log group goes. Times in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogGroupStatus {
    pub trail_id: String,
    pub latest_delivery_ms: Option<i64>,
    /// Code and message; `None` when the latest attempt succeeded.
    pub error: Option<String>,
    /// Events that were too large to be sent, ever.
    pub oversize: u64,
    pub latest_oversize_ms: Option<i64>,
    /// Events given up because the group could not be written for too long, ever.
    pub lost: u64,
}

impl LogGroupStatus {
    /// For how long it is shown that an event was too large.
    const SHOWN_MS: i64 = 86_400_000;

    /// What is wrong at `now`: that nothing can be written, or that events were left out lately.
    pub fn shown_error(&self, now: i64) -> Option<String> {
        let lately = self.latest_oversize_ms.is_some_and(|at| now - at < Self::SHOWN_MS);
        let left_out = || format!("EventTooLarge: {} events over 256 KB were not sent.", self.oversize);
        self.error.clone().or_else(|| lately.then(left_out))
    }
}

impl Entity for LogGroupStatus {
    const TABLE: &'static str = "log_group_status";
    fn key(&self) -> String {
        self.trail_id.clone()
    }
}
