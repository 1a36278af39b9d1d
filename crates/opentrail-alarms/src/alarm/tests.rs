//! Alarms by their clock: what they come to and who is told.

use super::message::subject;
use super::*;
use crate::store::{Datum, MetricStore, SampleBatch};
use crate::watching::Watching;
use opentrail_catalog::{Catalog, Changes, Entity};
use opentrail_eventlog::{EventLog, Intake, LogConfig, ManualClock};
use opentrail_messaging::topics::{TopicsConfig, WebhookNetworks};
use opentrail_messaging::{Queues, Topics};
use opentrail_metrics::{AlarmRule, AlarmState, Comparison, Metric, MissingData, Sample};
use opentrail_seal::Seal;
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;

/// A minute's beginning.
const NOW: i64 = 1_800_000_000;

struct Place {
    watching: Watching,
    catalog: Catalog,
    intake: Intake,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
        let config = LogConfig { segment_bytes: 1024 * 1024, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("log");
        let clock = Arc::new(ManualClock::new(at(NOW)));
        let intake = Intake::new(log, Arc::clone(&clock) as Arc<_>);
        let queues = Queues::open(catalog.clone(), intake.clone()).expect("queues");
        let topics_config = TopicsConfig {
            key_file: dir.path().join("sns.sealed"),
            seal: Arc::new(Seal::ephemeral()),
            webhooks: WebhookNetworks::default(),
        };
        let topics = Topics::open(catalog.clone(), intake.clone(), queues, topics_config).expect("topics");
        let watching = Watching::open(catalog.clone(), intake.clone(), topics).expect("opens");
        Self { watching, catalog, intake, clock, _dir: dir }
    }

    fn store(&self) -> &MetricStore {
        &self.watching.metrics
    }

    async fn submit(&self, changes: &Changes) {
        self.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    }

    async fn put(&self, alarm: &Alarm) {
        let mut changes = Changes::new();
        changes.put(alarm).put(&AlarmStatus::new(alarm, NOW * 1000));
        self.submit(&changes).await;
    }

    /// Values of the metric `m`, each so many seconds before or after the beginning.
    async fn values(&self, values: &[(i64, f64)]) {
        let datum = |(at, value): &(i64, f64)| Datum {
            metric: Metric::new("n", "m"),
            unit: "None".into(),
            at: NOW + at,
            high_resolution: false,
            sample: Sample::of(*value, 1.0),
        };
        let mut changes = Changes::new();
        SampleBatch::new("1", "us-east-1", values.iter().map(datum).collect()).put_into(&mut changes);
        self.submit(&changes).await;
        let batches = self.store().catch_up_blocking().expect("reads");
        batches.iter().for_each(|batch| self.watching.alarms.touched(batch));
    }

    /// Lets the time be so many seconds after the beginning, and looks at the alarms.
    async fn look(&self, after: i64) {
        let now = self.intake.now().unix_timestamp();
        self.clock.advance(time::Duration::seconds(NOW + after - now));
        self.watching.alarms.look().await.expect("looks");
    }

    fn status(&self, name: &str) -> AlarmStatus {
        let key = Alarm::key_of("1", "us-east-1", name);
        self.catalog.read_once(&key).expect("catalog").expect("a status")
    }

    fn state(&self, name: &str) -> &'static str {
        self.status(name).state.as_str()
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
}

fn alarm(name: &str, watches: Watches) -> Alarm {
    Alarm {
        account: "1".into(),
        region: "us-east-1".into(),
        name: name.into(),
        description: None,
        actions_enabled: true,
        ok_actions: Vec::new(),
        alarm_actions: vec!["arn:aws:sns:us-east-1:1:absent".into()],
        insufficient_data_actions: Vec::new(),
        created_ms: NOW * 1000,
        updated_ms: NOW * 1000,
        tags: BTreeMap::new(),
        watches,
    }
}

fn stat(statistic: &str) -> MetricStat {
    MetricStat { metric: Metric::new("n", "m"), period: 60, statistic: statistic.into(), unit: None }
}

