//! Whatever is asked, the index answers what putting the query to every record answers.

use super::{NOON, entry, open, seconds};
use crate::{Cursor, History, HistorySink, Order, Scope, Search};
use opentrail_eventlog::Sink;
use opentrail_query::matching::{Extractor, Matcher, Scratch};
use opentrail_query::{Field, Query};
use std::collections::BTreeMap;
use std::io::Read;
use tempfile::TempDir;

/// Numbers that look random.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % sides as u64).unwrap()
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

const KEYS: [&str; 14] = [
    "eventName",
    "EventName",
    "userIdentity",
    "requestParameters",
    "resources",
    "a",
    "A",
    "a.b",
    "b",
    "",
    "tags",
    "arn",
    "principalId",
    "errorCode",
];
const TEXTS: [&str; 30] = [
    "alice",
    "Alice",
    "user/alice",
    "arn:aws:iam::123456789012:user/Alice",
    "AROA:alice",
    "Root",
    "root",
    "10.0.0.7",
    "10.1.2.3/8",
    "2001:db8::1",
    "",
    " ",
    "sg-0123",
    "sg-0123abc",
    "7",
    "7.5",
    "-1",
    "true",
    "2024-05-10T12:00:00Z",
    "Jul 10, 2023, 12:07:59 PM",
    "0123456f-89ab-cdef-0123-123456789012",
    "0123456F-89AB-CDEF-0123-123456789012",
    "ffffffff-89ab-cdef-0123-aaaaaaaaaaaa",
    "not authorized to perform: sg-0123",
    "größe",
    "a\\\"b\\\\c\\n\\u00e9",
    "s3.amazonaws.com",
    "DeleteBucket",
    "x/y:z",
    "\\ud83d\\ude00",
];
const PLAINS: [&str; 8] = ["7", "7.50", "-1", "1.6e9", "true", "false", "null", "1688990121000"];
const QUERIES: [&str; 74] = [
    "*",
    "alice",
    "ALICE",
    "lice",
    "*lice",
    "al*",
    "user/alice",
    "\"user/alice\"",
    "sg-0123",
    "sg-0123*",
    "sg-*",
    "*-0123",
    "123456789012",
    "cdef",
    "0123456f",
    "0123456f-89ab-cdef-0123-123456789012",
    "89ab-cdef",
    "abcd*",
    "*9ab*",
    "0123456?",
    "größe",
    "\"not authorized\"",
    "\"-\"",
    "\" \"",
    "\"b\\\\c\"",
    "eventName:alice",
    "eventName:Alice",
    "eventName:al*",
    "eventName:*lice",
    "eventName:*",
    "eventName:?",
    "eventName:\"\"",
    "userIdentity:*",
    "userIdentity:alice",
    "userIdentity.a:*",
    "userIdentity.arn:*alice",
    "user:alice",
    "user:root",
    "user:Root",
    "user:*",
    "user:al*",
    "resource:alice",
    "resource:*",
    "resource:z",
    "resource:al*",
    "resources:7",
    "requestParameters:7",
    "requestParameters:>=7",
    "requestParameters:[1 TO 8}",
    "requestParameters:<0",
    "requestParameters:10.0.0.0/8",
    "requestParameters.a:7",
    "requestParameters.a.b:*",
    "requestParameters.a:10.0.0.7",
    "requestParameters:[10.0.0.0 TO 10.255.0.0]",
    "requestParameters:[a TO b]",
    "requestParameters:0123456f-89ab-cdef-0123-123456789012",
    "requestParameters:0123456f*",
    "requestParameters:*9012",
    "requestParameters:2024-05-10T12*",
    "requestParameters:[2023 TO 2024-06]",
    "requestParameters.a:[2023-01-01 TO 2026-01-01]",
    ".a:7",
    ".a.b:*",
    ".tags:>5",
    "errorCode:true",
    "eventTime:[2024-05-10 TO 2024-05-10]",
    "eventTime:>2024-05-10T12:01:00Z",
    "eventTime:<2024-05-11T11:59:30.5Z",
    "eventTime:*",
    "time:2024",
    "eventTime:2024-05-10T12:00:0*",
    "requestParameters:long-value*",
    "needle",
];

