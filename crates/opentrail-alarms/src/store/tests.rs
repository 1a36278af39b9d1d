//! Samples in, samples out: through memory, chunks and crashes.

use super::*;
use opentrail_catalog::Changes;
use opentrail_eventlog::{EventLog, LogConfig, ManualClock};
use opentrail_metrics::{Sample, Statistic};
use proptest::prelude::*;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A minute's beginning.
const NOW: i64 = 1_800_000_000;

struct Place {
    store: MetricStore,
    intake: Intake,
    catalog: Catalog,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self::open(tempfile::tempdir().expect("a directory"), NOW)
    }

    fn open(dir: tempfile::TempDir, now: i64) -> Self {
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
        let config = LogConfig { segment_bytes: 1024 * 1024, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("log");
        let clock = ManualClock::new(OffsetDateTime::from_unix_timestamp(now).expect("a time"));
        let intake = Intake::new(log, Arc::new(clock));
        let store = MetricStore::open(catalog.clone(), intake.clone()).expect("store");
        if catalog.get::<FollowerCursor>(FOLLOWER).expect("catalog").is_none() {
            submit(&intake, Changes::new().put(&flush::cursor(store.position())));
        }
        Self { store, intake, catalog, dir }
    }

    /// As after a kill: what was only in memory is gone.
    fn reopen(self, now: i64) -> Self {
        let Self { store, intake, dir, .. } = self;
        let log = intake.log().clone();
        drop((store, intake));
        log.close();
        let place = Self::open(dir, now);
        place.store.catch_up_blocking().expect("reads");
        place
    }

    fn put(&self, data: Vec<Datum>) {
        let mut changes = Changes::new();
        SampleBatch::new("1", "r", data).put_into(&mut changes);
        submit(&self.intake, &changes);
        self.store.catch_up_blocking().expect("reads");
    }

    fn sums(&self, range: Range) -> Vec<(i64, f64)> {
        let found = self.store.samples("1", "r", &metric(), range).expect("reads");
        united(found).into_iter().map(|(at, sample)| (at - NOW, sample.sum)).collect()
    }

    /// What is kept of everything by the hour.
    fn total(&self) -> f64 {
        let range = Range { start: NOW - 86_400, end: NOW + 7200, period: 3600 };
        self.sums(range).into_iter().map(|(_, sum)| sum).sum()
    }
}

fn submit(intake: &Intake, changes: &Changes) {
    intake.submit_blocking(Vec::new(), changes.encode()).expect("submitted");
}

fn metric() -> Metric {
    Metric::new("n", "m")
}

fn datum(at: i64, value: f64) -> Datum {
    Datum { metric: metric(), unit: "None".into(), at: NOW + at, high_resolution: false, sample: Sample::of(value, 1.0) }
}

#[test]
fn samples_are_the_same_from_memory_from_chunks_and_from_both() {
    let place = Place::new();
    place.put(vec![datum(-130, 1.0), datum(-61, 2.0), datum(-60, 4.0)]);
    let range = Range { start: NOW - 180, end: NOW, period: 60 };
    let expect = [(-180, 1.0), (-120, 2.0), (-60, 4.0)];
    assert_eq!(place.sums(range), expect);
    place.store.flush().expect("flushes");
    assert_eq!(place.sums(range), expect);
    assert!(place.store.heads(|heads| heads.current.is_empty()));
    place.put(vec![datum(-1, 8.0)]);
    assert_eq!(place.sums(range), [(-180, 1.0), (-120, 2.0), (-60, 12.0)]);
    assert_eq!(place.sums(Range { start: NOW - 300, end: NOW, period: 300 }), [(-300, 15.0)]);
    let series = (&metric(), None, Statistic::Maximum);
    let points = place.store.points("1", "r", series, Range { start: NOW - 240, end: NOW, period: 60 }).expect("reads");
    assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), [None, Some(1.0), Some(2.0), Some(8.0)]);
}

#[test]
fn seconds_are_kept_for_high_resolution_only() {
    let place = Place::new();
    place.put(vec![datum(-50, 1.0), Datum { high_resolution: true, ..datum(-115, 2.0) }]);
    let range = Range { start: NOW - 120, end: NOW, period: 10 };
    let expect = [(-120, 2.0), (-60, 1.0)];
    assert_eq!(place.sums(range), expect);
    place.store.flush().expect("flushes");
    assert_eq!(place.sums(range), expect);
}

#[test]
fn units_do_not_mix_unless_asked_to() {
    let place = Place::new();
    place.put(vec![datum(-60, 1.0), Datum { unit: "Bytes".into(), ..datum(-60, 2.0) }]);
    place.store.flush().expect("flushes");
    let found = place.store.samples("1", "r", &metric(), Range { start: NOW - 60, end: NOW, period: 60 }).expect("reads");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["Bytes", "None"]);
    assert_eq!(place.sums(Range { start: NOW - 60, end: NOW, period: 60 }), [(-60, 3.0)]);
}

