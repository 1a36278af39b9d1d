//! Default values: reported for a minute that had events of which none matched, once it is over.

use super::compiled::FilterRegistry;
use crate::store::{Datum, SampleBatch};
use opentrail_catalog::{Catalog, CatalogError, Entity};
use opentrail_metrics::{Metric, Sample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long after its end a minute is waited for, in seconds: events that are late by less still count.
const PATIENCE: i64 = 2;
/// Most minutes of a filter that are waited for. Beyond that the oldest are decided at once.
const MAX_MINUTES: usize = 180;

/// The minutes that had events, for a group's filters with a default, and whether any event matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenMinutes {
    pub group_id: String,
    /// By filter, then by the minute's beginning in epoch seconds.
    filters: BTreeMap<String, BTreeMap<i64, bool>>,
}

impl Entity for OpenMinutes {
    const TABLE: &'static str = "metric_filter_minutes";

    fn key(&self) -> String {
        self.group_id.clone()
    }
}

impl OpenMinutes {
    /// # Errors
    /// If the catalog fails.
    pub fn of_group(catalog: &Catalog, group_id: &str) -> Result<Self, CatalogError> {
        let kept = catalog.get::<Self>(group_id)?;
        Ok(kept.map_or_else(|| Self { group_id: group_id.into(), filters: BTreeMap::new() }, |open| Self::clone(&open)))
    }

    /// Held by whoever changes a group's minutes.
    pub fn lock_name(group_id: &str) -> String {
        format!("metric filter minutes {group_id}")
    }

    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Notes which minutes had events and whether any matched, by filter. Returns whether that is new.
    pub fn note(&mut self, filters: BTreeMap<String, BTreeMap<i64, bool>>) -> bool {
        let mut new = false;
        for (filter, minutes) in filters {
            let known = self.filters.entry(filter).or_default();
            for (minute, matched) in minutes {
                match known.get_mut(&minute) {
                    Some(already) if matched && !*already => {
                        *already = true;
                        new = true;
                    }
                    Some(_) => {}
                    None => {
                        known.insert(minute, matched);
                        new = true;
                    }
                }
            }
        }
        new
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
