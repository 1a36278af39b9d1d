//! What is still to be delivered.

use opentrail_catalog::Entity;
use opentrail_eventlog::Position;
use serde::{Deserialize, Serialize};

/// Events of one stored batch that go to the target of one filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Id of the filter.
    pub filter_id: String,
    /// Key of the filter.
    pub filter: String,
    /// Place in the log of what put the events there.
    pub position: Position,
    /// Its place among the parcels of that entry.
    pub number: u32,
    /// Key of the batch.
    pub batch: String,
    pub stream: String,
    /// Which events of the batch; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<u16>>,
    /// Milliseconds since 1970.
    pub created: i64,
}

impl Parcel {
    /// What the keys of a filter's parcels begin with.
    pub fn prefix(filter_id: &str) -> String {
        format!("{filter_id}/")
    }
}

impl Entity for Parcel {
    const TABLE: &'static str = "subscription_parcel";
    /// Sorts by filter, then place in the log.
    fn key(&self) -> String {
        format!("{}{:020}/{:06}", Self::prefix(&self.filter_id), self.position, self.number)
    }
}
