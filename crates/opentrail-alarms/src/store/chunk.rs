//! What is kept of metrics: a list of them, and their samples by grade and span of time.

use aws_lc_rs::digest;
use opentrail_catalog::Entity;
use opentrail_eventlog::Position;
use opentrail_metrics::{Metric, ROLLUPS, Sample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many seconds a chunk of each grade spans.
const SPANS: [i64; ROLLUPS.len()] = [600, 3 * 3600, 12 * 3600, 7 * 86_400];

/// Separates the parts of keys; no name holds it.
pub const SEPARATOR: char = '\u{1f}';

/// A metric that has samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownMetric {
    pub account: String,
    pub region: String,
    pub metric: Metric,
    /// When its newest sample was, epoch seconds, to within [`Self::FRESHNESS`].
    pub newest: i64,
}

impl KnownMetric {
    /// How stale [`Self::newest`] may be, in seconds.
    pub const FRESHNESS: i64 = 900;

    /// What keys of an account's metrics in a region begin with, or of those of a namespace, or of a name in it.
    pub fn prefix(account: &str, region: &str, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut prefix = format!("{account}/{region}/");
        for part in [namespace, name].into_iter().map_while(|part| part) {
            prefix.push_str(part);
            prefix.push(SEPARATOR);
        }
        prefix
    }

    pub fn key_of(account: &str, region: &str, metric: &Metric) -> String {
        let prefix = Self::prefix(account, region, Some(&metric.namespace), Some(&metric.name));
        format!("{prefix}{}", id_of(account, region, metric))
    }
}

impl Entity for KnownMetric {
    const TABLE: &'static str = "metric";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.metric)
    }
}

/// A short name for a metric, the same for ever.
pub fn id_of(account: &str, region: &str, metric: &Metric) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |text: &str| {
        context.update(&(text.len() as u64).to_le_bytes());
        context.update(text.as_bytes());
    };
    [account, region, &metric.namespace, &metric.name].into_iter().for_each(&mut part);
    for (name, value) in &metric.dimensions {
        part(name);
        part(value);
    }
    hex::encode(&context.finish().as_ref()[..16])
}

/// The samples of a metric and unit, of one grade, in one span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Of the metric: [`id_of`].
    pub id: String,
    /// Index into [`ROLLUPS`].
    pub grade: usize,
    /// Epoch seconds.
    pub start: i64,
    pub unit: String,
    /// Samples of log entries before this position are in here.
    pub upto: Position,
    /// By the beginning of their slot, epoch seconds.
    pub slots: BTreeMap<i64, Sample>,
}

impl Chunk {
    pub fn new(id: &str, grade: usize, at: i64, unit: &str) -> Self {
        let start = Self::start_of(grade, at);
        Self { id: id.into(), grade, start, unit: unit.into(), upto: 0, slots: BTreeMap::new() }
    }

    /// Where the chunk begins that `at` falls into.
    pub fn start_of(grade: usize, at: i64) -> i64 {
        at - at.rem_euclid(SPANS[grade])
    }

    pub fn end(&self) -> i64 {
        self.start + SPANS[self.grade]
    }

    /// What the keys of a metric's chunks of a grade begin with.
    pub fn prefix(id: &str, grade: usize) -> String {
        format!("{id}/{grade}/")
    }

    /// Sorts before every chunk that begins at `start` or later, and after all others.
    pub fn bound(id: &str, grade: usize, start: i64) -> String {
        format!("{}{:012x}", Self::prefix(id, grade), start.max(0))
    }

    pub fn key_of(id: &str, grade: usize, start: i64, unit: &str) -> String {
        format!("{}/{unit}", Self::bound(id, grade, start))
    }
}

impl Entity for Chunk {
    const TABLE: &'static str = "metric_chunk";

    fn key(&self) -> String {
        Self::key_of(&self.id, self.grade, self.start, &self.unit)
    }
}
