//! The history as a whole: what is found, in which order, and what survives crashes.

mod equivalence;
mod hostile;

use crate::{Attribute, Cursor, History, HistoryConfig, HistoryErrorKind, HistorySink, Lookup, Scope, Search, Skipped};
use bytes::Bytes;
use opentrail_eventlog::{Entry, Event, LoggedEntry, Sink};
use opentrail_query::{Field, Query};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

const NOON: OffsetDateTime = datetime!(2024-05-10 12:00 UTC);

fn open(dir: &TempDir) -> (HistorySink, History) {
    crate::open(HistoryConfig::new(dir.path().to_owned())).unwrap()
}

fn record(at: OffsetDateTime, id: u64) -> Value {
    json!({
        "eventID": format!("id-{id}"), "eventName": "CreateTrail", "eventSource": "cloudtrail.amazonaws.com",
        "eventTime": opentrail_model::timestamp::event_time(at), "eventCategory": "Management", "readOnly": id.is_multiple_of(2),
        "userIdentity": {"type": "IAMUser", "userName": "Alice", "accessKeyId": "AKIA1"},
        "requestParameters": {"name": "trail-1", "s3BucketName": "bucket"},
    })
}

fn entry(position: u64, written: OffsetDateTime, record: impl Into<Bytes>) -> LoggedEntry {
    let event = Event { account: "111122223333".into(), region: "us-east-1".into(), record: record.into() };
    let written_ms = u64::try_from(written.unix_timestamp()).unwrap() * 1000;
    LoggedEntry { position, written_ms, entry: Entry { events: vec![event], ..Entry::default() } }
}

/// An event of the time at which it is written.
fn event(position: u64, at: OffsetDateTime) -> LoggedEntry {
    entry(position, at, record(at, position).to_string())
}

fn all() -> Lookup {
    Lookup {
        account: "111122223333".into(),
        region: "us-east-1".into(),
        category: Some("Management".into()),
        attributes: Vec::new(),
        start: None,
        end: None,
        limit: 1_000_000,
        after: None,
    }
}

fn by(attribute: Attribute, value: &str) -> Lookup {
    Lookup { attributes: vec![(attribute, value.to_owned())], ..all() }
}

fn positions(history: &History, lookup: &Lookup) -> Vec<u64> {
    history.lookup(lookup).unwrap().iter().map(|found| found.position).collect()
}

fn day(n: i64) -> time::Duration {
    time::Duration::days(n)
}

fn seconds(n: u64) -> time::Duration {
    time::Duration::seconds(i64::try_from(n).unwrap())
}

