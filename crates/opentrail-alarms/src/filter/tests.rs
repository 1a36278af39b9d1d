//! What filters make of batches of log events.

use super::compiled::FilterRegistry;
use super::defaults::OpenMinutes;
use super::pass::Pass;
use super::*;
use crate::store::Datum;
use opentrail_catalog::{Catalog, Changes};
use opentrail_eventlog::Applier;
use opentrail_logs::{InputEvent, LogBatch};

/// A minute's beginning, in milliseconds.
const NOW: i64 = 1_800_000_000_000;

struct Place {
    registry: FilterRegistry,
    catalog: Catalog,
    _dir: tempfile::TempDir,
}

fn place(transformations: &[(&str, serde_json::Value)]) -> Place {
    let dir = tempfile::tempdir().expect("a directory");
    let (catalog, mut applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
    let mut changes = Changes::new();
    changes.put(&LogGroup {
        account: "1".into(),
        region: "r".into(),
        name: "g".into(),
        id: "group".into(),
        created: 0,
        retention_days: None,
        deletion_protection: false,
        tags: BTreeMap::new(),
    });
    for (number, (pattern, transformation)) in transformations.iter().enumerate() {
        let mut whole = serde_json::json!({"metricName": format!("m{number}"), "metricNamespace": "n", "metricValue": "1"});
        whole.as_object_mut().expect("an object").extend(transformation.as_object().expect("an object").clone());
        let filter = MetricFilter {
            account: "1".into(),
            region: "r".into(),
            group: "g".into(),
            name: format!("f{number}"),
            pattern: (*pattern).into(),
            transformation: serde_json::from_value(whole).expect("a transformation"),
            created: NOW,
        };
        filter.transformation.check(&pattern.parse().expect("a pattern")).expect("a fit transformation");
        changes.put(&filter);
    }
    applier.apply(&[changes.encode()], 1).expect("applies");
    let mut registry = FilterRegistry::default();
    registry.refresh(&catalog).expect("reads");
    Place { registry, catalog, _dir: dir }
}

impl Place {
    fn pass(&self, ingestion: i64, events: &[(i64, &str)]) -> super::follower::PassOutcome {
        let input: Vec<InputEvent> =
            events.iter().map(|(at, message)| InputEvent { timestamp: NOW + at, message: (*message).into() }).collect();
        let mut pass = Pass::default();
        let group = self.registry.of_group("group").expect("filters");
        for batch in LogBatch::pack("group", "s", &input, ingestion, 1) {
            pass.take(group, &batch).expect("reads");
        }
        pass.finish()
    }

    fn found(&self, events: &[(i64, &str)]) -> Vec<String> {
        shown(self.pass(NOW, events).batches.into_iter().flat_map(|batch| batch.data).collect())
    }
}

fn shown(data: Vec<Datum>) -> Vec<String> {
    let one = |datum: Datum| {
        let dimensions: Vec<String> = datum.metric.dimensions.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let (at, sample) = (datum.at - NOW / 1000, datum.sample);
        format!("{}{} {} at {at}: {} of {}", datum.metric.name, dimensions.concat(), datum.unit, sample.sum, sample.count)
    };
    data.into_iter().map(one).collect()
}

#[test]
fn matches_count_in_the_minute_of_their_event() {
    let place =
        place(&[("ERROR", serde_json::json!({})), ("{ $.a = 1 }", serde_json::json!({"metricValue": "2", "unit": "Count"}))]);
    let events = [(0, "ERROR one"), (1, "fine"), (59_999, "ERROR"), (60_000, "ERROR"), (60_001, "{\"a\": 1}")];
    assert_eq!(place.found(&events), ["m0 None at 0: 2 of 2", "m0 None at 60: 1 of 1", "m1 Count at 60: 2 of 1"]);
}

#[test]
fn values_and_dimensions_come_from_the_event() {
    let json = serde_json::json!({"metricValue": "$.size", "dimensions": {"Host": "$.host", "Zone": "$.zone"}});
    let fields = serde_json::json!({"metricValue": "$bytes"});
    let place = place(&[("{ $.size = * }", json), ("[ip, bytes > 10]", fields)]);
    let events = [
        (0, r#"{"size": 5, "host": "a", "zone": 1}"#),
        (1, r#"{"size": "7", "host": "a", "zone": 1}"#),
        (2, r#"{"size": 7, "host": "b"}"#),
        (3, r#"{"size": "many", "host": "a", "zone": 1}"#),
        (4, "10.0.0.1 12"),
        (5, "10.0.0.1 1e400"),
    ];
    assert_eq!(place.found(&events), ["m0 Host=a Zone=1 None at 0: 12 of 2", "m1 None at 0: 12 of 1"]);
}

#[test]
fn events_from_before_a_filter_do_not_count() {
    let place = place(&[("", serde_json::json!({"defaultValue": 1.0}))]);
    assert!(place.pass(NOW - 1, &[(0, "x")]).batches.is_empty());
    assert!(place.pass(NOW - 1, &[(0, "x")]).minutes.is_empty());
    assert_eq!(place.pass(NOW, &[(0, "x")]).batches.len(), 1);
}

#[test]
fn a_minute_without_a_match_has_the_default_value_once() {
    let place = place(&[("ERROR", serde_json::json!({"defaultValue": 0.5}))]);
    let mut open = OpenMinutes::of_group(&place.catalog, "group").expect("reads");
    assert!(open.note(place.pass(NOW, &[(0, "x"), (60_000, "x"), (120_000, "ERROR")]).minutes.remove("group").expect("minutes")));
    assert!(open.note(place.pass(NOW, &[(61_000, "ERROR")]).minutes.remove("group").expect("minutes")));
    assert!(!open.note(place.pass(NOW, &[(62_000, "x")]).minutes.remove("group").expect("minutes")));
    assert_eq!(open.next(), Some(NOW / 1000 + 62));
    let mut close = |after: i64| {
        let batches = open.close(NOW / 1000 + after, &place.registry);
        shown(batches.into_iter().flat_map(|batch| batch.data).collect())
    };
    assert_eq!(close(61), Vec::<String>::new());
    assert_eq!(close(62), ["m0 None at 0: 0.5 of 1"]);
    assert_eq!(close(500), Vec::<String>::new());
    assert!(open.is_empty());
}

#[test]
fn too_many_dimensions_do_not_take_all_memory() {
    let place = place(&[("{ $.a = * }", serde_json::json!({"dimensions": {"A": "$.a"}}))]);
    let messages: Vec<String> = (0..3000).map(|n| format!("{{\"a\": \"{n}\"}}")).collect();
    let events: Vec<(i64, &str)> = messages.iter().map(|message| (0, message.as_str())).collect();
    assert_eq!(place.found(&events).len(), 1000);
    let long = format!("{{\"a\": \"{}\\n\"}}", "x".repeat(5000));
    assert_eq!(place.found(&[(0, &long)])[0].len(), "m0 A= None at 0: 1 of 1".len() + 1024);
}

#[test]
fn transformations_that_cannot_be_are_refused() {
    let check = |pattern: &str, transformation: serde_json::Value| {
        let mut whole = serde_json::json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1"});
        whole.as_object_mut().expect("an object").extend(transformation.as_object().expect("an object").clone());
        let transformation: Transformation = serde_json::from_value(whole).expect("a transformation");
        transformation.check(&pattern.parse().expect("a pattern")).is_ok()
    };
    assert!(check("", serde_json::json!({})));
    for (pattern, bad) in [
        ("", serde_json::json!({"metricValue": "$.a"})),
        ("", serde_json::json!({"metricValue": "one"})),
        ("", serde_json::json!({"metricName": ""})),
        ("", serde_json::json!({"metricName": "a\nb"})),
        ("", serde_json::json!({"unit": "Bananas"})),
        ("{ $.a = 1 }", serde_json::json!({"dimensions": {"A": "a"}})),
        ("{ $.a = 1 }", serde_json::json!({"dimensions": {"A": "$.a"}, "defaultValue": 0})),
    ] {
        assert!(!check(pattern, bad.clone()), "{pattern} {bad}");
    }
}
