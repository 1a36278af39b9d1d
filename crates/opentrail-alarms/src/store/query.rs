//! Reading: samples of a metric by period, and which metrics there are.

use super::chunk::{Chunk, KnownMetric, id_of};
use super::head::{Fresh, FreshUnit};
use super::{MetricStore, Snapshot};
use opentrail_catalog::{Catalog, CatalogError, Entity};
use opentrail_metrics::{Metric, Point, ROLLUPS, Sample, Statistic};
use std::collections::BTreeMap;

/// Chunks read at a time.
const CHUNKS: usize = 32;
/// Most metrics looked at for one page.
const LOOKED_AT: usize = 10_000;

/// Which samples are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Epoch seconds, included; where the first period begins.
    pub start: i64,
    /// Excluded.
    pub end: i64,
    /// Seconds.
    pub period: i64,
}

/// Samples by the beginning of their period, for each unit.
pub type ByUnit = BTreeMap<String, BTreeMap<i64, Sample>>;

/// A page of metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricPage {
    pub metrics: Vec<KnownMetric>,
    /// The key to go on after.
    pub next: Option<String>,
}

/// Which metrics are wanted.
#[derive(Debug, Clone, Default)]
pub struct MetricsWanted<'q> {
    pub namespace: Option<&'q str>,
    pub name: Option<&'q str>,
    /// Dimensions it must have, with this value if one is given.
    pub dimensions: Vec<(&'q str, Option<&'q str>)>,
    /// With samples since then, epoch seconds.
    pub since: i64,
    pub after: Option<&'q str>,
    pub limit: usize,
}

impl MetricsWanted<'_> {
    fn fits(&self, known: &KnownMetric) -> bool {
        let metric = &known.metric;
        let has = |(name, value): &(&str, Option<&str>)| {
            metric.dimensions.get(*name).is_some_and(|found| value.is_none_or(|value| value == found))
        };
        known.newest >= self.since
            && self.namespace.is_none_or(|namespace| namespace == metric.namespace)
            && self.name.is_none_or(|name| name == metric.name)
            && self.dimensions.iter().all(has)
    }
}

impl MetricStore {
    /// The samples of a metric, by unit and period. Which grade they come from follows from period and start.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn samples(&self, account: &str, region: &str, metric: &Metric, range: Range) -> Result<ByUnit, CatalogError> {
        let Range { start, end, period } = range;
        let usable = |seconds: i64| period % seconds == 0 && start.rem_euclid(seconds) == 0;
        let Some(grade) = ROLLUPS.iter().rposition(|rollup| usable(rollup.seconds)) else { return Ok(ByUnit::new()) };
        let reading = Reading { store: self, account, region, metric, snapshot: self.snapshot(account, region, metric) };
        let mut found = reading.grade(grade, start, end)?;
        if grade == 0 {
            // Values without high resolution stand at the beginning of their minute.
            for (unit, minutes) in reading.grade(1, start, end)? {
                let seconds = found.entry(unit).or_default();
                for (at, sample) in minutes {
                    if at >= start && seconds.range(at..at + 60).next().is_none() {
                        seconds.insert(at, sample);
                    }
                }
            }
        }
        let into_periods = |slots: BTreeMap<i64, Sample>| {
            let mut periods: BTreeMap<i64, Sample> = BTreeMap::new();
            for (at, sample) in slots {
                periods.entry(start + (at - start).div_euclid(period) * period).or_default().add(&sample);
            }
            periods
        };
        Ok(found.into_iter().map(|(unit, slots)| (unit, into_periods(slots))).collect())
    }

    /// The points of an alarm or a query, one for each period, oldest first. Without a unit, samples of all units count as
    /// one.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn points(
        &self,
        account: &str,
        region: &str,
        series: (&Metric, Option<&str>, Statistic),
        range: Range,
    ) -> Result<Vec<Point>, CatalogError> {
        let (metric, unit, statistic) = series;
        let mut found = self.samples(account, region, metric, range)?;
        let samples = match unit {
            Some(unit) => found.remove(unit).unwrap_or_default(),
            None => united(found),
        };
        let step = usize::try_from(range.period).unwrap_or(1).max(1);
        let point = |at| {
            let sample = samples.get(&at);
            let value = sample.and_then(|sample| statistic.of(sample));
            Point { at, value, samples: value.and(sample).map_or(0.0, |sample| sample.count) }
        };
        Ok((range.start..range.end).step_by(step).map(point).collect())
    }

    /// A page of the metrics of an account and region, in the order of their keys.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn metrics(&self, account: &str, region: &str, wanted: &MetricsWanted<'_>) -> Result<MetricPage, CatalogError> {
        let name = wanted.namespace.and(wanted.name);
        let prefix = KnownMetric::prefix(account, region, wanted.namespace, name);
        let fresh = self.fresh_metrics(account, region, &prefix, wanted.after);
        let mut page = MetricPage::default();
        let mut fresh = fresh.into_iter().peekable();
        let kept = self.catalog().scan::<KnownMetric>(&prefix, wanted.after, LOOKED_AT)?;
        let more = kept.len() == LOOKED_AT;
        let last = kept.last().map(Entity::key);
        let mut kept = kept.into_iter().map(|known| (known.key(), known)).peekable();
        loop {
            let next = match (kept.peek(), fresh.peek()) {
                (None, None) => break,
                // Beyond what was read, there may be others in between.
                (None, Some((key, _))) if more && Some(key) > last.as_ref() => break,
                (Some((key, _)), Some((other, _))) if key == other => {
                    let fresh = fresh.next();
                    kept.next().map(|(key, known)| {
                        let newest = known.newest.max(fresh.map_or(0, |(_, fresh)| fresh.newest));
                        (key, KnownMetric { newest, ..known })
                    })
                }
                (Some((key, _)), Some((other, _))) if other < key => fresh.next(),
                (None, Some(_)) => fresh.next(),
                (Some(_), _) => kept.next(),
            };
            let Some((_, known)) = next else { break };
            if !wanted.fits(&known) {
                continue;
            }
            if page.metrics.len() == wanted.limit {
                page.next = page.metrics.last().map(Entity::key);
                return Ok(page);
            }
            page.metrics.push(known);
        }
        page.next = if more { last } else { None };
        Ok(page)
    }

    fn fresh_metrics(&self, account: &str, region: &str, prefix: &str, after: Option<&str>) -> BTreeMap<String, KnownMetric> {
        let mut out = BTreeMap::new();
        self.each_fresh(account, region, |metric, fresh: &Fresh| {
            let key = KnownMetric::key_of(account, region, metric);
            if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
                let newest = fresh.newest().unwrap_or_default();
                let (account, region) = (account.to_owned(), region.to_owned());
                out.insert(key, KnownMetric { account, region, metric: metric.clone(), newest });
            }
        });
        out
    }
}