#[test]
fn each_attribute_finds_exactly_its_events() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let mut other = record(NOON, 3);
    other["eventName"] = json!("createtrail");
    other["userIdentity"] = json!({"type": "AWSService"});
    let insight =
        json!({"eventID": "in", "eventCategory": "Insight", "eventName": "RunInstances", "eventTime": "2024-05-10T12:00:00Z"});
    let data = json!({"eventID": "d", "eventCategory": "Data", "eventName": "CreateTrail", "eventTime": "2024-05-10T12:00:00Z"});
    sink.apply(&[
        event(1, NOON),
        event(2, NOON),
        entry(3, NOON, other.to_string()),
        entry(4, NOON, insight.to_string()),
        entry(5, NOON, data.to_string()),
    ])
    .unwrap();
    sink.commit(6).unwrap();
    let check = |lookup: Lookup, expect: &[u64]| assert_eq!(positions(&history, &lookup), expect, "{lookup:?}");
    check(all(), &[3, 2, 1]);
    check(by(Attribute::EventId, "id-2"), &[2]);
    check(by(Attribute::EventId, "ID-2"), &[]);
    check(by(Attribute::EventName, "CreateTrail"), &[2, 1]);
    check(by(Attribute::ReadOnly, "true"), &[2]);
    check(by(Attribute::ReadOnly, "false"), &[3, 1]);
    check(by(Attribute::Username, "Alice"), &[2, 1]);
    check(by(Attribute::Username, "Alic"), &[]);
    check(by(Attribute::ResourceType, "AWS::S3::Bucket"), &[3, 2, 1]);
    check(by(Attribute::ResourceName, "trail-1"), &[3, 2, 1]);
    check(by(Attribute::EventSource, "cloudtrail.amazonaws.com"), &[3, 2, 1]);
    check(by(Attribute::AccessKeyId, "AKIA1"), &[2, 1]);
    check(by(Attribute::EventId, "d"), &[]);
    check(Lookup { category: Some("Insight".into()), ..all() }, &[4]);
    check(Lookup { category: Some("Insight".into()), ..by(Attribute::EventName, "RunInstances") }, &[4]);
    check(Lookup { region: "eu-west-1".into(), ..all() }, &[]);
    check(Lookup { account: "111122223334".into(), ..all() }, &[]);
    check(Lookup { limit: 0, ..all() }, &[]);
    assert_eq!((history.count(), history.end()), (5, 6));
    check(Lookup { category: None, ..all() }, &[5, 4, 3, 2, 1]);
    let both = vec![(Attribute::Username, "Alice".to_owned()), (Attribute::ReadOnly, "true".to_owned())];
    check(Lookup { attributes: both, ..all() }, &[2]);
    let search = |query: &str| {
        let query = opentrail_query::Query::parse(query).unwrap();
        let page = history.search(&crate::Search::newest(query, 10)).unwrap();
        page.events.iter().map(|found| found.position).collect::<Vec<_>>()
    };
    assert_eq!(search("eventCategory:(Data OR Insight)"), [5, 4]);
    assert_eq!(search("alice NOT readOnly:true"), [1]);
    assert_eq!(history.lookup(&by(Attribute::EventId, "id-1")).unwrap()[0].record, record(NOON, 1).to_string());
}

#[test]
fn both_ends_are_included() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    // Across midnight, that is across slices.
    let midnight = datetime!(2024-05-11 00:00 UTC);
    sink.apply(&[event(1, midnight - seconds(1)), event(2, midnight), event(3, midnight + seconds(1))]).unwrap();
    sink.commit(4).unwrap();
    let between = |start, end| positions(&history, &Lookup { start: Some(start), end: Some(end), ..all() });
    assert_eq!(between(midnight, midnight), [2]);
    assert_eq!(between(midnight - seconds(1), midnight + seconds(1)), [3, 2, 1]);
    assert_eq!(between(midnight - seconds(1), midnight), [2, 1]);
    assert_eq!(between(midnight + seconds(2), midnight + seconds(9)), Vec::<u64>::new());
}

#[test]
fn pages_are_stable_while_events_arrive() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    // Many events a second, out of order, over two slices, enough for several blocks and long posting lists.
    let at = |n: u64| datetime!(2024-05-10 23:00 UTC) + seconds((n * 7919) % 7200);
    let events: Vec<_> = (1..=6_000).map(|n| event(n, at(n))).collect();
    sink.apply(&events).unwrap();
    sink.commit(6_001).unwrap();
    let mut expect: Vec<_> = (1..=6_000).filter(|n| n % 2 == 0).map(|n| (at(n).unix_timestamp(), n)).collect();
    expect.sort_unstable_by(|a, b| b.cmp(a));

    let mut seen = Vec::new();
    let mut after: Option<Cursor> = None;
    let mut next = 6_001;
    loop {
        let page = history.lookup(&Lookup { limit: 50, after, ..by(Attribute::ReadOnly, "true") }).unwrap();
        seen.extend(page.iter().map(|found| (found.time, found.position)));
        let Some(last) = page.last() else { break };
        after = Some(last.cursor());
        if seen.len() % 500 == 0 {
            sink.apply(&[event(next, datetime!(2024-05-11 01:00 UTC))]).unwrap();
            next += 1;
            sink.commit(next).unwrap();
        }
    }
    assert_eq!(seen, expect);
}

