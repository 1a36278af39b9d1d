//! Default values: reported for a minute that had events of which none matched, once it is over.

use super::compiled::FilterRegistry;
use crate::store::{Datum, SampleBatch};
use opentrail_metrics::{Metric, Sample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long after its end a minute is waited for, in seconds: events that are late by less still count.
const PATIENCE: i64 = 2;
/// Most minutes of a filter that are waited for. Beyond that the oldest are decided at once.
const MAX_MINUTES: usize = 180;

/// The minutes that had events, for filters with a default, and whether any event matched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenMinutes {
    /// By filter, then by the minute's beginning in epoch seconds.
    filters: BTreeMap<String, BTreeMap<i64, bool>>,
}

impl OpenMinutes {
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Notes that a minute had events.
    pub fn note(&mut self, filter: &str, minute: i64, matched: bool) {
        let minutes = self.filters.entry(filter.to_owned()).or_default();
        *minutes.entry(minute).or_default() |= matched;
    }

    /// When the next minute is over, epoch seconds.
    pub fn next(&self) -> Option<i64> {
        let first = |minutes: &BTreeMap<i64, bool>| minutes.first_key_value().map(|(minute, _)| minute + 60 + PATIENCE);
        self.filters.values().filter_map(first).min()
    }

    /// Takes out the minutes that are over; for those without a match the default value.
    pub fn close(&mut self, now: i64, registry: &FilterRegistry) -> Vec<SampleBatch> {
        let mut data: BTreeMap<(String, String), Vec<Datum>> = BTreeMap::new();
        self.filters.retain(|filter, minutes| {
            while let Some((minute, matched)) = minutes.first_key_value().map(|(minute, matched)| (*minute, *matched)) {
                if minute + 60 + PATIENCE > now && minutes.len() <= MAX_MINUTES {
                    break;
                }
                minutes.remove(&minute);
                let Some(default) = registry.default_of(filter).filter(|_| !matched) else { continue };
                data.entry((default.account.clone(), default.region.clone())).or_default().push(Datum {
                    metric: Metric::new(&default.namespace, &default.name),
                    unit: default.unit.clone(),
                    at: minute,
                    high_resolution: false,
                    sample: Sample::of(default.value, 1.0),
                });
            }
            !minutes.is_empty()
        });
        data.into_iter().map(|((account, region), data)| SampleBatch::new(&account, &region, data)).collect()
    }
}