fn value(dice: &mut Dice, depth: usize, out: &mut String) {
    match dice.roll(if depth > 3 { 7 } else { 10 }) {
        0..=3 => out.push_str(&format!("\"{}\"", dice.pick(&TEXTS))),
        4 | 5 => out.push_str(dice.pick(&PLAINS)),
        6 if dice.roll(8) == 0 => {
            out.push_str(&format!(
                "\"long-value {} {}\"",
                "x".repeat(200 + dice.roll(300)),
                if dice.roll(2) == 0 { "needle" } else { "hay" }
            ));
        }
        6 => out.push_str(dice.pick(&["{}", "[]", "null", "[null]", "{\"a\":null}"])),
        7 | 8 => object(dice, depth + 1, out),
        _ => {
            out.push('[');
            for n in 0..dice.roll(4) {
                out.push_str(if n > 0 { "," } else { "" });
                value(dice, depth + 1, out);
            }
            out.push(']');
        }
    }
}

fn object(dice: &mut Dice, depth: usize, out: &mut String) {
    out.push('{');
    for n in 0..dice.roll(5) {
        out.push_str(if n > 0 { "," } else { "" });
        out.push_str(&format!("\"{}\":", dice.pick(&KEYS)));
        value(dice, depth + 1, out);
    }
    out.push('}');
}

fn record(dice: &mut Dice, n: u64) -> String {
    let mut out = String::from("{");
    if dice.roll(12) > 0 {
        // Two days, and now and then a time that is not just a second.
        let at = NOON + seconds(n % 97) + time::Duration::days(i64::try_from(n % 2).unwrap());
        let text = opentrail_model::timestamp::event_time(at);
        let text = if dice.roll(10) == 0 { text.replace('Z', ".25Z") } else { text };
        out.push_str(&format!("\"eventTime\":\"{text}\","));
    }
    for _ in 0..dice.roll(6) {
        out.push_str(&format!("\"{}\":", dice.pick(&KEYS)));
        value(dice, 0, &mut out);
        out.push(',');
    }
    out.push_str(&format!("\"n\":{n}}}"));
    out
}

/// Positions of matches.
fn scan(records: &[String], query: &Query) -> Vec<u64> {
    let (matcher, mut scratch) = (Matcher::new(query), Scratch::default());
    let matching = records.iter().zip(1..).filter(|(record, _)| matcher.matches(record.as_bytes(), &mut scratch) == Ok(true));
    matching.map(|(_, position)| position).collect()
}

fn found(history: &History, query: &Query) -> Vec<u64> {
    let search = Search { order: Order::Arrival, ..Search::newest(query.clone(), 100_000) };
    history.search(&search).unwrap().events.iter().map(|event| event.position).collect()
}

fn fill(sink: &mut HistorySink, records: &[String], dice: &mut Dice, flushes: usize) {
    for (record, position) in records.iter().zip(1..) {
        sink.apply(&[entry(position, NOON + seconds(86_400), record.clone())]).unwrap();
        if flushes > 0 && dice.roll(records.len() / flushes) == 0 {
            sink.flush_all().unwrap();
        }
    }
    sink.commit(records.len() as u64 + 1).unwrap();
}

fn check(history: &History, records: &[String], query: &str) {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{}", error.render()));
    let expect = scan(records, &query);
    assert_eq!(found(history, &query), expect, "{query}");
    // The same, newest first, page by page.
    let mut pages = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = history.search(&Search { after, ..Search::newest(query.clone(), 7) }).unwrap();
        pages.extend(page.events.iter().map(|event| (event.time, event.position)));
        after = page.events.last().map(crate::Found::cursor);
        if !page.more {
            break;
        }
    }
    assert!(pages.is_sorted_by(|a, b| a > b), "{query}");
    let mut positions: Vec<u64> = pages.iter().map(|(_, position)| *position).collect();
    positions.sort_unstable();
    assert_eq!(positions, expect, "{query}");
}

#[test]
fn the_index_answers_what_the_records_answer() {
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let dir = TempDir::new().unwrap();
        let (mut sink, history) = open(&dir);
        let records: Vec<String> = (1..=160).map(|n| record(&mut dice, n)).collect();
        // In memory alone, in a segment or two, in many that were merged.
        fill(&mut sink, &records, &mut dice, [0, 3, 16][usize::try_from(seed % 3).unwrap()]);
        for query in QUERIES {
            check(&history, &records, query);
        }
        for _ in 0..60 {
            let (a, b) = (dice.pick(&QUERIES), dice.pick(&QUERIES));
            let form = dice.pick(&["({a}) AND ({b})", "({a}) OR ({b})", "({a}) AND NOT ({b})", "NOT (({a}) OR NOT ({b}))"]);
            check(&history, &records, &form.replace("{a}", a).replace("{b}", b));
        }
    }
}

