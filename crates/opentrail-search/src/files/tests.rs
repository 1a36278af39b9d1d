use super::*;
use crate::matching::Prefilter;
use crate::query::Query;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

#[derive(Default)]
struct Heard {
    records: Vec<String>,
    problems: Vec<(u64, String)>,
}

impl Receive for Heard {
    fn record(&mut self, record: &[u8], _offset: u64) {
        self.records.push(String::from_utf8_lossy(record).into_owned());
    }

    fn problem(&mut self, offset: u64, reason: &str) {
        self.problems.push((offset, reason.to_owned()));
    }

    fn stopped(&self) -> bool {
        false
    }
}

/// Gives a byte at a time, to meet every place where reading can stop.
struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        into[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

fn read(file: &[u8], name: &str, query: &str) -> Heard {
    let filter = Prefilter::new(&Query::parse(query).expect("a query"));
    let mut heard = Heard::default();
    Reader::default().read(&mut Slow(file), name, &filter, &mut heard);
    heard
}

fn check(file: &[u8], name: &str, records: &[&str], problems: &[(u64, &str)]) {
    let heard = read(file, name, "");
    assert_eq!(heard.records, records, "{}", String::from_utf8_lossy(file));
    let found: Vec<(u64, &str)> = heard.problems.iter().map(|(offset, reason)| (*offset, reason.as_str())).collect();
    assert_eq!(found, problems, "{}", String::from_utf8_lossy(file));
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("compresses");
    encoder.finish().expect("compresses")
}

const A: &str = r#"{"eventName":"A","x":"}]\"{"}"#;
const B: &str = r#"{"eventName":"B"}"#;

#[test]
fn every_container_is_read() {
    check(format!(r#"{{"Records":[{A},{B}]}}"#).as_bytes(), "a.json", &[A, B], &[]);
    check(format!("\u{feff} {{ \"Records\" : [ {A} ,\n {B} ] ,\"n\":[1],\"m\":-1.5 }}\n").as_bytes(), "a.json", &[A, B], &[]);
    check(br#"{"Records":[]}"#, "a.json", &[], &[]);
    check(format!("[{A},\n{B}]").as_bytes(), "a.json", &[A, B], &[]);
    check(A.as_bytes(), "a.json", &[A], &[]);
    check(b"{\n \"eventName\":\n \"A\"\n}\n", "a.json", &["{\n \"eventName\":\n \"A\"\n}"], &[]);
    check(format!("{A}\n\n{B}\r\n").as_bytes(), "a.ndjson", &[A, B], &[]);
    check(format!("{A}\n{B}").as_bytes(), "a.json", &[A, B], &[]);
    check(format!("{A}{B}").as_bytes(), "a.json", &[A, B], &[]);
    check(format!("{{\"Records\":[{A}]}}\n{{\"Records\":[{B}]}}\n").as_bytes(), "a.json", &[A, B], &[]);
    check(format!("{{\"Records\":[{A}]}}{{\"Records\":[{B}]}}").as_bytes(), "a.json", &[A, B], &[]);
    check(format!("{{\"n\":1,\"Records\":[{A},{B}]}}").as_bytes(), "a.json", &[A, B], &[]);
    check(format!("{{\"test\":1,\"log\":{A}}}\n{{\"detail\":{B}}}\n").as_bytes(), "a.json", &[A, B], &[]);
    check(br#"{"Records":[{"odd":1}]}"#, "a.json", &[r#"{"odd":1}"#], &[]);
    check(b"", "a.json", &[], &[]);
    check(b" \n", "a.json", &[], &[]);
    check(br#"{"digestStartTime":"x"}"#, "a.json", &[], &[]);
}

#[test]
fn damage_leaves_the_rest() {
    check(b"{\"a\":1}", "a.json", &[], &[(0, "not a CloudTrail record")]);
    check(b"hello", "a.json", &[], &[(0, "not JSON")]);
    check(format!("{{\"Records\":[{A},{{\"eventN").as_bytes(), "a.json", &[A], &[(42, "the file is cut off within a record")]);
    check(format!("{{\"Records\":[{A}").as_bytes(), "a.json", &[A], &[(41, "the file is cut off")]);
    check(format!("{{\"Records\":[{A}]}}\0\0\n").as_bytes(), "a.json", &[A], &[]);
    check(format!("{{\"Records\":[{A}]}}\x01x").as_bytes(), "a.json", &[A], &[(43, "bytes after the end, which were left out")]);
    check(format!("{{\"Records\":[{A},7,{B}]}}").as_bytes(), "a.json", &[A], &[(42, "expected a record")]);
    let lines = format!("{A}\n{{\"eventName\":\"cut\nnoise\n{B}\n{{\"eventName\":{{}}\n{B}\n");
    let reasons = [
        (30, "the line is not a JSON object"),
        (48, "the line is not a JSON object"),
        (72, "the file is cut off within a record"),
    ];
    check(lines.as_bytes(), "a.ndjson", &[A, B, B], &reasons);
}

#[test]
fn gzip_is_read_whatever_the_name() {
    let plain = format!("{{\"Records\":[{A},{B}]}}");
    let file = gzip(plain.as_bytes());
    check(&file, "a.json", &[A, B], &[]);
    check(&[&file[..], &[0; 600][..]].concat(), "a.json.gz", &[A, B], &[]);
    let after = "has bytes after the gzip stream, which were left out";
    check(&[&file[..], b"junk"].concat(), "a.json.gz", &[A, B], &[(file.len() as u64, after)]);
    check(&[gzip(A.as_bytes()), gzip(b"\n"), gzip(B.as_bytes())].concat(), "a.json.gz", &[A, B], &[]);
    for missing in [1, 8] {
        let problems = [(file.len() as u64 - 8, "is a gzip stream that was cut off")];
        check(&file[..file.len() - missing], "a.json.gz", &[A, B], &problems);
    }
    let mut wrong = file.clone();
    wrong[file.len() - 8] ^= 1;
    check(&wrong, "a.json.gz", &[A, B], &[(file.len() as u64 - 8, "is a damaged gzip stream: its checksum is wrong")]);
    let mut named = file.clone();
    named[3] = 8;
    named.splice(10..10, b"name.json\0".iter().copied());
    check(&named, "a.json.gz", &[A, B], &[]);
    let many = format!("{A}\n").repeat(2_000);
    let whole = gzip(many.as_bytes());
    let heard = read(&whole[..whole.len() / 2], "a.json.gz", "");
    assert_eq!(heard.problems.len(), 1);
    assert!(heard.records.len() > 100 && heard.records.iter().all(|record| record == A));
}

#[test]
fn blocks_end_anywhere() {
    let large = format!("{{\"eventName\":\"{}\"}}", "x".repeat(1 << 20));
    let listed = format!("{{\"Records\":[{}]}}", vec![large.as_str(); 20].join(","));
    let lines = format!("{large}\n").repeat(20);
    for file in [listed, lines] {
        let filter = Prefilter::new(&Query::all());
        let mut heard = Heard::default();
        Reader::default().read(&mut file.as_bytes(), "a.json", &filter, &mut heard);
        assert_eq!(heard.problems, []);
        assert_eq!(heard.records.len(), 20);
        assert!(heard.records.iter().all(|record| *record == large));
    }
    let huge = format!("[{{\"eventName\":\"{}\"}}]", "x".repeat(17 << 20));
    let mut heard = Heard::default();
    Reader::default().read(&mut huge.as_bytes(), "a.json", &Prefilter::new(&Query::all()), &mut heard);
    assert_eq!(heard.records.len(), 0);
    assert!(heard.problems[0].1.starts_with("a record is larger"));
}

#[test]
fn only_what_can_match_is_handed_on() {
    let file = format!("{{\"Records\":[{A},{B}]}}");
    assert_eq!(read(file.as_bytes(), "a.json", "event:BBB").records.len(), 0);
    assert_eq!(read(file.as_bytes(), "a.json", "*\"B\"*".trim_matches('*')).records.len(), 2, "too short to look for");
    let file = file.replace("\"B\"", "\"Special\"");
    assert_eq!(read(file.as_bytes(), "a.json", "special").records, [B.replace("\"B\"", "\"Special\"")]);
    assert_eq!(read(b"{\"Records\":[", "a.json", "special").problems, [(12, "the file does not end as JSON does".to_owned())]);
}
