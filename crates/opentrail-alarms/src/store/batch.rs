//! Samples on their way into the store.

use opentrail_catalog::{Changes, Entity};
use opentrail_metrics::{Metric, Sample};
use serde::{Deserialize, Serialize};

/// What is meant by no unit.
pub const NO_UNIT: &str = "None";

/// What one call, or one pass over log events, brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleBatch {
    /// Tells it from all others.
    pub id: String,
    pub account: String,
    pub region: String,
    pub data: Vec<Datum>,
}

/// Values of one metric at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datum {
    #[serde(rename = "m")]
    pub metric: Metric,
    #[serde(rename = "u", default = "no_unit", skip_serializing_if = "is_no_unit")]
    pub unit: String,
    /// Epoch seconds.
    #[serde(rename = "t")]
    pub at: i64,
    /// Whether it is kept by the second, not by the minute only.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub high_resolution: bool,
    #[serde(rename = "s")]
    pub sample: Sample,
}

fn no_unit() -> String {
    NO_UNIT.into()
}

fn is_no_unit(unit: &str) -> bool {
    unit == NO_UNIT
}

impl Entity for SampleBatch {
    const TABLE: &'static str = "metric_samples";

    fn key(&self) -> String {
        self.id.clone()
    }
}

impl SampleBatch {
    pub fn new(account: &str, region: &str, data: Vec<Datum>) -> Self {
        Self { id: uuid::Uuid::new_v4().simple().to_string(), account: account.into(), region: region.into(), data }
    }

    /// Adds to `changes` that these samples have come. They are in the log then, for the store to read, and leave nothing
    /// in the catalog.
    pub fn put_into(&self, changes: &mut Changes) {
        changes.put(self).delete::<Self>(&self.key());
    }
}
