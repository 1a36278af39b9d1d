//! Where each trail's delivery stands.

use opentrail_catalog::Entity;
use opentrail_eventlog::Position;
use opentrail_model::trail::Trail;
use serde::{Deserialize, Serialize};

/// Identifies one incarnation of a trail: `account/home region/name/incarnation`.
pub fn trail_id(trail: &Trail) -> String {
    format!("{}/{}", trail.key(), trail.incarnation)
}

/// How far a trail has read the log, and its settings there. Outlives the trail until all is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryState {
    pub trail_id: String,
    /// Everything before this is delivered.
    pub cursor: Position,
    /// The trail as of `cursor`; `None` before it was created.
    pub trail: Option<Trail>,
    /// The settings the trail had when it was deleted. All its files are delivered; its chains have to be ended.
    #[serde(default)]
    pub deleted: Option<Trail>,
}

impl DeliveryState {
    /// The state that CreateTrail puts beside the new trail. `log_end` is the log's end before the creation is recorded.
    pub fn begin(trail: &Trail, log_end: Position) -> Self {
        Self { trail_id: trail_id(trail), cursor: log_end, trail: None, deleted: None }
    }
}

impl Entity for DeliveryState {
    const TABLE: &'static str = "delivery_state";
    fn key(&self) -> String {
        self.trail_id.clone()
    }
}

/// What GetTrailStatus tells of a trail in one region. Times in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrailStatus {
    pub trail_id: String,
    pub region: String,
    pub latest_delivery_ms: Option<i64>,
    pub latest_delivery_attempt_ms: Option<i64>,
    /// S3's error code; `None` when the latest attempt succeeded.
    pub latest_delivery_error: Option<String>,
    pub latest_notification_ms: Option<i64>,
    pub latest_notification_attempt_ms: Option<i64>,
    /// SNS's error code; `None` when the latest attempt succeeded.
    pub latest_notification_error: Option<String>,
    pub latest_digest_delivery_ms: Option<i64>,
    pub latest_digest_delivery_error: Option<String>,
}

impl TrailStatus {
    /// Key of a trail's status in a region.
    pub fn key_of(trail_id: &str, region: &str) -> String {
        format!("{trail_id}/{region}")
    }
}

impl Entity for TrailStatus {
    const TABLE: &'static str = "trail_status";
    fn key(&self) -> String {
        Self::key_of(&self.trail_id, &self.region)
    }
}
