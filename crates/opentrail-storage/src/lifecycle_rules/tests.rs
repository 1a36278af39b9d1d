use super::*;
use crate::entity::ObjectSettings;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const DAY: i64 = 86_400_000;

fn ms(text: &str) -> i64 {
    let at = OffsetDateTime::parse(text, &Rfc3339).expect("a time");
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).expect("fits")
}

fn at(text: &str) -> Today {
    Today { now_ms: ms(text), day_ms: DAY }
}

fn rule() -> LifecycleRule {
    LifecycleRule {
        id: "r".into(),
        enabled: true,
        filter: LifecycleFilter::default(),
        expiration: None,
        transitions: Vec::new(),
        noncurrent_expiration: None,
        noncurrent_transitions: Vec::new(),
        abort_uploads_days: None,
    }
}

fn only(rule: LifecycleRule) -> Lifecycle {
    Lifecycle { rules: vec![rule], ..Lifecycle::default() }
}

fn object(stored: &str) -> Object {
    Object { key: "logs/a".into(), size: 200_000, last_modified_ms: ms(stored), ..Object::default() }
}

fn expire(at: ExpirationTime) -> Option<Expiration> {
    Some(Expiration::At(at))
}

#[test]
fn days_are_counted_to_the_midnight_behind() {
    let rules = only(LifecycleRule { expiration: expire(ExpirationTime::Days(3)), ..rule() });
    let check = |stored: &str, now: &str, expect: bool| {
        assert_eq!(rules.due_for_current(&object(stored), at(now)).is_some(), expect, "{stored} {now}");
    };
    check("2014-01-15T10:30:00Z", "2014-01-18T10:30:00Z", false);
    check("2014-01-15T10:30:00Z", "2014-01-18T23:59:59Z", false);
    check("2014-01-15T10:30:00Z", "2014-01-19T00:00:00Z", true);
    check("2014-01-15T00:00:00Z", "2014-01-18T00:00:00Z", true);
    check("2014-01-15T00:00:00Z", "2014-01-17T23:59:59Z", false);
}

#[test]
fn dates_count_for_all_ages() {
    let rules = only(LifecycleRule { expiration: expire(ExpirationTime::DateMs(ms("2026-03-01T00:00:00Z"))), ..rule() });
    assert_eq!(rules.due_for_current(&object("2020-01-01T00:00:00Z"), at("2026-02-28T23:59:59Z")), None);
    assert!(rules.due_for_current(&object("2026-03-05T00:00:00Z"), at("2026-03-05T00:00:00Z")).is_some());
}

#[test]
fn filters_take_what_fits_all_of_it() {
    let check = |filter: LifecycleFilter, expect: bool| {
        let rules = only(LifecycleRule { filter: filter.clone(), expiration: expire(ExpirationTime::Days(1)), ..rule() });
        let tags = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let object = Object { settings: ObjectSettings { tags, ..ObjectSettings::default() }, ..object("2020-01-01T00:00:00Z") };
        assert_eq!(rules.due_for_current(&object, at("2026-01-01T00:00:00Z")).is_some(), expect, "{filter:?}");
    };
    let all = LifecycleFilter::default;
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    check(all(), true);
    check(LifecycleFilter { prefix: Some("logs/".into()), ..all() }, true);
    check(LifecycleFilter { prefix: Some("log/".into()), ..all() }, false);
    check(LifecycleFilter { tags: tags(&[("a", "1")]), ..all() }, true);
    check(LifecycleFilter { tags: tags(&[("a", "1"), ("b", "2")]), ..all() }, false);
    check(LifecycleFilter { tags: tags(&[("a", "2")]), ..all() }, false);
    check(LifecycleFilter { larger_than: Some(200_000), ..all() }, false);
    check(LifecycleFilter { larger_than: Some(199_999), smaller_than: Some(200_001), ..all() }, true);
    check(LifecycleFilter { smaller_than: Some(200_000), ..all() }, false);
}

