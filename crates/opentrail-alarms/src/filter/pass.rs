//! One pass over log events: every filter of their group at once.

use super::compiled::{CompiledFilter, GroupFilters, MatchValue};
use super::follower::PassOutcome;
use crate::store::{Datum, SampleBatch};
use opentrail_logs::{LogBatch, LogsError};
use opentrail_metrics::{Metric, Sample};
use opentrail_patterns::Found;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Most different sets of dimensions that a filter makes of one pass. More are not told apart by anybody.
const MAX_DIMENSION_SETS: usize = 1000;
/// Most bytes of samples that a pass finds: what goes into an entry of the log.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// What a sample takes besides its dimensions, about.
const SAMPLE_BYTES: usize = 600;
/// Largest value of a metric: 2 to the power of 360.
const MAX_VALUE: f64 = 2.348_542_582_773_833_2e108;
/// Longest value of a dimension, in characters.
const MAX_DIMENSION_CHARS: usize = 1024;

/// What the events of some batches come to.
#[derive(Default)]
pub struct Pass {
    groups: HashMap<String, (Arc<GroupFilters>, Vec<Tally>)>,
    /// About how many bytes of samples were found.
    weight: usize,
}

/// What one filter found, by minute.
#[derive(Default)]
struct Tally {
    /// Matches of a constant value without dimensions.
    counts: BTreeMap<i64, f64>,
    /// Values by minute and dimensions.
    samples: BTreeMap<(i64, Vec<String>), Sample>,
    /// Minutes that had events and, for filters with a default, whether any matched.
    minutes: BTreeMap<i64, bool>,
}

impl Pass {
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Looks at the events of a batch.
    ///
    /// # Errors
    /// If the batch is damaged.
    pub fn take(&mut self, group: &Arc<GroupFilters>, batch: &LogBatch) -> Result<(), LogsError> {
        let fresh = || (Arc::clone(group), group.filters.iter().map(|_| Tally::default()).collect());
        let (known, tallies) = self.groups.entry(batch.group_id.clone()).or_insert_with(fresh);
        let filters = Arc::clone(known);
        let mut minutes = BTreeSet::new();
        for event in batch.unpack()? {
            let minute = event.timestamp().div_euclid(60_000) * 60;
            minutes.insert(minute);
            for found in filters.set.matches(&event.message) {
                let (filter, tally) = (&filters.filters[found.filter], &mut tallies[found.filter]);
                if filter.created <= batch.ingestion && self.weight < MAX_BYTES {
                    self.weight += tally.take(filter, minute, &found);
                }
            }
        }
        for (filter, tally) in filters.filters.iter().zip(tallies) {
            if filter.default.is_some() && filter.created <= batch.ingestion {
                for minute in &minutes {
                    tally.minutes.entry(*minute).or_default();
                }
            }
        }
        Ok(())
    }

    /// The samples, and which minutes had events for filters with a default.
    pub fn finish(self) -> PassOutcome {
        let mut outcome = PassOutcome::default();
        let mut data: BTreeMap<(String, String), Vec<Datum>> = BTreeMap::new();
        for (id, (group, tallies)) in self.groups {
            let out = data.entry((group.account.clone(), group.region.clone())).or_default();
            for (filter, mut tally) in group.filters.iter().zip(tallies) {
                let minutes = std::mem::take(&mut tally.minutes);
                if !minutes.is_empty() {
                    outcome.minutes.entry(id.clone()).or_default().insert(filter.key.clone(), minutes);
                }
                tally.finish(filter, out);
            }
        }
        let filled = data.into_iter().filter(|(_, data)| !data.is_empty());
        outcome.batches = filled.map(|((account, region), data)| SampleBatch::new(&account, &region, data)).collect();
        outcome
    }
}

impl Tally {
    /// Returns about how many bytes of samples are new.
    fn take(&mut self, filter: &CompiledFilter, minute: i64, found: &Found<'_>) -> usize {
        let (value, dimensions) = match filter.value {
            MatchValue::Constant(value) => (Some(value), &found.values[..]),
            MatchValue::Found => (found.values[0].as_ref().and_then(|leaf| leaf.as_number()), &found.values[1..]),
        };
        let Some(value) = value.filter(|value| value.abs() <= MAX_VALUE) else { return 0 };
        if filter.default.is_some() {
            self.minutes.insert(minute, true);
        }
        if filter.dimensions.is_empty() && filter.value != MatchValue::Found {
            *self.counts.entry(minute).or_default() += 1.0;
            return 0;
        }
        // An event without one of the dimensions makes no sample.
        let values = dimensions.iter().map(|leaf| Some(dimension(leaf.as_ref()?.as_text()?)));
        let Some(values) = values.collect::<Option<Vec<String>>>() else { return 0 };
        if values.iter().any(String::is_empty) {
            return 0;
        }
        let key = (minute, values);
        let new = !self.samples.contains_key(&key);
        if new && self.samples.len() >= MAX_DIMENSION_SETS {
            tracing::warn!(
                filter = filter.key,
                "a metric filter found more than {MAX_DIMENSION_SETS} sets of dimensions at once"
            );
            return 0;
        }
        let weight = if new { SAMPLE_BYTES + key.1.iter().map(String::len).sum::<usize>() } else { 0 };
        self.samples.entry(key).or_default().add(&Sample::of(value, 1.0));
        weight
    }

    fn finish(self, filter: &CompiledFilter, out: &mut Vec<Datum>) {
        let metric = |dimensions: BTreeMap<String, String>| Metric {
            namespace: filter.namespace.clone(),
            name: filter.name.clone(),
            dimensions,
        };
        let datum = |metric, at, sample| Datum { metric, unit: filter.unit.clone(), at, high_resolution: false, sample };
        if let MatchValue::Constant(value) = filter.value {
            let counted = self.counts.into_iter();
            out.extend(counted.map(|(at, count)| datum(metric(BTreeMap::new()), at, Sample::of(value, count))));
        }
        out.extend(self.samples.into_iter().map(|((at, values), sample)| {
            let dimensions = filter.dimensions.iter().cloned().zip(values).collect();
            datum(metric(dimensions), at, sample)
        }));
    }
}

/// A value as a dimension can be: no control characters, and not too long.
fn dimension(text: &str) -> String {
    text.chars().take(MAX_DIMENSION_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