#[test]
fn counts_are_those_of_the_records() {
    for seed in 20..26 {
        let mut dice = Dice(seed);
        let dir = TempDir::new().unwrap();
        let (mut sink, history) = open(&dir);
        let records: Vec<String> = (1..=120).map(|n| record(&mut dice, n)).collect();
        fill(&mut sink, &records, &mut dice, [0, 3, 10][usize::try_from(seed % 3).unwrap()]);
        for field in ["eventName", "n", ".tags.a", "eventTime", ".errorcode", "userIdentity.arn", "errorCode"] {
            let field = Field::named(field).or_else(|| Field::path(field)).unwrap();
            let extractor = Extractor::new(vec![field.clone()]);
            let mut expect = BTreeMap::<String, u64>::new();
            for record in &records {
                let values = extractor.values(record.as_bytes(), 1_000).remove(0);
                // Objects and long texts are counted otherwise.
                let mut texts: Vec<String> =
                    values.into_iter().filter(|value| !value.json.starts_with('{')).map(|value| value.text).collect();
                texts.sort_unstable();
                texts.dedup();
                if texts.is_empty() {
                    texts.push(String::new());
                }
                texts.into_iter().for_each(|text| *expect.entry(text).or_default() += 1);
            }
            let counts = history.count_by(&Search::newest(Query::all(), 0), std::slice::from_ref(&field), 1_000).unwrap();
            let rows: BTreeMap<String, u64> = counts.rows.iter().map(|row| (row.values[0].clone(), row.count)).collect();
            let short = |rows: &BTreeMap<String, u64>| -> Vec<(String, u64)> {
                rows.iter().filter(|(text, _)| text.len() < 200).map(|(text, count)| (text.clone(), *count)).collect()
            };
            assert_eq!(short(&rows), short(&expect), "{}", field.name());
            assert_eq!((counts.events, counts.others), (120, 0));
        }
        let bars = history.histogram(&Search::newest(Query::parse("NOT alice").unwrap(), 0), 48).unwrap();
        let expect = scan(&records, &Query::parse("NOT alice").unwrap()).len() as u64;
        assert_eq!((bars.events, bars.bars.iter().map(|(_, count)| count).sum::<u64>()), (expect, expect));
        assert!(bars.bars.len() <= 48);
    }
}

/// An event as services write them: a value or none in each place that counts are made from.
fn plain_record(dice: &mut Dice, n: u64) -> String {
    let mut out = format!("{{\"n\":{n}");
    let mut member = |dice: &mut Dice, key: &str, texts: &[&str]| {
        if let text @ 1.. = dice.roll(texts.len() + 1) {
            out.push_str(&format!(",\"{key}\":\"{}\"", texts[text - 1]));
        }
    };
    member(dice, "eventName", &["GetObject", "PutObject", "getobject"]);
    member(dice, "eventSource", &["s3.amazonaws.com", "ec2.amazonaws.com"]);
    if dice.roll(9) == 0 {
        member(dice, "errorCode", &["AccessDenied"]);
    }
    out.push_str(",\"userIdentity\":{\"type\":\"");
    out.push_str(dice.pick(&["Root", "AssumedRole", "IAMUser"]));
    out.push('"');
    let mut member = |dice: &mut Dice, key: &str, texts: &[&str]| {
        if let text @ 1.. = dice.roll(texts.len() + 1) {
            out.push_str(&format!(",\"{key}\":\"{}\"", texts[text - 1]));
        }
    };
    member(dice, "userName", &["alice", "bob"]);
    member(dice, "principalId", &["AROA:carl", "AIDA", "AROA:alice"]);
    member(dice, "arn", &["arn:aws:iam::1:user/alice"]);
    member(dice, "invokedBy", &["s3.amazonaws.com"]);
    out.push_str("}}");
    out
}