#[test]
fn a_crash_leaves_no_duplicate_and_no_hole() {
    let dir = TempDir::new().unwrap();
    // Five days in turn, some of which are written to disk and some not when it ends.
    let events: Vec<_> = (1..=60).map(|n| event(n, NOON + day(i64::try_from(n % 5).unwrap()))).collect();
    let mut last = 0;
    for crash_after in [0, 1, 7, 30, 44, 59, 60] {
        let (mut sink, history) = open(&dir);
        let from = sink.cursor();
        assert!(from <= last + 1);
        for event in events.iter().filter(|event| event.position >= from && event.position <= crash_after) {
            sink.apply(std::slice::from_ref(event)).unwrap();
            match event.position {
                // One day alone, and all of them.
                11 | 23 | 41 => sink.flush_day((NOON + day(2)).date()).unwrap(),
                28 => sink.flush_all().unwrap(),
                _ => {}
            }
        }
        sink.commit(crash_after + 1).unwrap();
        let mut found = positions(&history, &all());
        found.sort_unstable();
        assert_eq!(found, (1..=crash_after).collect::<Vec<_>>());
        assert_eq!((history.count(), history.end()), (crash_after, crash_after + 1));
        last = crash_after;
    }
    // Files of an unfinished job do not count.
    std::fs::write(dir.path().join("2024-05-10/00000000000000000099.seg"), "torn").unwrap();
    std::fs::write(dir.path().join("2024-05-10/00000000000000000098.new"), "torn").unwrap();
    let (sink, history) = open(&dir);
    assert_eq!(sink.cursor(), history.flushed());
    assert!(!dir.path().join("2024-05-10/00000000000000000099.seg").exists());
    assert!(!dir.path().join("2024-05-10/00000000000000000098.new").exists());
}

#[test]
fn rollback_begins_again_at_what_is_on_disk() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    sink.apply(&[event(1, NOON)]).unwrap();
    sink.flush_all().unwrap();
    sink.apply(&[event(2, NOON)]).unwrap();
    sink.commit(3).unwrap();
    assert_eq!((sink.cursor(), history.flushed()), (3, 2));
    sink.rollback();
    assert_eq!(sink.cursor(), 2);
    assert_eq!(positions(&history, &all()), [1]);
    sink.apply(&[event(2, NOON), event(3, NOON)]).unwrap();
    sink.commit(4).unwrap();
    assert_eq!(positions(&history, &all()), [3, 2, 1]);
}

/// The only segment of a day.
fn segment(dir: &TempDir, day: &str) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(dir.path().join(day)).unwrap().map(|file| file.unwrap().path());
    let found = files.find(|path| path.extension().is_some_and(|ending| ending == "seg")).unwrap();
    assert!(!files.any(|path| path.extension().is_some_and(|ending| ending == "seg")));
    found
}

#[test]
fn lost_segments_are_filled_again_from_the_log() {
    let dir = TempDir::new().unwrap();
    let events = [event(1, NOON - day(2)), event(2, NOON - day(1)), event(3, NOON), event(4, NOON - day(2))];
    let (mut sink, history) = open(&dir);
    sink.apply(&events).unwrap();
    sink.flush_all().unwrap();
    drop((sink, history));
    std::fs::remove_file(segment(&dir, "2024-05-09")).unwrap();
    std::fs::write(segment(&dir, "2024-05-10"), "torn").unwrap();
    let (mut sink, history) = open(&dir);
    assert_eq!(sink.cursor(), 2);
    assert_eq!(history.flushed(), 2);
    assert!(
        std::fs::read_dir(dir.path().join("2024-05-10")).unwrap().any(|file| file
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "damaged"))
    );
    assert_eq!(positions(&history, &all()), [4, 1]);
    sink.apply(&events).unwrap();
    sink.commit(5).unwrap();
    assert_eq!(positions(&history, &all()), [3, 2, 4, 1]);
    sink.flush_all().unwrap();
    drop((sink, history));
    let (sink, history) = open(&dir);
    assert_eq!((sink.cursor(), history.count()), (5, 4));
}