/// Samples of all units as one.
pub fn united(found: ByUnit) -> BTreeMap<i64, Sample> {
    let mut units = found.into_values();
    let mut all = units.next().unwrap_or_default();
    for (at, sample) in units.flatten() {
        all.entry(at).or_default().add(&sample);
    }
    all
}

struct Reading<'r> {
    store: &'r MetricStore,
    account: &'r str,
    region: &'r str,
    metric: &'r Metric,
    /// Taken before any chunk is read: what a chunk has not, is in here.
    snapshot: Snapshot,
}

impl Reading<'_> {
    fn catalog(&self) -> &Catalog {
        self.store.catalog()
    }

    /// The slots of a grade, as far as they are still kept.
    fn grade(&self, grade: usize, start: i64, end: i64) -> Result<ByUnit, CatalogError> {
        let start = start.max(self.store.now() - ROLLUPS[grade].kept);
        let mut found = ByUnit::new();
        // Up to where the chunks that were read are complete.
        let mut upto = BTreeMap::new();
        let id = id_of(self.account, self.region, self.metric);
        let prefix = Chunk::prefix(&id, grade);
        let mut after = Chunk::bound(&id, grade, Chunk::start_of(grade, start));
        'chunks: loop {
            let chunks: Vec<Chunk> = self.catalog().scan(&prefix, Some(&after), CHUNKS)?;
            for chunk in &chunks {
                if chunk.start >= end {
                    break 'chunks;
                }
                upto.insert((chunk.unit.clone(), chunk.start), chunk.upto);
                let slots = chunk.slots.range(start..end.max(start)).map(|(at, sample)| (*at, sample.clone()));
                found.entry(chunk.unit.clone()).or_default().extend(slots);
            }
            match chunks.last() {
                Some(last) if chunks.len() == CHUNKS => after = last.key(),
                _ => break,
            }
        }
        for (position, fresh) in &self.snapshot.parts {
            for (unit, samples) in fresh.units.iter() {
                let has = |at: i64| upto.get(&(unit.clone(), Chunk::start_of(grade, at))).is_some_and(|upto| upto >= position);
                add_fresh(found.entry(unit.clone()).or_default(), samples, (grade, start, end), has);
            }
        }
        Ok(found)
    }
}

fn add_fresh(
    slots: &mut BTreeMap<i64, Sample>,
    samples: &FreshUnit,
    (grade, start, end): (usize, i64, i64),
    has: impl Fn(i64) -> bool,
) {
    for (at, sample) in samples.of_grade(grade, start, end) {
        if at >= start && !has(at) {
            slots.entry(at).or_default().add(&sample);
        }
    }
}