#[test]
fn what_was_only_in_memory_is_read_again() {
    let mut place = Place::new();
    place.put(vec![datum(-10, 1.0)]);
    place.store.flush().expect("flushes");
    place.put(vec![datum(-10, 2.0)]);
    place = place.reopen(NOW);
    assert_eq!(place.total(), 3.0);
    place = place.reopen(NOW);
    assert_eq!(place.total(), 3.0);
    place.store.flush().expect("flushes");
    assert_eq!(place.reopen(NOW).total(), 3.0);
}

/// A flush of several entries that ends after the first of them.
#[test]
fn a_flush_cut_short_is_finished_without_counting_twice() {
    let place = Place::new();
    place.put((0..50).map(|n| datum(-n * 600, 1.0)).collect());
    let end = place.store.position();
    // One chunk is written, the others are not.
    let head = place.store.heads(|heads| heads.current.clone());
    let id = chunk::id_of("1", "r", &metric());
    let fresh = head.get("1", "r", &metric()).expect("samples");
    let hours = fresh.units["None"].of_grade(3, 0, i64::MAX);
    let start = chunk::Chunk::start_of(3, *hours.keys().next().expect("an hour"));
    let mut written = chunk::Chunk::new(&id, 3, start, "None");
    written.upto = end;
    written.slots = hours.range(start..written.end()).map(|(at, sample)| (*at, sample.clone())).collect();
    submit(&place.intake, Changes::new().put(&MetricFlush { end }).put(&written));
    let place = place.reopen(NOW);
    place.put(vec![datum(-5, 7.0)]);
    assert_eq!(place.total(), 57.0);
    assert_eq!(place.catalog.read_once::<MetricFlush>(MetricFlush::KEY).expect("catalog"), None);
    place.store.flush().expect("flushes");
    assert_eq!(place.total(), 57.0);
}

#[test]
fn old_samples_lose_detail_and_end() {
    let day = 86_400;
    let place = Place::new();
    place.put(vec![datum(-day, 1.0)]);
    place.store.flush().expect("flushes");
    let minutes = Range { start: NOW - day, end: NOW, period: 60 };
    let hours = Range { start: NOW - day, end: NOW, period: 3600 };
    assert_eq!((place.sums(minutes).len(), place.sums(hours).len()), (1, 1));
    let place = place.reopen(NOW + 30 * day);
    assert_eq!((place.sums(minutes).len(), place.sums(hours).len()), (0, 1));
    assert_eq!(place.store.expire().expect("expires"), 1);
    let place = place.reopen(NOW + 470 * day);
    assert_eq!(place.sums(hours).len(), 0);
    assert_eq!(place.store.expire().expect("expires"), 2);
    assert_eq!(place.catalog.list::<KnownMetric>("").expect("catalog"), []);
}

#[test]
fn metrics_are_listed_from_memory_and_chunks_page_by_page() {
    let place = Place::new();
    let named = |name: String| Datum { metric: Metric::new("n", &name), ..datum(-60, 1.0) };
    place.put((0..10).step_by(2).map(|n| named(format!("m{n}"))).collect());
    place.store.flush().expect("flushes");
    place.put((1..10).step_by(2).chain([4]).map(|n| named(format!("m{n}"))).collect());
    let (mut names, mut after) = (Vec::new(), None::<String>);
    loop {
        let wanted = MetricsWanted { namespace: Some("n"), after: after.as_deref(), limit: 3, ..MetricsWanted::default() };
        let page = place.store.metrics("1", "r", &wanted).expect("lists");
        assert!(page.metrics.len() <= 3);
        names.extend(page.metrics.into_iter().map(|known| known.metric.name));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(names, (0..10).map(|n| format!("m{n}")).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10) })]

    /// Whatever is put, flushed and killed in between, every sample counts once.
    #[test]
    fn every_sample_counts_once(steps in prop::collection::vec((0u8..6, 0i64..80_000), 1..14)) {
        let mut place = Place::new();
        let mut expect: BTreeMap<i64, f64> = BTreeMap::new();
        for (step, at) in steps {
            match step {
                0 => place = place.reopen(NOW),
                1 => place.store.flush().expect("flushes"),
                _ => {
                    let at = -1 - at;
                    place.put(vec![datum(at, 1.0)]);
                    *expect.entry(at.div_euclid(300) * 300).or_default() += 1.0;
                }
            }
            let range = Range { start: NOW - 90_000, end: NOW, period: 300 };
            prop_assert_eq!(place.sums(range), expect.clone().into_iter().collect::<Vec<_>>());
        }
    }
}
