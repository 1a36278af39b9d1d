use super::*;
use crate::query::Field;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

#[test]
fn the_newest_are_kept_in_order() {
    let mut newest = Newest::new(3);
    let start = datetime!(2026-01-01 0:00 UTC);
    for (minutes, name) in [(1, "a"), (5, "b"), (5, "c"), (3, "d"), (9, "e")] {
        newest.push(Some(start + Duration::minutes(minutes)), name);
    }
    newest.push(None, "f");
    assert_eq!(newest.came(), 6);
    assert_eq!(newest.into_sorted(), ["e", "b", "c"]);
}

#[test]
fn tables_align_and_are_harmless() {
    let mut out = Vec::new();
    let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
    let rows = [row(["a\u{1b}[2J", "1"]), row(["bb", &"x".repeat(100)])];
    table::write(&mut out, &row(["name", "n"]), &rows).expect("written");
    let expect = format!("name         n\na\\u001b[2J  1\nbb           {}…\n", "x".repeat(59));
    let expect = expect.replace("name         n", "name        n").replace("bb           ", "bb          ");
    assert_eq!(String::from_utf8(out).expect("text"), expect);
}

#[test]
fn charts_have_bars() {
    let mut out = Vec::new();
    let lines = [("alice".to_owned(), 80), ("bo".to_owned(), 1), ("none".to_owned(), 0)];
    chart::write(&mut out, &lines).expect("written");
    let expect = format!("alice  80  {}\nbo      1  ▌\nnone    0\n", "█".repeat(40));
    assert_eq!(String::from_utf8(out).expect("text"), expect);
}

#[test]
fn counts_are_sorted() {
    let mut counts = Counts::default();
    for value in ["b", "a", "b", "c"] {
        counts.add(vec![value.to_owned()]);
    }
    let expect = [("b", 2), ("a", 1), ("c", 1)].map(|(value, count)| (vec![value.to_owned()], count));
    assert_eq!(counts.into_sorted(), expect);
}

#[test]
fn histograms_choose_their_width() {
    let at = |times: &[OffsetDateTime]| {
        let mut histogram = Histogram::default();
        times.iter().for_each(|time| histogram.add(Some(*time)));
        histogram.labelled_bars()
    };
    let start = datetime!(2026-01-01 10:00:30 UTC);
    assert_eq!(at(&[]), []);
    let bars = at(&[start, start + Duration::minutes(2), start + Duration::minutes(2)]);
    let expect = [("2026-01-01T10:00:00Z", 1), ("2026-01-01T10:01:00Z", 0), ("2026-01-01T10:02:00Z", 2)];
    assert_eq!(bars, expect.map(|(time, count)| (time.to_owned(), count)));
    assert_eq!(at(&[start, start + Duration::days(1)]).len(), 25 + 24 - 24);
    assert_eq!(at(&[start, start + Duration::days(7)]).len(), 29);
    let mut long = Histogram::default();
    (0..300_000).for_each(|minutes| long.add(Some(start + Duration::minutes(minutes))));
    long.add(None);
    let bars = long.bars();
    assert!(bars.len() <= crate::limits::HISTOGRAM_BARS);
    assert_eq!(bars.iter().map(|(_, count)| count).sum::<u64>(), 300_000);
    assert_eq!(long.without_time(), 1);
    assert!(at(&[datetime!(0001-01-01 0:00 UTC), datetime!(9999-01-01 0:00 UTC)]).len() < 1100);
}

#[test]
fn json_is_compact_and_unchanged() {
    let check = |json: &str, expect: &str| assert_eq!(json::compact(json.as_bytes()), expect.as_bytes());
    check("{\n \"a b\" : 1.50E3 ,\t\"c\\\" \": [ ] }", "{\"a b\":1.50E3,\"c\\\" \":[]}");
    check("{\"a\":1}", "{\"a\":1}");
    let fields: Vec<Field> = ["user", "requestParameters.a", "errorCode"].iter().filter_map(|name| Field::named(name)).collect();
    let record = br#"{"userIdentity":{"userName":"x\"y"},"requestParameters":{"a":[1,{"b": 2}]}}"#;
    let values = crate::matching::Extractor::new(fields.clone()).values(record, 10);
    assert_eq!(json::object_of(&fields, &values), r#"{"user":"x\"y","requestParameters.a":[1,{"b":2}],"errorCode":null}"#);
}