#[test]
fn damage_that_a_search_meets_is_repaired() {
    let dir = TempDir::new().unwrap();
    let events = [event(1, NOON), event(2, NOON)];
    let (mut sink, history) = open(&dir);
    sink.start_from_log(|| 1);
    sink.apply(&events).unwrap();
    sink.flush_all().unwrap();
    let path = segment(&dir, "2024-05-10");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(history.lookup(&all()).unwrap_err().kind(), HistoryErrorKind::Damaged);
    // As the pump does.
    sink.commit(3).unwrap_err();
    sink.rollback();
    assert_eq!(sink.cursor(), 1);
    sink.apply(&events).unwrap();
    sink.commit(3).unwrap();
    assert_eq!(positions(&history, &all()), [2, 1]);
}

#[test]
fn a_trimmed_log_moves_the_cursor_and_says_what_is_lost() {
    let dir = TempDir::new().unwrap();
    let (mut sink, _) = open(&dir);
    assert_eq!(sink.start_from(1), 0);
    assert_eq!(sink.start_from(11), 10);
    assert_eq!(sink.cursor(), 11);
    assert_eq!(sink.start_from(5), 0);
    assert_eq!(sink.cursor(), 11);
}

#[test]
fn expired_days_go_and_late_events_find_their_own() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    sink.apply(&[event(1, NOON), event(2, NOON + day(1)), event(3, NOON + day(2))]).unwrap();
    sink.flush_all().unwrap();
    let late = |position, at| entry(position, NOON + day(2), record(at, position).to_string());
    sink.apply(&[late(4, NOON), late(5, NOON - day(100)), late(6, NOON + day(1))]).unwrap();
    sink.commit(7).unwrap();
    assert_eq!(positions(&history, &all()), [3, 6, 2, 4, 1]);
    assert_eq!(sink.skipped(), Skipped { broken: 0, expired: 1 });

    // The day of the oldest events goes 90 days after its last second, its events are hidden 90 days after their own.
    assert_eq!(sink.drop_expired(datetime!(2024-08-08 12:00:00 UTC)), 0);
    assert_eq!(positions(&history, &all()), [3, 6, 2, 4, 1]);
    assert_eq!(sink.drop_expired(datetime!(2024-08-08 12:00:01 UTC)), 0);
    assert_eq!(positions(&history, &all()), [3, 6, 2]);
    assert_eq!(sink.drop_expired(datetime!(2024-08-09 00:00 UTC)), 1);
    assert!(!dir.path().join("2024-05-10").exists());
    // Commits drop too, by the time at which entries were written.
    sink.apply(&[event(7, NOON + day(92))]).unwrap();
    sink.commit(8).unwrap();
    assert_eq!(positions(&history, &all()), [7, 3]);
    sink.flush_all().unwrap();
    drop(sink);
    let (sink, history) = open(&dir);
    assert_eq!((sink.cursor(), history.count()), (8, 2));
}

#[test]
fn what_waits_long_is_written() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    sink.apply(&[event(1, NOON)]).unwrap();
    sink.commit(2).unwrap();
    assert_eq!(history.flushed(), 0);
    sink.apply(&[event(2, NOON + seconds(31 * 60))]).unwrap();
    sink.commit(3).unwrap();
    drop(sink);
    assert_eq!(history.flushed(), 3);
}

