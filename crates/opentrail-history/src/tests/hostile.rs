//! No query does more than its budget lets it, and nothing is done that is not taken from the budget. Counted in work,
//! never in time.

use super::{NOON, day, entry, open, seconds};
use crate::counting::in_threads;
use crate::disk::row_values::Numbers;
use crate::error::HistoryError;
use crate::history::{matches, plan_of};
use crate::limits::RECORD_WORK;
use crate::live::paths::{PathId, Reserved};
use crate::part::{Part, RowsAt, VisitLeaf, Word};
use crate::rows::{RowSet, Union};
use crate::visit::{Question, Window, candidates};
use crate::work::Work;
use crate::{Cursor, History, HistoryErrorKind, HistorySink, Order, Search};
use bytes::Bytes;
use opentrail_eventlog::Sink;
use opentrail_query::Query;
use opentrail_query::matching::Matcher;
use std::cell::Cell;
use std::collections::BTreeSet;
use tempfile::TempDir;

/// A part that counts what is done with it.
struct Watched<'a> {
    part: &'a dyn Part,
    values: Cell<u64>,
    records: Cell<u64>,
    lists: Cell<u64>,
}

impl Watched<'_> {
    /// The least units that everything done so far must have cost.
    fn units(&self) -> u64 {
        self.values.get() + self.records.get() * RECORD_WORK + self.lists.get()
    }

    fn watch<T>(&self, visit: VisitLeaf<'_>, show: impl FnOnce(VisitLeaf<'_>) -> T) -> T {
        show(&mut |leaf| {
            self.values.set(self.values.get() + 1);
            visit(leaf)
        })
    }
}

type Done = Result<(), HistoryError>;

