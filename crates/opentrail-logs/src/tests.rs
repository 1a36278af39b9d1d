//! Events in, events out.

use super::*;
use crate::reader::Direction;
use opentrail_catalog::{Catalog, CatalogApplier, Changes};
use opentrail_eventlog::Applier;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000_000;

struct Fixture {
    _dir: tempfile::TempDir,
    catalog: Catalog,
    applier: CatalogApplier,
    puts: u64,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("opens");
        Self { _dir: dir, catalog, applier, puts: 0 }
    }

    fn put(&mut self, stream: &str, events: &[(i64, &str)]) {
        self.puts += 1;
        let input = events.iter().map(|(at, message)| InputEvent { timestamp: NOW + at, message: (*message).to_owned() });
        let accepted = accept(input.collect(), NOW, None).expect("accepted");
        let mut changes = Changes::new();
        for batch in LogBatch::pack("g", stream, &accepted.events, NOW, self.puts) {
            changes.put(&batch);
        }
        self.applier.apply(&[changes.encode()], self.puts).expect("applies");
    }

    fn page(&self, token: Option<&str>, limit: usize, start_from_head: bool) -> (Vec<String>, String, String) {
        let token = token.map(|token| token.parse().expect("a token"));
        let query = GetQuery { group_id: "g", stream_id: "s", start: None, end: None, limit, token, start_from_head };
        let got = get_events(&self.catalog, &query).expect("a page");
        let messages = got.events.into_iter().map(|event| event.message).collect();
        (messages, got.forward.to_string(), got.backward.to_string())
    }
}

fn stream(name: &str) -> LogStream {
    LogStream {
        group_id: "g".into(),
        name: name.into(),
        id: name.into(),
        created: 0,
        first_event: Some(0),
        last_event: Some(NOW * 2),
        last_ingestion: None,
    }
}

#[test]
fn ids_are_56_digits_that_sort_and_round_trip() {
    let ids = [
        EventId { timestamp: 1_432_826_855_000, ingestion: 1_432_826_855_100, call: 7, place: 0 },
        EventId { timestamp: 1_432_826_855_000, ingestion: 1_432_826_855_100, call: u64::MAX, place: 9 },
        EventId { timestamp: 1_800_000_000_000, ingestion: 5, call: 1 << 63, place: u16::MAX },
        EventId::before(0),
    ];
    for id in ids {
        assert_eq!(id.to_string().parse(), Ok(id), "{id}");
    }
    assert_eq!(ids[0].to_string().len(), 56);
    assert!(ids[0].to_string() < ids[1].to_string() && ids[1].to_string() < ids[2].to_string());
    for text in ["", "1", &"9".repeat(77), &"9".repeat(90), &format!("{}x", "1".repeat(55))] {
        assert!(text.parse::<EventId>().is_err(), "{text}");
    }
    for text in ["x", "f/1/s", "g/00000000000000000000000000000000000000000000000000000001/s", "f"] {
        assert_eq!(text.parse::<Token>(), Err(BadToken), "{text}");
    }
}

#[test]
fn what_a_call_may_bring() {
    let day = 86_400_000;
    let events =
        |times: &[i64]| times.iter().map(|at| InputEvent { timestamp: NOW + at, message: "x".into() }).collect::<Vec<_>>();
    let outcome = |times: &[i64], days| accept(events(times), NOW, days);
    assert_eq!(outcome(&[2, 1], None), Err(PutFault::Order));
    assert_eq!(outcome(&[0, day + 1], None), Err(PutFault::Span));
    assert_eq!(accept(vec![InputEvent { timestamp: NOW, message: String::new() }], NOW, None), Err(PutFault::Empty));
    let large = vec![InputEvent { timestamp: NOW, message: "x".repeat(MAX_EVENT_BYTES) }];
    assert!(accept(large.clone(), NOW, None).is_ok());
    assert!(matches!(accept([large.clone(), large].concat(), NOW, None), Err(PutFault::TooLarge { .. })));
    let kept = |times: &[i64], days| {
        let accepted = outcome(times, days).expect("accepted");
        (accepted.events.len(), accepted.rejected)
    };
    assert_eq!(kept(&[-5, 0, 7_200_000], None), (3, None));
    assert_eq!(kept(&[0, 7_200_001], None), (1, Some(Rejected { too_new_start: Some(1), ..Rejected::default() })));
    assert_eq!(kept(&[-14 * day - 1, -14 * day], None), (1, Some(Rejected { too_old_end: Some(1), ..Rejected::default() })));
    assert_eq!(kept(&[-day - 1, -day], Some(1)), (1, Some(Rejected { expired_end: Some(1), ..Rejected::default() })));
}