fn watching(source: Source, periods: usize, missing: MissingData) -> Watches {
    let rule = AlarmRule {
        comparison: Comparison::GreaterThanThreshold,
        threshold: 1.0,
        evaluation_periods: periods,
        datapoints_to_alarm: periods,
        missing,
    };
    Watches::Metric(MetricAlarm { rule, datapoints_given: false, missing_given: None, low_samples: None, source })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_follows_its_metric_minute_by_minute() {
    let place = Place::new();
    place.put(&alarm("a", watching(Source::Metric(stat("Sum")), 2, MissingData::Missing))).await;
    place.look(1).await;
    assert_eq!((place.state("a"), place.status("a").reason.as_str()), ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"));
    place.values(&[(-120, 5.0), (-60, 0.5)]).await;
    place.look(2).await;
    assert_eq!(place.state("a"), "OK");
    // Of a minute that is not over, nothing counts.
    place.values(&[(10, 5.0)]).await;
    place.look(30).await;
    assert_eq!(place.state("a"), "OK");
    place.look(61).await;
    place.values(&[(70, 5.0)]).await;
    place.look(121).await;
    assert_eq!(place.state("a"), "ALARM");
    let status = place.status("a");
    assert!(status.reason.starts_with("Threshold Crossed: 2 datapoints [5.0 ("), "{}", status.reason);
    let data: serde_json::Value = serde_json::from_str(status.reason_data.as_deref().unwrap_or_default()).expect("JSON");
    assert_eq!((&data["recentDatapoints"], &data["period"]), (&serde_json::json!([5.0, 5.0]), &serde_json::json!(60)));
    for minute in 3..8 {
        place.look(60 * minute + 1).await;
    }
    assert_eq!(place.state("a"), "INSUFFICIENT_DATA");
    let history: Vec<HistoryItem> = place.catalog.list("").expect("catalog");
    let told: Vec<&str> = history.iter().map(|item| item.summary.as_str()).collect();
    assert_eq!(
        told,
        [
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm updated from OK to ALARM",
            "Failed to execute action arn:aws:sns:us-east-1:1:absent",
            "Alarm updated from ALARM to INSUFFICIENT_DATA",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_data_count_as_told() {
    let place = Place::new();
    for (name, missing) in [("b", MissingData::Breaching), ("n", MissingData::NotBreaching), ("i", MissingData::Ignore)] {
        place.put(&alarm(name, watching(Source::Metric(stat("Sum")), 1, missing))).await;
    }
    place.look(1).await;
    assert_eq!((place.state("b"), place.state("n"), place.state("i")), ("ALARM", "OK", "INSUFFICIENT_DATA"));
}

#[tokio::test(flavor = "multi_thread")]
async fn percentiles_of_few_values_can_be_ignored() {
    let place = Place::new();
    let with = |low: &str| match watching(Source::Metric(stat("p99")), 1, MissingData::Missing) {
        Watches::Metric(metric) => Watches::Metric(MetricAlarm { low_samples: Some(low.into()), ..metric }),
        other => other,
    };
    place.put(&alarm("ignore", with("ignore"))).await;
    place.put(&alarm("evaluate", with("evaluate"))).await;
    place.values(&[(-60, 5.0)]).await;
    place.look(1).await;
    assert_eq!((place.state("ignore"), place.state("evaluate")), ("INSUFFICIENT_DATA", "ALARM"));
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_are_watched() {
    let place = Place::new();
    let query = |id: &str, return_data, what| MetricQuery { id: id.into(), label: None, return_data, what };
    let expression = QueryOf::Expression { expression: "m1 / 2 + m2".into(), period: None };
    let zero = QueryOf::Expression { expression: "m1 * 0".into(), period: None };
    let queries = vec![query("e", true, expression), query("m2", false, zero), query("m1", false, QueryOf::Stat(stat("Sum")))];
    crate::check(&queries).expect("they make sense");
    place.put(&alarm("math", watching(Source::Queries(queries), 1, MissingData::Missing))).await;
    place.values(&[(-60, 2.0)]).await;
    place.look(1).await;
    assert_eq!(place.state("math"), "OK");
    place.values(&[(-30, 2.0)]).await;
    place.look(2).await;
    assert_eq!(place.state("math"), "ALARM");
    let cycle = ["a", "b"].map(|id| {
        let other = if id == "a" { "b" } else { "a" };
        query(id, id == "a", QueryOf::Expression { expression: other.into(), period: None })
    });
    assert!(crate::check(&cycle).is_err());
}

fn composite(name: &str, rule: &str, suppressor: Option<Suppressor>) -> Alarm {
    alarm(name, Watches::Composite(CompositeAlarm { rule: rule.into(), suppressor }))
}

#[tokio::test(flavor = "multi_thread")]
async fn composite_alarms_follow_their_children_through_several_levels() {
    let place = Place::new();
    place.put(&alarm("leaf", watching(Source::Metric(stat("Sum")), 1, MissingData::NotBreaching))).await;
    place.put(&composite("middle", "NOT OK(leaf)", None)).await;
    place.put(&composite("top", "ALARM(\"arn:aws:cloudwatch:us-east-1:1:alarm:middle\")", None)).await;
    place.look(1).await;
    assert_eq!((place.state("leaf"), place.state("middle"), place.state("top")), ("OK", "OK", "OK"));
    assert_eq!(
        place.status("top").reason,
        "arn:aws:cloudwatch:us-east-1:1:alarm:top was created and its alarm rule evaluates to OK"
    );
    place.values(&[(-60, 5.0)]).await;
    place.look(2).await;
    assert_eq!((place.state("leaf"), place.state("middle"), place.state("top")), ("ALARM", "ALARM", "ALARM"));
    let reason = place.status("top").reason;
    assert_eq!(
        reason,
        "arn:aws:cloudwatch:us-east-1:1:alarm:middle transitioned to ALARM at Friday 15 January, 2027 08:00:02 UTC"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn suppressed_actions_wait_and_come() {
    let place = Place::new();
    place.put(&alarm("leaf", watching(Source::Metric(stat("Sum")), 1, MissingData::NotBreaching))).await;
    let suppressor = Some(Suppressor { alarm: "never".into(), wait: 120, extension: 60 });
    place.put(&composite("c", "ALARM(leaf)", suppressor)).await;
    place.look(1).await;
    place.values(&[(-60, 5.0)]).await;
    place.look(2).await;
    let suppressed = |place: &Place| place.status("c").suppressed.map(|one| one.by);
    assert_eq!((place.state("c"), suppressed(&place)), ("ALARM", Some(SuppressedBy::WaitPeriod)));
    let actions = |place: &Place| {
        let all: Vec<HistoryItem> = place.catalog.list("").expect("catalog");
        all.iter().filter(|item| item.kind == HistoryKind::Action && item.alarm == "c").count()
    };
    place.look(60).await;
    assert_eq!(actions(&place), 0);
    place.look(123).await;
    assert_eq!((actions(&place), suppressed(&place)), (1, None));
}

#[test]
fn messages_are_worded_like_aws() {
    let one = alarm("a", watching(Source::Metric(stat("p99")), 1, MissingData::Missing));
    let status = AlarmStatus { state: AlarmState::Alarm, ..AlarmStatus::new(&one, NOW * 1000 + 5) };
    assert_eq!(subject(&one, &status), "ALARM: \"a\" in US East (N. Virginia)");
    let long = Alarm { name: "x\u{fc}".repeat(120), ..one.clone() };
    assert_eq!(subject(&long, &status).len(), 100);
    let text = super::message::text(&one, AlarmState::Ok, &status, &[]);
    assert_eq!(text["StateChangeTime"], "2027-01-15T08:00:00.005+0000");
    assert_eq!(
        (&text["Trigger"]["StatisticType"], &text["Trigger"]["ExtendedStatistic"]),
        (&"ExtendedStatistic".into(), &"p99".into())
    );
    assert_eq!(Alarm::key_of("1", "us-east-1", "a"), one.key());
}
