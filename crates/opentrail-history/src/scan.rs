//! Answers in the query language, by putting the query to every record.

use crate::error::HistoryError;
use crate::lookup::{Found, History};
use crate::search::{CountRow, Counts, FieldName, Histogram, Order, Page, Scope, Search, bar_width};
use bytes::Bytes;
use opentrail_query::matching::walk::{Met, Walker};
use opentrail_query::matching::{Extractor, Matcher, Scratch};
use opentrail_query::{Field, Query};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use time::OffsetDateTime;

/// Values of one field of one event that are counted.
const MAX_VALUES: usize = 100;

impl History {
    /// Events that match, in the order asked for.
    ///
    /// # Errors
    /// If the index cannot be read, or the question is too expensive.
    pub fn search(&self, q: &Search) -> Result<Page, HistoryError> {
        let mut events = Vec::new();
        self.scan(q, &mut |time, position, record| {
            let admitted = match (q.after, q.order) {
                (None, _) => true,
                (Some(after), Order::NewestFirst) => (time, position) < (after.time, after.position),
                (Some(after), Order::Arrival) => position > after.position,
            };
            if admitted {
                events.push(Found { time, position, record: Bytes::copy_from_slice(record) });
            }
        })?;
        match q.order {
            Order::NewestFirst => events.sort_unstable_by_key(|event| std::cmp::Reverse((event.time, event.position))),
            Order::Arrival => events.sort_unstable_by_key(|event| event.position),
        }
        let more = events.len() > q.limit;
        events.truncate(q.limit);
        Ok(Page { events, more })
    }

    /// How often values of the fields occur in events that match; at most `top` rows.
    ///
    /// # Errors
    /// If the index cannot be read, or the question is too expensive.
    pub fn count_by(&self, q: &Search, fields: &[Field], top: usize) -> Result<Counts, HistoryError> {
        let extractor = Extractor::new(fields.to_vec());
        let mut counts: HashMap<Vec<String>, u64> = HashMap::new();
        let mut events = 0;
        self.scan(q, &mut |_, _, record| {
            events += 1;
            let values = extractor.values(record, MAX_VALUES);
            let mut texts: Vec<Vec<String>> =
                values.into_iter().map(|values| values.into_iter().map(|value| value.text).collect()).collect();
            if let [several] = texts.as_mut_slice()
                && several.len() > 1
            {
                several.sort_unstable();
                several.dedup();
                for value in several.drain(..) {
                    *counts.entry(vec![value]).or_default() += 1;
                }
            } else {
                *counts.entry(texts.into_iter().map(|values| values.join(", ")).collect()).or_default() += 1;
            }
        })?;
        let mut rows: Vec<CountRow> = counts.into_iter().map(|(values, count)| CountRow { values, count }).collect();
        rows.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.values.cmp(&b.values)));
        let rest = rows.split_off(top.min(rows.len()));
        Ok(Counts { rows, more: rest.len() as u64, others: rest.iter().map(|row| row.count).sum(), events })
    }

    /// How many events match when, in at most `buckets` bars.
    ///
    /// # Errors
    /// If the index cannot be read, or the question is too expensive.
    pub fn histogram(&self, q: &Search, buckets: usize) -> Result<Histogram, HistoryError> {
        let mut times = BTreeMap::<i64, u64>::new();
        self.scan(q, &mut |time, _, _| *times.entry(time).or_default() += 1)?;
        let (Some(first), Some(last)) = (times.keys().next(), times.keys().next_back()) else {
            return Ok(Histogram::default());
        };
        let width = bar_width(*first, *last, buckets);
        let mut bars: Vec<(i64, u64)> = (first.div_euclid(width)..=last.div_euclid(width)).map(|bar| (bar * width, 0)).collect();
        let start = first.div_euclid(width);
        for (time, count) in &times {
            let bar = usize::try_from(time.div_euclid(width) - start).unwrap_or(0);
            bars[bar].1 += count;
        }
        Ok(Histogram { bars, width_seconds: width, events: times.values().sum() })
    }

    /// Which of these events the account has, by event id. The event's time, if it is known, saves work.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn contains_event_ids(&self, account: &str, ids: &[(Option<OffsetDateTime>, &str)]) -> Result<Vec<bool>, HistoryError> {
        let mut known = HashSet::new();
        let q = Search { scope: Scope::Account(account.to_owned()), ..Search::newest(Query::all(), 0) };
        let extractor = Extractor::new(Field::path("eventID").into_iter().collect());
        self.scan(&q, &mut |_, _, record| {
            known.extend(extractor.values(record, 1).into_iter().flatten().map(|value| value.text));
        })?;
        Ok(ids.iter().map(|(_, id)| known.contains(*id)).collect())
    }

    /// Values of a field that begin with the text, and how often each occurs; the most frequent first.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn values(&self, scope: &Scope, field: &Field, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, HistoryError> {
        let q = Search { scope: scope.clone(), ..Search::newest(Query::all(), 0) };
        let counts = self.count_by(&q, std::slice::from_ref(field), usize::MAX)?;
        let rows = counts.rows.into_iter().filter_map(|mut row| Some((row.values.pop()?, row.count)));
        let begins =
            |value: &str| value.as_bytes().get(..prefix.len()).is_some_and(|b| b.eq_ignore_ascii_case(prefix.as_bytes()));
        Ok(rows.filter(|(value, _)| !value.is_empty() && begins(value)).take(limit).collect())
    }

    /// The fields that records have, by name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn field_names(&self) -> Result<Vec<FieldName>, HistoryError> {
        let mut names = BTreeMap::<String, u64>::new();
        let mut walker = Walker::default();
        self.scan(&Search::newest(Query::all(), 0), &mut |_, _, record| {
            let walked = walker.walk(record, &mut |path, met, _| {
                if matches!(met, Met::Text(_) | Met::Plain(_)) {
                    *names.entry(String::from_utf8_lossy(path).into_owned()).or_default() += 1;
                }
                ControlFlow::Continue(())
            });
            // Whether it is a record was asked when it was indexed.
            let _ = walked;
        })?;
        Ok(names.into_iter().map(|(name, values)| FieldName { name, values }).collect())
    }

    /// Shows every event of the scope and window that matches: time, position, record.
    fn scan(&self, q: &Search, show: &mut dyn FnMut(i64, u64, &[u8])) -> Result<(), HistoryError> {
        let start = q.start.map_or(i64::MIN, OffsetDateTime::unix_timestamp);
        let end = q.end.map_or(i64::MAX, OffsetDateTime::unix_timestamp);
        let matcher = Matcher::new(&q.query);
        let mut scratch = Scratch::default();
        for slice in self.slices().newest_first() {
            for segment in slice.view()?.iter() {
                let scanned = segment.scan(&slice.fields, &mut |time, position, partition, record| {
                    let (account, region) = partition.split_once('/').unwrap_or_default();
                    let wanted = matches!(&q.scope, Scope::All) || matches!(&q.scope, Scope::Account(only) if only == account);
                    let in_region = q.region.as_ref().is_none_or(|only| only == region);
                    if wanted && in_region && (start..=end).contains(&time) && matcher.matches(record, &mut scratch) == Ok(true) {
                        show(time, position, record);
                    }
                });
                scanned.map_err(|source| slice.failed(source))?;
            }
        }
        Ok(())
    }
}
