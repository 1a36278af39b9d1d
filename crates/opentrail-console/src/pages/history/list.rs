//! The list: search, histogram, table.

use super::columns::{self, Cell, Column};
use super::question::{ATTRIBUTES, PERIODS, Question, term, with_term};
use crate::answer::Answer;
use crate::chart::{self, Bar, Chart};
use crate::frame::Frame;
use crate::pager::Pager;
use crate::problem::Refusal;
use crate::record::Record;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use futures::future::join3;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Events of a page, and bars of the histogram.
const ROWS: usize = 50;
const BARS: usize = 60;

#[derive(Template)]
#[template(path = "history/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    question: &'a Question,
    columns: Vec<Column>,
    /// Where in the query the first error is.
    unclear: Option<Unclear>,
    refusal: Option<Refusal>,
    rows: Vec<Row>,
    pager: Pager,
    histogram: Option<HistogramView>,
    /// The question as an address, with a certain end.
    certain: String,
    /// The same that stays open at its end.
    open: String,
    is_first_page: bool,
    may_ask_for_all: bool,
}

/// A query with the place of its error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    pub before: String,
    pub place: String,
    pub after: String,
    pub reason: String,
}

/// One event of the table.
#[derive(Template)]
#[template(path = "history/row.html")]
pub struct Row {
    pub id: String,
    pub time: Option<Moment>,
    pub time_text: String,
    pub cells: Vec<Cell>,
    pub failed: bool,
    /// Of the event's own page.
    pub link: String,
}

impl Row {
    pub fn of(visitor: &Visitor, record: &Record, columns: &[Column]) -> Self {
        let time_text = record.time();
        Self {
            id: record.id(),
            time: Moment::read(&time_text),
            time_text,
            cells: columns.iter().map(|column| column.cell(record)).collect(),
            failed: record.error().is_some(),
            link: visitor.link(&event_path(&record.id())),
        }
    }
}

/// The page of an event.
pub fn event_path(id: &str) -> String {
    let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
    format!("history/event/{id}")
}

struct HistogramView {
    chart: Chart,
    events: u64,
    errors: u64,
    /// In words, each with the address that looks at it alone.
    bars: Vec<BarView>,
}

struct BarView {
    begins: Moment,
    count: u64,
    bad: u64,
    link: String,
}

impl Page<'_> {
    /// The periods on offer: name, in words, whether it is the one asked for.
    fn periods(&self) -> Vec<(&'static str, &'static str, bool)> {
        PERIODS.iter().map(|(name, words, _)| (*name, *words, *name == self.question.period)).collect()
    }

    fn attributes(&self) -> Vec<&'static str> {
        ATTRIBUTES.iter().map(|(name, _)| *name).collect()
    }

    fn download(&self, format: &str) -> String {
        self.frame.link(&format!("history/download?format={format}&{}", self.certain))
    }

    fn from(&self) -> String {
        if self.question.period.is_empty() { Question::shown_time(self.question.from) } else { String::new() }
    }

    fn to(&self) -> String {
        if self.question.period.is_empty() { Question::shown_time(self.question.to) } else { String::new() }
    }

    /// What can be ticked, and whether it is.
    fn offered(&self) -> Vec<(&'static str, &'static str, bool)> {
        let shown = |name: &str| self.columns.iter().any(|column| column.name == name);
        columns::OFFERED.iter().map(|(name, heading, _)| (*name, *heading, shown(name))).collect()
    }

    /// Columns that are shown and not offered.
    fn others(&self) -> Vec<&str> {
        let offered = |name: &str| columns::OFFERED.iter().any(|(other, ..)| *other == name);
        self.columns.iter().map(|column| column.name.as_str()).filter(|name| !offered(name)).collect()
    }
}

pub async fn show(visitor: Visitor) -> Shown {
    let form = &visitor.wanted.query;
    let now = visitor.now();
    let mut question = Question::read(form, now);
    if let Some(value) = form.get("value") {
        // A quick filter becomes part of the query, where it can be seen and changed.
        let (_, field) = ATTRIBUTES.iter().find(|(name, _)| *name == form.text("attribute")).unwrap_or(&ATTRIBUTES[0]);
        question.query = with_term(&question.query, &term(field, value));
        return Ok(Answer::redirect(&visitor.link(&format!("history?{}", question.address(None)))));
    }
    let token = form.get("next");
    let mut wanted = question.input_with(json!({"MaxResults": ROWS}));
    if let Some(token) = token {
        wanted["NextToken"] = token.into();
    } else if question.to.is_none() {
        // So that the next page asks the very same.
        wanted["EndTime"] = event_time(now).into();
    }
    let failures = question.failures();
    let first = token.is_none();
    let count = |input: Value| async {
        if !first {
            return None;
        }
        let input = merged(input, json!({"Buckets": BARS}));
        Some(visitor.run("opentrail", "Histogram", input).await)
    };
    let (found, all, bad) =
        join3(visitor.run("opentrail", "Search", wanted), count(question.input()), count(failures.input())).await;
    let columns = columns::chosen(&question.columns);
    let mut page = Page {
        frame: Frame::new(&visitor, "Event history", "history"),
        columns,
        unclear: None,
        refusal: None,
        rows: Vec::new(),
        pager: Pager::default(),
        histogram: None,
        certain: question.address(Some(now)),
        open: question.address(None),
        is_first_page: first,
        may_ask_for_all: visitor.account() == visitor.app().settings.account_id,
        question: &question,
    };
    match found {
        Ok(found) => list(&mut page, &visitor, &found),
        Err(error) => match unclear(&question.query, &error) {
            Some(unclear) => page.unclear = Some(unclear),
            None => page.refusal = Some(error.into()),
        },
    }
    if let (Some(Ok(all)), bad) = (all, bad.and_then(Result::ok)) {
        page.histogram = Some(histogram(&visitor, &question, &all, &bad.unwrap_or_default()));
    }
    let status = if page.refusal.as_ref().is_some_and(|refusal| refusal.missing.is_some()) { 403 } else { 200 };
    Ok(Answer::page_with(status, &page))
}