#[test]
fn what_is_of_another_version_is_made_again() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("cursor.json"), r#"{"format":2,"position":9,"slices":["2024-05-10"]}"#).unwrap();
    std::fs::create_dir(dir.path().join("2024-05-10")).unwrap();
    std::fs::write(dir.path().join("2024-05-10/meta.json"), "{}").unwrap();
    let (mut sink, history) = open(&dir);
    assert_eq!((sink.cursor(), history.count()), (0, 0));
    assert!(!dir.path().join("2024-05-10").exists());
    sink.apply(&[event(1, NOON)]).unwrap();
    sink.flush_all().unwrap();
    drop((sink, history));
    std::fs::write(dir.path().join("manifest.json"), "torn").unwrap();
    let (sink, _) = open(&dir);
    assert_eq!(sink.cursor(), 0);
    assert!(dir.path().join("2024-05-10.damaged").exists());
}

#[test]
fn events_are_known_by_their_ids() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let mut uuid = record(NOON, 1);
    uuid["eventID"] = json!("0123456f-89ab-cdef-0123-456789abcde0");
    sink.apply(&[entry(1, NOON, uuid.to_string()), event(2, NOON)]).unwrap();
    for flushed in [false, true] {
        if flushed {
            sink.flush_all().unwrap();
        }
        let ids = [
            (Some(NOON), "0123456f-89ab-cdef-0123-456789abcde0"),
            (None, "id-2"),
            (Some(NOON + day(3)), "id-2"),
            (Some(NOON), "ID-2"),
            (None, "0123456f-89ab-cdef-0123-456789abcde1"),
        ];
        assert_eq!(history.contains_event_ids("111122223333", &ids).unwrap(), [true, true, false, false, false]);
        assert_eq!(history.contains_event_ids("111122223334", &ids).unwrap(), [false; 5]);
    }
}

#[test]
fn accounts_see_their_own() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let mut other = entry(2, NOON, record(NOON, 2).to_string());
    other.entry.events[0].account = "444455556666".into();
    let mut region = entry(3, NOON, record(NOON, 3).to_string());
    region.entry.events[0].region = "eu-west-1".into();
    sink.apply(&[event(1, NOON), other, region]).unwrap();
    for flushed in [false, true] {
        if flushed {
            sink.flush_all().unwrap();
        }
        let check = |scope: Scope, region: Option<&str>, expect: &[u64]| {
            let q = Search { scope, region: region.map(str::to_owned), ..Search::newest(Query::all(), 9) };
            let found: Vec<u64> = history.search(&q).unwrap().events.iter().map(|event| event.position).collect();
            assert_eq!(found, expect);
            assert_eq!(history.histogram(&q, 9).unwrap().events, expect.len() as u64);
        };
        check(Scope::All, None, &[3, 2, 1]);
        check(Scope::All, Some("us-east-1"), &[2, 1]);
        check(Scope::Account("111122223333".into()), None, &[3, 1]);
        check(Scope::Account("111122223333".into()), Some("eu-west-1"), &[3]);
        check(Scope::Account("11112222333".into()), None, &[]);
        let values =
            |account: &str| history.values(&Scope::Account(account.into()), &Field::named("id").unwrap(), "id", 9).unwrap();
        assert_eq!(values("444455556666"), [("id-2".to_owned(), 1)]);
    }
}

#[test]
fn searches_that_ask_too_much_are_refused() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let events: Vec<_> = (1..=2_000).map(|n| event(n, NOON + seconds(n))).collect();
    sink.apply(&events).unwrap();
    sink.flush_all().unwrap();
    let terms: Vec<String> = (0..800).map(|n| format!("*{n}?x*")).collect();
    let query = Query::parse(&terms.join(" ")).unwrap();
    let error = history.search(&Search::newest(query, 10));
    // It is answered or refused, in bounded time either way.
    assert!(error.is_ok() || matches!(error.unwrap_err().kind(), HistoryErrorKind::FixRequest));
}