impl Part for Watched<'_> {
    fn rows(&self) -> u32 {
        self.part.rows()
    }

    fn rows_between(&self, start: i64, end: i64) -> Result<RowSet, HistoryError> {
        self.part.rows_between(start, end)
    }

    fn paths_below(&self, place: &str) -> Vec<PathId> {
        self.part.paths_below(place)
    }

    fn paths_at(&self, place: &str) -> Vec<PathId> {
        self.part.paths_at(place)
    }

    fn path_named(&self, name: &[u8]) -> Option<PathId> {
        self.part.path_named(name)
    }

    fn path_reserved(&self, reserved: Reserved) -> Option<PathId> {
        self.part.path_reserved(reserved)
    }

    fn values(&self, path: PathId) -> u64 {
        self.part.values(path)
    }

    fn each_leaf(&self, path: PathId, prefix: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Done {
        self.watch(visit, |visit| self.part.each_leaf(path, prefix, work, visit))
    }

    fn find_leaf(&self, path: PathId, value: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Done {
        self.watch(visit, |visit| self.part.find_leaf(path, value, work, visit))
    }

    fn each_leaf_with(&self, word: &Word, paths: Option<&[PathId]>, work: &mut Work, visit: VisitLeaf<'_>) -> Done {
        self.watch(visit, |visit| self.part.each_leaf_with(word, paths, work, visit))
    }

    fn add_rows(&self, rows: RowsAt, work: &mut Work, to: &mut Union) -> Done {
        self.part.add_rows(rows, work, to)?;
        // Of a live part a list of a few rows is free.
        let costs = matches!(rows, RowsAt::One(_) | RowsAt::Stored { bits: false, .. });
        self.lists.set(self.lists.get() + u64::from(costs));
        Ok(())
    }

    fn append_rows(&self, rows: RowsAt, to: &mut Vec<u32>) -> Done {
        self.part.append_rows(rows, to)
    }

    fn has_column(&self, path: PathId) -> bool {
        self.part.has_column(path)
    }

    fn column(&self, path: PathId) -> Result<Option<Numbers>, HistoryError> {
        self.part.column(path)
    }

    fn record(&self, row: u32) -> Result<Bytes, HistoryError> {
        self.records.set(self.records.get() + 1);
        self.part.record(row)
    }
}

/// Events with many different values, some of them too long for the index.
fn fill(sink: &mut HistorySink, count: u64) {
    for n in 1..=count {
        let long = if n % 50 == 0 { format!("{n} {}", "long ".repeat(100)) } else { format!("aaaaaaaa-{n}") };
        let record = format!(
            r#"{{"eventID":"{:08x}-0000-4000-8000-00000000abcd","eventName":"Name{}","n":{n},"sourceIPAddress":"10.{}.{}.7","text":"{long}"}}"#,
            n * 7919,
            n % 9,
            n / 200,
            n % 200,
        );
        sink.apply(&[entry(n, NOON + seconds(n), record)]).unwrap();
    }
    sink.commit(count + 1).unwrap();
}

/// Queries as somebody might write them who wants to do harm.
fn hostile_queries() -> Vec<String> {
    let many = |term: &dyn Fn(usize) -> String, with: &str| {
        let mut text = String::new();
        for n in 0..150 {
            let next = term(n);
            if text.len() + with.len() + next.len() > opentrail_query::limits::QUERY_BYTES {
                break;
            }
            text.push_str(if n > 0 { with } else { "" });
            text.push_str(&next);
        }
        text
    };
    let nested = |inner: &str, depth: usize| format!("{}{inner}{}", "NOT (".repeat(depth), ")".repeat(depth));
    vec![
        many(&|n| format!("*{n}?a*"), " OR "),
        many(&|n| format!("*{n}*"), " "),
        many(&|n| format!(".text:*{n}*a*b*c*"), " OR "),
        many(&|n| format!(".n:[{n} TO *]"), " OR "),
        many(&|n| format!("NOT sourceIPAddress:0.0.0.0/{}", n % 33), " OR "),
        many(&|n| format!("NOT .text:*long*{n}"), " AND "),
        many(&|n| format!("eventID:*{n}*"), " OR "),
        nested(".text:*a*", 24),
        nested("*", 24),
        "*a*a*a*a*a*a*a*a*a*a*a*a*".to_owned(),
        format!(".text:*{}b*", "a".repeat(5_000)),
        format!("\"{}\"", "a".repeat(9_000)),
        ".text:[! TO *] OR .n:>=-1e308 OR sourceIPAddress:[0.0.0.0 TO 255.255.255.255]".to_owned(),
        "????????-0000-4000-8???-*".to_owned(),
        "eventTime:[1970-01-01 TO 9999-01-01] NOT *x* NOT *y* NOT *z*".to_owned(),
    ]
}

#[test]
fn nothing_is_done_that_is_not_taken_from_the_budget() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    fill(&mut sink, 200);
    for flushed in [false, true] {
        if flushed {
            sink.flush_all().unwrap();
        }
        let window = Window { start: i64::MIN, end: i64::MAX };
        let all = candidates(history.state(), window);
        for text in hostile_queries() {
            let query = Query::parse(&text).unwrap_or_else(|error| panic!("{}", error.render()));
            let search = Search::newest(query, 0);
            let (plan, matcher) = (plan_of(&search), Matcher::new(&search.query));
            let decides = |record: &[u8]| matches(&matcher, record);
            let question = Question { plan: &plan, window, decides: &decides, terms: search.query.terms() };
            let run = |units: u64| {
                all[0].part.with(|part| {
                    let zero = || Cell::new(0);
                    let watched = Watched { part, values: zero(), records: zero(), lists: zero() };
                    let mut work = Work::of(units);
                    let refused = question.rows(&watched, &mut work).map(|_| ()).map_err(|error| error.kind());
                    (refused, units - work.left(), watched.units())
                })
            };
            for units in [0, 1_000, 30_000, 1_000_000, 1_000_000_000] {
                let (outcome, spent, done) = run(units);
                let short = &text[..text.len().min(60)];
                // What is shown is at most a block more than what was taken when the budget ran out.
                assert!(done <= spent + 1_000, "{short} with {units}: {done} done for {spent}, flushed {flushed}");
                assert!(outcome.is_ok() || outcome == Err(HistoryErrorKind::FixRequest), "{short}: {outcome:?}");
                assert_eq!((outcome, spent, done), run(units), "{short}: not the same again");
            }
            assert_eq!(run(0).0, Err(HistoryErrorKind::FixRequest));
        }
    }
}