fn merged(mut input: Value, more: Value) -> Value {
    if let (Value::Object(input), Value::Object(more)) = (&mut input, more) {
        input.extend(more);
    }
    input
}

fn list(page: &mut Page<'_>, visitor: &Visitor, found: &Value) {
    let events = found["Events"].as_array().map(Vec::as_slice).unwrap_or_default();
    page.rows = events
        .iter()
        .map(|event| Row::of(visitor, &Record::read(event["CloudTrailEvent"].as_str().unwrap_or_default()), &page.columns))
        .collect();
    let further = |token: &str| {
        let token = crate::form::query_of(&[("next", token)]);
        visitor.link(&format!("history?{}&{token}", page.certain))
    };
    page.pager = Pager {
        first: (!page.is_first_page).then(|| visitor.link(&format!("history?{}", page.open))),
        next: found["NextToken"].as_str().map(further),
        shown: format!("{} events", page.rows.len()),
    };
}

/// The bars of two answers of Histogram, for everything and for the errors in it, and how many seconds a bar is.
pub fn histogram_bars(all: &Value, bad: &Value) -> (Vec<Bar>, i64) {
    let counts = |answer: &Value| -> BTreeMap<i64, u64> {
        let bars = answer["Bars"].as_array().map(Vec::as_slice).unwrap_or_default();
        bars.iter().filter_map(|bar| Some((bar["Time"].as_i64()?, bar["Count"].as_u64()?))).collect()
    };
    let width = all["WidthSeconds"].as_i64().unwrap_or(1).max(1);
    let (all_counts, bad_counts) = (counts(all), counts(bad));
    // Both have bars that people read easily; those of the errors can be shorter.
    let mut bars: Vec<Bar> = all_counts.iter().map(|(begins, count)| Bar { begins: *begins, count: *count, bad: 0 }).collect();
    for (at, count) in &bad_counts {
        let index = bars.partition_point(|bar| bar.begins <= *at);
        if let Some(bar) = index.checked_sub(1).and_then(|index| bars.get_mut(index)) {
            bar.bad += count;
        }
    }
    (bars, width)
}

fn histogram(visitor: &Visitor, question: &Question, all: &Value, bad: &Value) -> HistogramView {
    let (bars, width) = histogram_bars(all, bad);
    let first = bars.first().map_or(0, |bar| bar.begins);
    let last = bars.last().map_or(first + 1, |bar| bar.begins + width);
    let from = question.from.map_or(first, |from| from.unix_timestamp());
    let to = question
        .to
        .map_or_else(|| if question.from.is_some() { visitor.now().unix_timestamp() } else { last }, |to| to.unix_timestamp());
    let (events, errors) = (all["Events"].as_u64().unwrap_or(0), bad["Events"].as_u64().unwrap_or(0));
    let views = bars.iter().rev().filter(|bar| bar.count > 0).filter_map(|bar| {
        let end = Moment::at_seconds(bar.begins + width - 1)?;
        let begins = Moment::at_seconds(bar.begins)?;
        let alone = Question { period: "", from: Some(begins.0), to: Some(end.0), ..question.clone() };
        Some(BarView { begins, count: bar.count, bad: bar.bad, link: visitor.link(&format!("history?{}", alone.address(None))) })
    });
    let title = format!("{events} events, {errors} of them errors, over time");
    HistogramView { chart: chart::histogram(&bars, width, from, to, &title), events, errors, bars: views.collect() }
}

/// The place of a query's error, from the answer to it.
fn unclear(query: &str, error: &ApiError) -> Option<Unclear> {
    if error.code != "InvalidQueryException" {
        return None;
    }
    let number = |name: &str| error.extra.iter().find(|(extra, _)| *extra == name)?.1.parse::<usize>().ok();
    let start = query.floor_char_boundary(number("Offset").unwrap_or(query.len()));
    let end = query.ceil_char_boundary(start.saturating_add(number("Length").unwrap_or(0)).min(query.len()));
    Some(Unclear {
        before: query[..start].to_owned(),
        place: if start == end { "␣".into() } else { query[start..end].to_owned() },
        after: query[end..].to_owned(),
        reason: error.message.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_point_at_their_place() {
        let error = |offset: &str, length: &str| {
            ApiError::new("InvalidQueryException", "why").with_extra("Offset", offset).with_extra("Length", length)
        };
        let shown = |query: &str, offset: &str, length: &str| {
            let found = unclear(query, &error(offset, length)).expect("unclear");
            (found.before, found.place, found.after)
        };
        let texts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(shown("a ) b", "2", "1"), texts("a ", ")", " b"));
        assert_eq!(shown("a:", "2", "0"), texts("a:", "␣", ""));
        assert_eq!(shown("äö", "1", "99"), texts("", "äö", ""));
        assert_eq!(unclear("a", &ApiError::new("Other", "x")), None);
    }

    #[test]
    fn addresses_of_events_hold_any_id() {
        assert_eq!(event_path("a/../b?c"), "history/event/a%2F%2E%2E%2Fb%3Fc");
    }
}
