//! Counts of values, histograms, completion.

use crate::columns::{Column, count_combinations, rows_of, totals};
use crate::error::HistoryError;
use crate::evaluate::evaluate;
use crate::history::{History, matches, plan_of, window_of};
use crate::limits::{COMPLETED_VALUES, COUNTED_VALUES, HISTOGRAM_BARS};
use crate::live::paths::Reserved;
use crate::part::{Part, Work};
use crate::plan::{Place, Plan};
use crate::rows::RowSet;
use crate::search::{CountRow, Counts, Histogram, Scope, Search, bar_width};
use crate::visit::{AnyPart, Candidate, Question, Window, candidates};
use opentrail_query::Field;
use opentrail_query::matching::Matcher;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads of one count.
const THREADS: usize = 4;

impl History {
    /// How often values of the fields occur in events that match; at most `top` rows. Objects count as no value: name
    /// a field in them.
    ///
    /// # Errors
    /// If a segment cannot be read, or the question is too expensive.
    pub fn count_by(&self, q: &Search, fields: &[Field], top: usize) -> Result<Counts, HistoryError> {
        let plan = plan_of(q);
        let matcher = Matcher::new(&q.query);
        let decides = |record: &[u8]| matches(&matcher, record);
        let question = Question { plan: &plan, window: window_of(self.state(), q), decides: &decides, terms: q.query.terms() };
        let parts = candidates(self.state(), question.window);
        let tallies = in_threads(&Work::new(), &parts, || Tally::new(fields.len()), &|candidate, tally: &mut Tally, work| {
            candidate.part.with(|part| tally.add(part, &question, fields, work))
        })?;
        let mut all = Tally::new(fields.len());
        tallies.into_iter().for_each(|tally| all.merge(tally));
        Ok(all.into_counts(top))
    }

    /// How many events match when, in at most `buckets` bars.
    ///
    /// # Errors
    /// If a segment cannot be read, or the question is too expensive.
    pub fn histogram(&self, q: &Search, buckets: usize) -> Result<Histogram, HistoryError> {
        let plan = plan_of(q);
        let matcher = Matcher::new(&q.query);
        let decides = |record: &[u8]| matches(&matcher, record);
        let question = Question { plan: &plan, window: window_of(self.state(), q), decides: &decides, terms: q.query.terms() };
        let parts = candidates(self.state(), question.window);
        let oldest = parts.iter().map(|part| part.oldest).min().unwrap_or(0).max(question.window.start);
        let newest = parts.iter().map(|part| part.newest).max().unwrap_or(0).min(question.window.end);
        let fine = bar_width(oldest, newest, HISTOGRAM_BARS);
        let counts = in_threads(&Work::new(), &parts, BTreeMap::new, &|candidate, counts: &mut BTreeMap<i64, u64>, work| {
            let times = candidate.part.times()?;
            let answered = candidate.part.with(|part| question.rows(part, work))?;
            work.take(times.len() as u64 / 8)?;
            // A part in memory may have grown in between.
            let times = &times[..times.len().min(answered.total as usize)];
            match &candidate.part {
                AnyPart::Segment(_) => count_ordered(times, &answered.rows, fine, counts),
                AnyPart::Live(_) => count_unordered(times, &answered.rows, fine, counts),
            }
            Ok(())
        })?;
        let mut all = BTreeMap::<i64, u64>::new();
        counts.into_iter().flatten().for_each(|(bar, count)| *all.entry(bar * fine).or_default() += count);
        Ok(bars(&all, fine, buckets))
    }

