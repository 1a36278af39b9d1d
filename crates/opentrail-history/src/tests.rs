//! The history as a whole: what is found, in which order, and what survives crashes.

use crate::{Attribute, Cursor, History, HistoryConfig, HistorySink, Lookup, Skipped};
use bytes::Bytes;
use opentrail_eventlog::{Entry, Event, LoggedEntry, Sink};
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
        insight: false,
        attribute: None,
        start: None,
        end: None,
        limit: 1_000_000,
        after: None,
    }
}

fn by(attribute: Attribute, value: &str) -> Lookup {
    Lookup { attribute: Some((attribute, value.to_owned())), ..all() }
}

fn positions(history: &History, lookup: &Lookup) -> Vec<u64> {
    history.lookup(lookup).unwrap().iter().map(|found| found.position).collect()
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
    check(Lookup { insight: true, ..all() }, &[4]);
    check(Lookup { insight: true, ..by(Attribute::EventName, "RunInstances") }, &[4]);
    check(Lookup { region: "eu-west-1".into(), ..all() }, &[]);
    check(Lookup { account: "111122223334".into(), ..all() }, &[]);
    check(Lookup { limit: 0, ..all() }, &[]);
    assert_eq!((history.count(), history.end()), (5, 6));
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
    let day = time::Duration::days(1);
    // Five days in turn: two have writers, three wait.
    let events: Vec<_> = (1..=60).map(|n| event(n, NOON + day * i32::try_from(n % 5).unwrap())).collect();
    for crash_after in [0, 1, 7, 30, 59, 60] {
        let (mut sink, history) = open(&dir);
        let from = sink.cursor();
        let rest = |from: u64| events.iter().filter(move |e| e.position >= from).cloned().collect::<Vec<_>>();
        let some: Vec<_> = rest(from).into_iter().take_while(|e| e.position <= crash_after).collect();
        sink.apply(&some).unwrap();
        if crash_after == 30 {
            sink.commit(31).unwrap();
        }
        drop((sink, history));
        if crash_after == 59 {
            // The slices were committed and the cursor was not.
            let (mut sink, _) = open(&dir);
            let cursor = std::fs::read(dir.path().join("cursor.json")).unwrap();
            sink.apply(&rest(sink.cursor())[..10]).unwrap();
            sink.commit(41).unwrap();
            drop(sink);
            std::fs::write(dir.path().join("cursor.json"), cursor).unwrap();
        }
    }
    let (mut sink, history) = open(&dir);
    assert_eq!(sink.cursor(), 31);
    sink.apply(&events[30..]).unwrap();
    sink.commit(61).unwrap();
    let mut found = positions(&history, &all());
    found.sort_unstable();
    assert_eq!(found, (1..=60).collect::<Vec<_>>());
    assert_eq!((history.count(), history.end()), (60, 61));
}

#[test]
fn rollback_forgets_what_was_not_committed() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    sink.apply(&[event(1, NOON)]).unwrap();
    sink.commit(2).unwrap();
    sink.apply(&[event(2, NOON)]).unwrap();
    sink.rollback();
    assert_eq!(sink.cursor(), 2);
    sink.apply(&[event(2, NOON), event(3, NOON)]).unwrap();
    sink.commit(4).unwrap();
    assert_eq!(positions(&history, &all()), [3, 2, 1]);
}

#[test]
fn a_lost_slice_is_filled_again_from_the_log() {
    let dir = TempDir::new().unwrap();
    let events = [event(1, NOON - seconds(86_400)), event(2, NOON)];
    let (mut sink, history) = open(&dir);
    sink.apply(&events).unwrap();
    sink.commit(3).unwrap();
    drop((sink, history));
    std::fs::remove_dir_all(dir.path().join("2024-05-09")).unwrap();
    std::fs::write(dir.path().join("2024-05-10/meta.json"), "torn").unwrap();
    let (mut sink, history) = open(&dir);
    assert_eq!(sink.cursor(), 0);
    assert!(dir.path().join("2024-05-10.damaged").exists());
    assert_eq!(sink.start_from(1), 0);
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
fn expired_slices_go_and_late_events_find_their_own() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let days = |n| time::Duration::days(n);
    sink.apply(&[event(1, NOON), event(2, NOON + days(1)), event(3, NOON + days(2))]).unwrap();
    sink.commit(4).unwrap();
    let late = |position, at| entry(position, NOON + days(2), record(at, position).to_string());
    sink.apply(&[late(4, NOON), late(5, NOON - days(100)), late(6, NOON + days(1))]).unwrap();
    sink.commit(7).unwrap();
    assert_eq!(positions(&history, &all()), [3, 6, 2, 4, 1]);
    assert_eq!(sink.skipped(), Skipped { broken: 0, expired: 1 });

    // The day of the oldest events is over 90 days after its last second, not before.
    assert_eq!(sink.drop_expired(datetime!(2024-08-08 23:59:59 UTC)), 0);
    assert_eq!(sink.drop_expired(datetime!(2024-08-09 00:00 UTC)), 1);
    assert!(!dir.path().join("2024-05-10").exists());
    assert_eq!(positions(&history, &all()), [3, 6, 2]);
    // Commits drop too, by the time at which entries were written.
    sink.apply(&[event(7, NOON + days(92))]).unwrap();
    sink.commit(8).unwrap();
    assert_eq!(positions(&history, &all()), [7, 3]);
    drop(sink);
    let (sink, history) = open(&dir);
    assert_eq!((sink.cursor(), history.count()), (8, 2));
}

#[test]
fn odd_records_stop_nothing() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let mut long = record(NOON, 3);
    long["eventName"] = json!("x".repeat(70_000));
    long["userIdentity"]["userName"] = json!("ü".repeat(2_000));
    let mut dateless = record(NOON, 4);
    dateless["eventTime"] = json!("2022-11-21 18:06:52");
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
fn closed_and_merged_slices_keep_their_position_and_their_answers() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    for n in 1..=40 {
        sink.apply(&[event(n, NOON + seconds(n))]).unwrap();
        sink.commit(n + 1).unwrap();
        assert_eq!(positions(&history, &all()).len() as u64, n);
    }
    // Two hours later, in another slice, the first one's writer is idle, closed and merged.
    sink.apply(&[event(41, NOON + seconds(86_400))]).unwrap();
    sink.commit(42).unwrap();
    drop(sink);
    let segments = |dir: &TempDir| {
        let files = std::fs::read_dir(dir.path().join("2024-05-10")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "store")).count()
    };
    // 36 documents and 4, not 5 segments: merging those two would not pay.
    assert_eq!(segments(&dir), 2);
    assert_eq!(positions(&history, &all()), (1..=41).rev().collect::<Vec<_>>());
    std::fs::remove_file(dir.path().join("cursor.json")).unwrap();
    let (mut sink, history) = open(&dir);
    assert_eq!(sink.cursor(), 0);
    let again: Vec<_> = (1..=40).map(|n| event(n, NOON + seconds(n))).collect();
    sink.apply(&again).unwrap();
    sink.commit(41).unwrap();
    assert_eq!(positions(&history, &all()), (1..=41).rev().collect::<Vec<_>>());
}