#[test]
fn disabled_rules_do_nothing() {
    let rules = only(LifecycleRule { enabled: false, expiration: expire(ExpirationTime::Days(1)), ..rule() });
    assert_eq!(rules.due_for_current(&object("2020-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn the_coldest_class_wins_and_nothing_warms_up() {
    let transition = |days, class| Transition { at: ExpirationTime::Days(days), class };
    let transitions = vec![
        transition(30, StorageClass::StandardIa),
        transition(60, StorageClass::Glacier),
        transition(90, StorageClass::DeepArchive),
    ];
    let rules = only(LifecycleRule { transitions, ..rule() });
    let check = |size: u64, class: StorageClass, now: &str, expect: Option<StorageClass>| {
        let settings = ObjectSettings { storage_class: class, ..ObjectSettings::default() };
        let object = Object { size, settings, ..object("2026-01-01T00:00:00Z") };
        let found = rules.due_for_current(&object, at(now)).map(|due| due.action);
        assert_eq!(found, expect.map(DueAction::Move), "{size} {class:?} {now}");
    };
    use StorageClass::{DeepArchive, Glacier, Standard, StandardIa};
    check(200_000, Standard, "2026-01-30T00:00:00Z", None);
    check(200_000, Standard, "2026-02-01T00:00:00Z", Some(StandardIa));
    check(200_000, StandardIa, "2026-02-01T00:00:00Z", None);
    check(200_000, Standard, "2026-03-10T00:00:00Z", Some(Glacier));
    check(200_000, Glacier, "2026-05-01T00:00:00Z", Some(DeepArchive));
    check(200_000, DeepArchive, "2026-05-01T00:00:00Z", None);
    check(100_000, Standard, "2026-05-01T00:00:00Z", None);
}

#[test]
fn small_objects_are_archived_only_where_asked_for() {
    let transition = Transition { at: ExpirationTime::Days(0), class: StorageClass::Glacier };
    let small = Object { size: 10, ..object("2026-01-01T00:00:00Z") };
    let now = at("2026-02-01T00:00:00Z");
    let base = LifecycleRule { transitions: vec![transition], ..rule() };
    assert_eq!(only(base.clone()).due_for_current(&small, now), None);
    let varies = Lifecycle { rules: vec![base.clone()], transition_minimum: TransitionMinimum::VariesByStorageClass };
    assert!(varies.due_for_current(&small, now).is_some());
    let sized = LifecycleFilter { larger_than: Some(1), ..LifecycleFilter::default() };
    assert!(only(LifecycleRule { filter: sized, ..base }).due_for_current(&small, now).is_some());
}

#[test]
fn the_newest_noncurrent_versions_are_kept() {
    let rules =
        only(LifecycleRule { noncurrent_expiration: Some(NoncurrentExpiration { days: 10, keep_newest: Some(2) }), ..rule() });
    let check = |since: &str, newer: usize, expect: bool| {
        let version = Object { noncurrent_since_ms: Some(ms(since)), ..object("2020-01-01T00:00:00Z") };
        assert_eq!(rules.due_for_noncurrent(&version, newer, at("2026-01-20T00:00:00Z")).is_some(), expect, "{since} {newer}");
    };
    check("2026-01-01T00:00:00Z", 1, false);
    check("2026-01-01T00:00:00Z", 2, true);
    check("2026-01-10T00:00:01Z", 2, false);
}

#[test]
fn lone_markers_and_uploads() {
    let marker = Object { delete_marker: true, size: 0, ..object("2026-01-01T00:00:00Z") };
    let now = at("2026-01-03T00:00:00Z");
    let lone = |expiration| only(LifecycleRule { expiration: Some(expiration), ..rule() }).due_for_lone_marker(&marker, now);
    assert!(lone(Expiration::LoneDeleteMarkers(true)).is_some());
    assert!(lone(Expiration::LoneDeleteMarkers(false)).is_none());
    assert!(lone(Expiration::At(ExpirationTime::Days(2))).is_some());
    assert!(lone(Expiration::At(ExpirationTime::Days(3))).is_none());
    let upload = |days| {
        only(LifecycleRule { abort_uploads_days: Some(days), ..rule() }).due_for_upload(
            &Upload {
                bucket: "b".into(),
                key: "logs/x".into(),
                id: "u".into(),
                started_ms: marker.last_modified_ms,
                initiator: "arn".into(),
                headers: crate::entity::ObjectHeaders::default(),
                checksum: None,
                encryption: None,
                customer_key: None,
                settings: ObjectSettings::default(),
            },
            now,
        )
    };
    assert!(upload(2).is_some());
    assert!(upload(3).is_none());
}