/// What version 4 wrote, 40 events in one segment without columns, is read, added to, and merged.
#[test]
fn segments_of_the_version_before_are_read_and_merged() {
    let dir = TempDir::new().unwrap();
    let old = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/version-4");
    std::fs::create_dir(dir.path().join("2024-05-10")).unwrap();
    for file in ["manifest.json", "2024-05-10/00000000000000000001.seg"] {
        std::fs::copy(old.join(file), dir.path().join(file)).unwrap();
    }
    let config = HistoryConfig { retention: day(36_500), ..HistoryConfig::new(dir.path().to_owned()) };
    let (mut sink, history) = crate::open(config.clone()).unwrap();
    assert_eq!((sink.cursor(), history.count()), (41, 40));
    let count = |history: &History, fields: &[&str]| {
        let fields: Vec<Field> = fields.iter().filter_map(|name| Field::named(name)).collect();
        let counts = history.count_by(&Search::newest(Query::parse("source:s3 user:alice").unwrap(), 0), &fields, 2).unwrap();
        counts.rows.into_iter().map(|row| (row.values.join(" "), row.count)).collect::<Vec<_>>()
    };
    let expect = [("DeleteBucket alice".to_owned(), 7), ("GetObject alice".to_owned(), 7)];
    assert_eq!(count(&history, &["event", "user"]), expect);
    for n in 41..=60 {
        sink.apply(&[event(n, NOON + seconds(n))]).unwrap();
        sink.flush_all().unwrap();
    }
    sink.commit(61).unwrap();
    drop(sink);
    assert!(!dir.path().join("2024-05-10/00000000000000000001.seg").exists(), "it was merged");
    let (_sink, history) = crate::open(config).unwrap();
    assert_eq!((history.count(), count(&history, &["event", "user"])), (60, expect.into()));
}

#[test]
fn odd_records_stop_nothing() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let mut long = record(NOON, 3);
    long["eventName"] = json!("x".repeat(70_000));
    long["userIdentity"]["userName"] = json!("ü".repeat(2_000));
    let mut dateless = record(NOON, 4);
    dateless["eventTime"] = json!("the day before");
    let mut far_ahead = record(NOON, 5);
    far_ahead["eventTime"] = json!("9999-01-01T00:00:00Z");
    let mut precise = record(NOON, 6);
    precise["eventTime"] = json!("2024-05-10T11:59:59.123456789Z");
    sink.apply(&[
        entry(1, NOON, "[1]"),
        entry(2, NOON, "{\"eventID\":"),
        entry(3, NOON, long.to_string()),
        entry(4, NOON, dateless.to_string()),
        entry(5, NOON, far_ahead.to_string()),
        entry(6, NOON, precise.to_string()),
        entry(7, NOON, "{}"),
    ])
    .unwrap();
    sink.commit(8).unwrap();
    assert_eq!(sink.skipped(), Skipped { broken: 2, expired: 0 });
    assert_eq!(positions(&history, &all()), [7, 5, 4, 3, 6]);
    assert_eq!(positions(&history, &by(Attribute::Username, &"ü".repeat(2_000))), [3]);
    assert_eq!(positions(&history, &by(Attribute::EventName, &"x".repeat(70_000))), Vec::<u64>::new());
}

#[test]
fn merged_segments_keep_their_answers() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    for n in 1..=40 {
        sink.apply(&[event(n, NOON + seconds(n * 7 % 40))]).unwrap();
        sink.flush_all().unwrap();
        assert_eq!(positions(&history, &all()).len() as u64, n);
    }
    drop(sink);
    let segments = std::fs::read_dir(dir.path().join("2024-05-10")).unwrap().count();
    assert!(segments < 10, "{segments}");
    let (sink, history) = open(&dir);
    assert_eq!(sink.cursor(), 41);
    let mut expect: Vec<u64> = (1..=40).collect();
    expect.sort_by_key(|n| std::cmp::Reverse((n * 7 % 40, *n)));
    assert_eq!(positions(&history, &all()), expect);
    assert_eq!(positions(&history, &by(Attribute::EventId, "id-17")), [17]);
}