#[test]
fn counts_from_columns_are_those_of_the_records() {
    for (seed, flushes) in [(1, 0), (2, 3), (3, 30)] {
        let mut dice = Dice(seed);
        let dir = TempDir::new().unwrap();
        let (mut sink, history) = open(&dir);
        let records: Vec<String> = (1..=400).map(|n| plain_record(&mut dice, n)).collect();
        fill(&mut sink, &records, &mut dice, flushes);
        for (names, query) in [
            (&["event"][..], "*"),
            (&["user"], "*"),
            (&["errorCode"], "*"),
            (&["event", "source"], "*"),
            (&["user", "event"], "NOT source:s3"),
            (&["source"], "user:alice"),
            (&["event", "user", "error"], "errorCode:* OR event:GetObject"),
        ] {
            let query = Query::parse(query).unwrap();
            let fields: Vec<Field> = names.iter().filter_map(|name| Field::named(name)).collect();
            let extractor = Extractor::new(fields.clone());
            let mut expect = BTreeMap::<Vec<String>, u64>::new();
            for position in scan(&records, &query) {
                let record = records[usize::try_from(position).unwrap() - 1].as_bytes();
                let values = extractor.values(record, 10).into_iter();
                let texts = values.map(|values| values.first().map(|value| value.text.clone()).unwrap_or_default());
                *expect.entry(texts.collect()).or_default() += 1;
            }
            let counts = history.count_by(&Search::newest(query, 0), &fields, 1_000).unwrap();
            let rows: BTreeMap<Vec<String>, u64> = counts.rows.into_iter().map(|row| (row.values, row.count)).collect();
            assert_eq!(rows, expect, "{names:?} with {flushes} flushes");
        }
    }
}

#[test]
fn combinations_are_counted() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    let events = [
        r#"{"eventName":"A","awsRegion":"x","resources":[{"type":"T"},{"type":"S"}]}"#,
        r#"{"eventName":"A","awsRegion":"y"}"#,
        r#"{"eventName":"A","awsRegion":"x","resources":[{"type":"S"},{"type":"T"}]}"#,
        r#"{"awsRegion":"x"}"#,
    ];
    for (record, position) in events.iter().zip(1..) {
        sink.apply(&[entry(position, NOON, *record)]).unwrap();
    }
    for flushed in [false, true] {
        if flushed {
            sink.flush_all().unwrap();
        }
        let count = |fields: &[&str], top| {
            let fields: Vec<Field> = fields.iter().filter_map(|name| Field::named(name)).collect();
            let counts = history.count_by(&Search::newest(Query::all(), 0), &fields, top).unwrap();
            (counts.rows.into_iter().map(|row| (row.values.join("|"), row.count)).collect::<Vec<_>>(), counts.more, counts.others)
        };
        let rows = |rows: &[(&str, u64)]| rows.iter().map(|(text, count)| ((*text).to_owned(), *count)).collect::<Vec<_>>();
        assert_eq!(count(&["event", "region"], 9), (rows(&[("A|x", 2), ("|x", 1), ("A|y", 1)]), 0, 0));
        assert_eq!(count(&["event", "region"], 1), (rows(&[("A|x", 2)]), 2, 2));
        assert_eq!(count(&["resourceType"], 9), (rows(&[("", 2), ("S", 2), ("T", 2)]), 0, 0));
        assert_eq!(count(&["event", "resourceType"], 9), (rows(&[("A|S, T", 2), ("|", 1), ("A|", 1)]), 0, 0));
        assert_eq!(history.values(&Scope::All, &Field::named("region").unwrap(), "X", 5).unwrap(), [("x".to_owned(), 3)]);
        let names: Vec<String> = history.field_names().unwrap().into_iter().map(|field| field.name).collect();
        assert_eq!(names, ["awsRegion", "eventName", "resources.type"]);
    }
}

#[test]
fn the_corpus_is_found_whole() {
    let Ok(corpus) = std::env::var("OPENTRAIL_CORPUS") else { return };
    let mut records = Vec::new();
    for file in ["merged/events.ndjson.gz", "panther-analysis/tests.ndjson.gz"] {
        let mut text = String::new();
        let bytes = std::fs::File::open(std::path::Path::new(&corpus).join(file)).unwrap();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        records.extend(text.lines().map(str::to_owned));
    }
    let dir = TempDir::new().unwrap();
    let config =
        crate::HistoryConfig { retention: time::Duration::days(36_500), ..crate::HistoryConfig::new(dir.path().to_owned()) };
    let (mut sink, history) = crate::open(config).unwrap();
    fill(&mut sink, &records, &mut Dice(1), 9);
    assert_eq!(history.count(), records.len() as u64);
    for query in [
        "alice",
        "user:*",
        "errorCode:* AND NOT readOnly:true",
        "resource:*bucket*",
        "ip:10.0.0.0/8",
        "sg-*",
        "AccessDenied",
        "*lambda*",
        "requestParameters:*",
        "eventTime:<2023-07-10T12:00:00Z",
        "userIdentity.sessionContext.attributes.mfaAuthenticated:false",
        "eventName:(Describe* OR List*) -readOnly:true",
        "\"not authorized\"",
        "source:s3",
        "resourceType:AWS::S3::Bucket",
    ] {
        let query = Query::parse(query).unwrap();
        assert_eq!(found(&history, &query), scan(&records, &query), "{query}");
    }
}
