//! What has come since chunks were last written, in memory.

use super::batch::{Datum, SampleBatch};
use opentrail_eventlog::Position;
use opentrail_metrics::{Metric, ROLLUPS, Sample};
use std::collections::{BTreeMap, HashMap};

/// Samples that are in the log and not yet in chunks.
#[derive(Debug, Clone, Default)]
pub struct Head {
    scopes: HashMap<String, BTreeMap<Metric, Fresh>>,
    /// Roughly how many numbers it holds.
    weight: usize,
    /// All of the log before this position is in here or in chunks.
    pub end: Position,
}

/// The samples of one metric, by unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fresh {
    pub units: BTreeMap<String, FreshUnit>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct FreshUnit {
    /// Only of high resolution.
    pub seconds: BTreeMap<i64, Sample>,
    pub minutes: BTreeMap<i64, Sample>,
}

/// The name that an account's metrics in a region are found under.
pub fn scope(account: &str, region: &str) -> String {
    format!("{account}/{region}")
}

impl Head {
    /// Nothing, up to this position of the log.
    pub fn at(end: Position) -> Self {
        Self { end, ..Self::default() }
    }

    pub fn add(&mut self, batch: SampleBatch) {
        let metrics = self.scopes.entry(scope(&batch.account, &batch.region)).or_default();
        for datum in batch.data {
            self.weight += metrics.entry(datum.metric.clone()).or_default().add(&datum);
        }
    }

    pub fn weight(&self) -> usize {
        self.weight
    }

    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    pub fn get(&self, account: &str, region: &str, metric: &Metric) -> Option<&Fresh> {
        self.scopes.get(&scope(account, region))?.get(metric)
    }

    /// All metrics with the scope they are in.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Metric, &Fresh)> {
        self.scopes.iter().flat_map(|(scope, metrics)| metrics.iter().map(|(metric, fresh)| (scope.as_str(), metric, fresh)))
    }

    /// The metrics of an account and region.
    pub fn metrics(&self, account: &str, region: &str) -> impl Iterator<Item = (&Metric, &Fresh)> {
        self.scopes.get(&scope(account, region)).into_iter().flatten()
    }
}

impl Fresh {
    /// Returns about how many numbers more it holds.
    fn add(&mut self, datum: &Datum) -> usize {
        let unit = match self.units.get_mut(&datum.unit) {
            Some(unit) => unit,
            None => self.units.entry(datum.unit.clone()).or_default(),
        };
        let mut weight = add_to(&mut unit.minutes, datum.at, 60, &datum.sample);
        if datum.high_resolution {
            weight += add_to(&mut unit.seconds, datum.at, 1, &datum.sample);
        }
        weight
    }

    /// When the newest sample was, epoch seconds.
    pub fn newest(&self) -> Option<i64> {
        self.units.values().filter_map(|unit| unit.minutes.last_key_value()).map(|(at, _)| *at).max()
    }
}

impl FreshUnit {
    /// The samples of a grade from `start` and before `end`.
    pub fn of_grade(&self, grade: usize, start: i64, end: i64) -> BTreeMap<i64, Sample> {
        let seconds = ROLLUPS[grade].seconds;
        let from = start - start.rem_euclid(seconds);
        let source = if seconds < 60 { &self.seconds } else { &self.minutes };
        let mut out = BTreeMap::new();
        for (at, sample) in source.range(from..end.max(from)) {
            add_to(&mut out, *at, seconds, sample);
        }
        out
    }
}

fn add_to(slots: &mut BTreeMap<i64, Sample>, at: i64, seconds: i64, sample: &Sample) -> usize {
    let slot = slots.entry(at - at.rem_euclid(seconds)).or_default();
    let before = slot.different_values();
    let new = if slot.count == 0.0 { 16 } else { 0 };
    slot.add(sample);
    new + slot.different_values().saturating_sub(before)
}