    /// Values of a field that begin with the text, and how often each occurs; the most frequent first.
    ///
    /// # Errors
    /// If a segment cannot be read.
    pub fn values(&self, scope: &Scope, field: &Field, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, HistoryError> {
        let mut work = Work::new();
        let mut found: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut looked_at = 0;
        for candidate in candidates(self.state(), Window { start: i64::MIN, end: i64::MAX }) {
            if looked_at > COMPLETED_VALUES {
                break;
            }
            looked_at += candidate.part.with(|part| complete(part, scope, field, prefix, &mut found, &mut work))?;
        }
        let mut found: Vec<(String, u64)> =
            found.into_iter().map(|(value, count)| (String::from_utf8_lossy(&value).into_owned(), count)).collect();
        found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.truncate(limit);
        Ok(found)
    }
}

/// Adds values of a part; answers how many were looked at.
fn complete(
    part: &dyn Part,
    scope: &Scope,
    field: &Field,
    prefix: &str,
    found: &mut HashMap<Vec<u8>, u64>,
    work: &mut Work,
) -> Result<u64, HistoryError> {
    let prefix = prefix.to_ascii_lowercase();
    let own = match scope {
        Scope::All => RowSet::All,
        Scope::Account(account) => {
            let of_account = Plan::Begins(Place::Reserved(Reserved::Partition), format!("{account}/").into_bytes());
            evaluate(&of_account, part, work)?.yes
        }
    };
    let all_own = own.len(part.rows()) == u64::from(part.rows());
    let mut values = Vec::new();
    for path in field.readings().iter().flat_map(|reading| part.paths_at(&reading.path)) {
        part.each_leaf(path, prefix.as_bytes(), work, &mut |leaf| {
            if crate::folding::starts_with_folded(leaf.value, prefix.as_bytes()) && !leaf.value.is_empty() {
                values.push((leaf.value.to_vec(), leaf.count, leaf.rows));
            }
            if values.len() as u64 > COMPLETED_VALUES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    let looked_at = values.len() as u64;
    for (value, count, rows) in values {
        let count = if all_own { u64::from(count) } else { rows_of(part, rows, work)?.and(own.clone()).len(part.rows()) };
        if count > 0 {
            *found.entry(value).or_default() += count;
        }
    }
    Ok(looked_at)
}

/// Goes through the parts with some threads, each with a tally of its own.
pub(crate) fn in_threads<T: Send>(
    whole: &Work,
    parts: &[Candidate],
    fresh: impl Fn() -> T + Sync,
    add: &(dyn Fn(&Candidate, &mut T, &mut Work) -> Result<(), HistoryError> + Sync),
) -> Result<Vec<T>, HistoryError> {
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut tally, mut work) = (fresh(), whole.shared());
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            add(part, &mut tally, &mut work)?;
        }
        Ok(tally)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS).min(parts.len().max(1));
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(others).collect()
    })
}

/// Counts of combinations of values.
struct Tally {
    /// By field, the numbers of values.
    numbers: Vec<HashMap<Vec<u8>, u32>>,
    counts: HashMap<Vec<u32>, u64>,
    others: u64,
    events: u64,
}

impl Tally {
    fn new(fields: usize) -> Self {
        Self { numbers: vec![HashMap::new(); fields], counts: HashMap::new(), others: 0, events: 0 }
    }

    fn add(&mut self, part: &dyn Part, question: &Question<'_>, fields: &[Field], work: &mut Work) -> Result<(), HistoryError> {
        let answered = question.rows(part, work)?;
        let events = answered.rows.len(answered.total);
        self.events += events;
        if events == 0 || fields.is_empty() {
            return Ok(());
        }
        if let ([only], true) = (fields, events == u64::from(answered.total))
            && let Some(totals) = totals(only, part, work)?
        {
            totals.into_iter().for_each(|(value, count)| self.count_value(&value, count));
            return Ok(());
        }
        work.take(events / 4)?;
        let mut columns = Vec::new();
        for field in fields {
            let mut column = Column::of(field, part, work)?;
            if fields.len() > 1 {
                column.join();
            }
            columns.push(column);
        }
        if let [only] = columns.as_slice() {
            self.count_values(only, &answered.rows);
        } else {
            self.count_combinations(&columns, &answered.rows);
        }
        Ok(())
    }

    fn count_values(&mut self, column: &Column, rows: &RowSet) {
        let mut counts = column.count(rows);
        for (row, more) in column.more.iter().filter(|(row, _)| rows.contains(**row)) {
            // Spellings of a place can give a row one value twice.
            let mut seen = vec![&column.values[column.of_row.get(*row) as usize]];
            for value in more {
                if !seen.contains(&&column.values[*value as usize]) {
                    seen.push(&column.values[*value as usize]);
                    counts[*value as usize] += 1;
                }
            }
        }
        for (value, count) in column.values.iter().zip(counts).filter(|(_, count)| *count > 0) {
            self.count_value(value, count);
        }
    }

    fn count_value(&mut self, value: &[u8], count: u64) {
        let number = number_of(&mut self.numbers[0], value);
        self.count(vec![number], count);
    }

    fn count_combinations(&mut self, columns: &[Column], rows: &RowSet) {
        // Each value's number is asked for once, however many combinations it is in.
        let mut known: Vec<Vec<u32>> = columns.iter().map(|column| vec![u32::MAX; column.values.len()]).collect();
        for (combination, count) in count_combinations(columns, rows) {
            let key = combination.iter().enumerate().map(|(field, value)| {
                let number = &mut known[field][*value as usize];
                if *number == u32::MAX {
                    *number = number_of(&mut self.numbers[field], &columns[field].values[*value as usize]);
                }
                *number
            });
            let key = key.collect();
            self.count(key, count);
        }
    }