#[test]
fn pages_of_a_stream_go_both_ways_and_end_where_they_were() {
    let mut fixture = Fixture::new();
    fixture.put("s", &[(0, "a"), (1, "b"), (90_000, "d")]);
    fixture.put("s", &[(1, "c"), (200_000, "e")]);
    fixture.put("other", &[(0, "no")]);
    let (messages, forward, backward) = fixture.page(None, 2, false);
    assert_eq!(messages, ["d", "e"]);
    assert_eq!(fixture.page(Some(&forward), 2, true), (vec![], forward.clone(), forward.replace("f/", "b/")));
    let (messages, _, backward) = fixture.page(Some(&backward), 2, false);
    assert_eq!(messages, ["b", "c"]);
    let (messages, forward, backward) = fixture.page(Some(&backward), 9, false);
    assert_eq!(messages, ["a"]);
    assert_eq!(fixture.page(Some(&backward), 9, false).2, backward);
    assert_eq!(fixture.page(Some(&forward), 9, true).0, ["b", "c", "d", "e"]);
    let (messages, forward, _) = fixture.page(None, 3, true);
    assert_eq!(messages, ["a", "b", "c"]);
    let (messages, forward, _) = fixture.page(Some(&forward), 3, true);
    assert_eq!(messages, ["d", "e"]);
    fixture.put("s", &[(300_000, "f")]);
    assert_eq!(fixture.page(Some(&forward), 3, true).0, ["f"]);
}

#[test]
fn filtering_merges_streams_and_pages() {
    let mut fixture = Fixture::new();
    fixture.put("s", &[(0, "a1"), (2, "a2"), (70_000, "x")]);
    fixture.put("t", &[(1, "b1"), (3, "a3")]);
    let streams = [stream("s"), stream("t")];
    let page = |from, newest_first, end| {
        let wanted = |message: &str| message.contains('a');
        let (start, limit) = (Some(NOW), 2);
        let query = FilterQuery { group_id: "g", streams: &streams, start, end, limit, from, newest_first, wanted: &wanted };
        let found = filter_events(&fixture.catalog, &query).expect("a page");
        let shown = found.events.into_iter().map(|(stream, event)| format!("{} {}", streams[stream].name, event.message));
        (shown.collect::<Vec<_>>(), found.next)
    };
    let (first, next) = page(None, false, None);
    assert_eq!(first, ["s a1", "s a2"]);
    let (second, next) = page(next, false, None);
    assert_eq!((second, next), (vec!["t a3".to_owned()], None));
    let (newest, next) = page(None, true, None);
    assert_eq!(newest, ["t a3", "s a2"]);
    assert_eq!(page(next, true, None).0, ["s a1"]);
    assert_eq!(page(None, false, Some(NOW)).0, ["s a1"]);
}

#[test]
fn retention_lets_go_of_old_batches_only() {
    let mut fixture = Fixture::new();
    let day = 86_400_000;
    fixture.put("s", &[(-3 * day, "old"), (-3 * day + 1, "old")]);
    fixture.put("s", &[(-1, "new")]);
    let mut group = LogGroup {
        account: "1".into(),
        region: "r".into(),
        name: "n".into(),
        id: "g".into(),
        created: 0,
        retention_days: None,
        deletion_protection: false,
        tags: std::collections::BTreeMap::new(),
    };
    assert_eq!(expired(&fixture.catalog, &group, &stream("s"), NOW).expect("looks"), Expired::default());
    group.retention_days = Some(1);
    let found = expired(&fixture.catalog, &group, &stream("s"), NOW).expect("looks");
    assert_eq!((found.keys.len(), found.more), (1, false));
    assert_eq!(expired(&fixture.catalog, &group, &stream("s"), NOW - 3 * day).expect("looks").keys.len(), 0);
}

#[test]
fn names() {
    for (name, expect) in [("a/b-c_d.e#1", true), ("", false), ("a b", false), ("a:b", false), (&*"x".repeat(513), false)] {
        assert_eq!(is_group_name(name), expect, "{name}");
    }
    for (name, expect) in [("123_CloudTrail_us-east-1", true), ("a b/c", true), ("a:b", false), ("a*", false), ("", false)] {
        assert_eq!(is_stream_name(name), expect, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the calls bring, reading either way gives every event once, in order.
    #[test]
    fn reading_gives_everything_once(
        calls in prop::collection::vec(prop::collection::vec(0i64..400_000, 1..12), 1..14),
        from in 0i64..400_000,
    ) {
        let mut fixture = Fixture::new();
        for times in &calls {
            let mut times = times.clone();
            times.sort_unstable();
            let events: Vec<(i64, &str)> = times.iter().map(|at| (*at, "m")).collect();
            fixture.put("s", &events);
        }
        let after = EventId::before(NOW + from);
        let mut expect: Vec<i64> = calls.iter().flatten().copied().filter(|at| *at >= from).map(|at| NOW + at).collect();
        expect.sort_unstable();
        for direction in [Direction::Forward, Direction::Backward] {
            let end = EventId::after(NOW * 2);
            let mut reader = reader::StreamReader::new(&fixture.catalog, "g", "s", direction, after, end);
            let mut found = Vec::new();
            while let Some(event) = reader.next().expect("reads") {
                found.push(event.timestamp());
            }
            if direction == Direction::Backward {
                found.reverse();
            }
            prop_assert_eq!(&found, &expect);
        }
    }
}