#[test]
fn what_is_larger_than_a_query_may_be_is_refused_before_anything_is_looked_at() {
    for text in [
        "a".repeat(1 << 20),
        format!("\"{}\"", "a".repeat(1 << 20)),
        "(".repeat(1 << 20),
        format!("{}a{}", "(".repeat(60), ")".repeat(60)),
        "NOT ".repeat(60) + "a",
        "a ".repeat(1_001),
        "a*".repeat(17),
    ] {
        assert!(Query::parse(&text).is_err(), "{}", &text[..20]);
    }
}

/// Texts made of the language's own pieces, at random.
#[test]
fn no_text_is_too_much_for_the_parser() {
    const PIECES: [&str; 24] = [
        "(",
        ")",
        "NOT ",
        " AND ",
        " OR ",
        "-",
        "\"",
        "*",
        "?",
        ":",
        "[",
        "]",
        "{",
        "}",
        " TO ",
        "eventName",
        "user",
        ".a.b",
        "10.0.0.0/8",
        ">=",
        "2026-11",
        "\\",
        "é",
        "7",
    ];
    let mut dice = super::equivalence::Dice(5);
    for _ in 0..3_000 {
        let length = 1 + dice.roll(40);
        let text: String = (0..length).map(|_| dice.pick(&PIECES)).collect();
        if let Ok(query) = Query::parse(&text) {
            assert_eq!(Query::parse(&query.to_string()).as_ref(), Ok(&query), "{text}");
        }
    }
}

#[test]
fn threads_of_a_count_share_its_budget() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    for n in 1..=8 {
        sink.apply(&[super::event(n, NOON + day(i64::try_from(n).unwrap()))]).unwrap();
    }
    sink.commit(9).unwrap();
    let parts = candidates(history.state(), Window { start: i64::MIN, end: i64::MAX });
    assert_eq!(parts.len(), 8);
    let count = |budget: u64| {
        let tallies = in_threads(&Work::of(budget), &parts, || 0u64, &|_, tally, work| {
            work.take(100)?;
            *tally += 1;
            Ok(())
        });
        tallies.map(|tallies| tallies.iter().sum::<u64>()).map_err(|error| error.kind())
    };
    assert_eq!(count(1_000_000), Ok(8));
    assert_eq!(count(799), Err(HistoryErrorKind::FixRequest));
}

fn pages(history: &History, search: &Search) -> Vec<Vec<u64>> {
    let (mut pages, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let page = history.search(&Search { after, ..search.clone() }).unwrap();
        after = page.events.last().map(crate::Found::cursor);
        pages.push(page.events.iter().map(|event| event.position).collect());
        if !page.more {
            return pages;
        }
    }
}

#[test]
fn answers_have_no_more_bytes_than_asked_for() {
    let dir = TempDir::new().unwrap();
    let (mut sink, history) = open(&dir);
    for n in 1..=6 {
        let text = "x".repeat(if n == 4 { 900_000 } else { 1_000 });
        sink.apply(&[entry(n, NOON + seconds(n), format!(r#"{{"eventID":"{n}","text":"{text}"}}"#))]).unwrap();
    }
    sink.commit(7).unwrap();
    for order in [Order::NewestFirst, Order::Arrival] {
        let search = Search { max_bytes: 2_500, order, ..Search::newest(Query::all(), 5) };
        let pages = pages(&history, &search);
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes.iter().filter(|size| **size > 2).count(), 0, "{sizes:?}");
        assert!(pages.contains(&vec![4]), "one that is larger alone: {pages:?}");
        let all: Vec<u64> = pages.concat();
        assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>().len()), (6, 6));
    }
}