    fn count(&mut self, key: Vec<u32>, count: u64) {
        if let Some(known) = self.counts.get_mut(&key) {
            *known += count;
        } else if self.counts.len() < COUNTED_VALUES {
            self.counts.insert(key, count);
        } else {
            self.others += count;
        }
    }

    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.others += other.others;
        let names: Vec<Vec<Vec<u8>>> = other.numbers.into_iter().map(by_number).collect();
        for (key, count) in other.counts {
            let key = key
                .iter()
                .enumerate()
                .map(|(field, number)| number_of(&mut self.numbers[field], &names[field][*number as usize]));
            let key = key.collect();
            self.count(key, count);
        }
    }

    fn into_counts(self, top: usize) -> Counts {
        let names: Vec<Vec<Vec<u8>>> = self.numbers.into_iter().map(by_number).collect();
        let text = |key: &[u32]| -> Vec<String> {
            key.iter()
                .enumerate()
                .map(|(field, number)| String::from_utf8_lossy(&names[field][*number as usize]).into_owned())
                .collect()
        };
        let mut counts: Vec<(Vec<u32>, u64)> = self.counts.into_iter().collect();
        // Equals are told apart by their texts, so those at the border are all made.
        counts.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
        let least = counts.get(top.saturating_sub(1)).map_or(0, |(_, count)| *count);
        let shown = if top == 0 { 0 } else { counts.partition_point(|(_, count)| *count >= least) };
        let mut rows: Vec<CountRow> =
            counts[..shown].iter().map(|(key, count)| CountRow { values: text(key), count: *count }).collect();
        rows.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.values.cmp(&b.values)));
        rows.truncate(top);
        let told: u64 = rows.iter().map(|row| row.count).sum();
        let all: u64 = counts.iter().map(|(_, count)| *count).sum();
        Counts { more: (counts.len() - rows.len()) as u64, others: self.others + all - told, events: self.events, rows }
    }
}

fn number_of(numbers: &mut HashMap<Vec<u8>, u32>, value: &[u8]) -> u32 {
    if let Some(number) = numbers.get(value) {
        return *number;
    }
    let number = numbers.len() as u32;
    numbers.insert(value.to_vec(), number);
    number
}

fn by_number(numbers: HashMap<Vec<u8>, u32>) -> Vec<Vec<u8>> {
    let mut names = vec![Vec::new(); numbers.len()];
    for (name, number) in numbers {
        names[number as usize] = name;
    }
    names
}

/// Adds how many of the rows are in each bar, of times that descend.
fn count_ordered(times: &[i64], rows: &RowSet, width: i64, counts: &mut BTreeMap<i64, u64>) {
    let mut from = 0;
    while let Some(time) = times.get(from) {
        let bar = time.div_euclid(width);
        let to = from + times[from..].partition_point(|time| *time >= bar * width);
        let count = rows.len_between(from as u32, to as u32);
        if count > 0 {
            *counts.entry(bar).or_default() += count;
        }
        from = to;
    }
}

fn count_unordered(times: &[i64], rows: &RowSet, width: i64, counts: &mut BTreeMap<i64, u64>) {
    let mut bars: HashMap<i64, u64> = HashMap::new();
    rows.each(0, times.len() as u32, |row| {
        *bars.entry(times[row as usize].div_euclid(width)).or_default() += 1;
        true
    });
    bars.into_iter().for_each(|(bar, count)| *counts.entry(bar).or_default() += count);
}

/// Bars of the width that fits, from counts by the beginnings of finer ones.
fn bars(counts: &BTreeMap<i64, u64>, fine: i64, buckets: usize) -> Histogram {
    let (Some(first), Some(last)) = (counts.keys().next(), counts.keys().next_back()) else { return Histogram::default() };
    let width = bar_width(*first, *last, buckets.min(HISTOGRAM_BARS)).max(fine);
    let start = first.div_euclid(width);
    let mut bars: Vec<(i64, u64)> = (start..=last.div_euclid(width)).map(|bar| (bar * width, 0)).collect();
    for (time, count) in counts {
        bars[usize::try_from(time.div_euclid(width) - start).unwrap_or(0)].1 += count;
    }
    Histogram { bars, width_seconds: width, events: counts.values().sum() }
}
