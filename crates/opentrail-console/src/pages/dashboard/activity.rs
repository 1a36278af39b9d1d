//! What happened in the last 24 hours: when, by service and outcome, by whom, with which errors.

use crate::answer::Answer;
use crate::chart;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pages::history::{histogram_bars, term, with_term};
use crate::problem::Refusal;
use crate::record::shortened;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use futures::future::join4;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::Duration;

/// How far back.
const PERIOD: Duration = Duration::hours(24);
/// Rows of a table, and bars of the chart.
const ROWS: usize = 10;
const BARS: usize = 48;
/// Values with errors that are looked at for the rows of a table.
const FAILING_VALUES: usize = 1_000;

#[derive(Template)]
#[template(path = "dashboard/activity.html")]
struct Page<'a> {
    frame: Frame<'a>,
    refusal: Option<Refusal>,
    events: u64,
    errors: u64,
    chart: chart::Chart,
    services: Table,
    people: Table,
    failures: Table,
}

#[derive(Template)]
#[template(path = "dashboard/table.html")]
struct Table {
    heading: &'static str,
    lines: Vec<Line>,
    refusal: Option<Refusal>,
}

/// A row of a table with a bar.
struct Line {
    name: String,
    whole: String,
    count: u64,
    bad: u64,
    /// Lengths of the bar's parts, in hundredths.
    good_width: u64,
    bad_width: u64,
    link: String,
}

pub async fn show(visitor: Visitor) -> Shown {
    let now = visitor.now();
    let from = now - PERIOD;
    let asked = |query: &str, more: Value| {
        let mut input = json!({"Query": query, "StartTime": event_time(from)});
        if let (Value::Object(input), Value::Object(more)) = (&mut input, more) {
            input.extend(more);
        }
        input
    };
    let run = |operation: &'static str, input: Value| visitor.run("opentrail", operation, input);
    let count =
        |query: &str, field: &str, rows: usize| run("CountBy", asked(query, json!({"Fields": [field], "MaxResults": rows})));
    let bars = |query: &str| run("Histogram", asked(query, json!({"Buckets": BARS})));
    let when = futures::future::join(bars(""), bars("errorCode:*"));
    let by_service = futures::future::join(count("", "eventSource", ROWS), count("errorCode:*", "eventSource", FAILING_VALUES));
    let people =
        futures::future::join(count("", "userIdentity.arn", ROWS), count("errorCode:*", "userIdentity.arn", FAILING_VALUES));
    let (when, by_service, people, failures) = join4(when, by_service, people, count("errorCode:*", "errorCode", ROWS)).await;
    let (all, bad) = when;
    let refusal = all.as_ref().err().map(Refusal::from);
    let (all, bad) = (all.unwrap_or_default(), bad.unwrap_or_default());
    let (columns, width) = histogram_bars(&all, &bad);
    let (events, errors) = (all["Events"].as_u64().unwrap_or(0), bad["Events"].as_u64().unwrap_or(0));
    let title = format!("{events} events in 24 hours, {errors} of them errors");
    let link = |field: &'static str, only_errors: bool| {
        let visitor = &visitor;
        move |value: &str| {
            let query = term(field, value);
            let query = if only_errors { with_term(&query, "errorCode:*") } else { query };
            visitor.link(&format!("history?{}", query_of(&[("q", &query), ("period", "24h")])))
        }
    };
    let failed_services = counts(&by_service.1);
    let page = Page {
        frame: Frame::new(&visitor, "Dashboard", ""),
        refusal,
        events,
        errors,
        chart: chart::histogram(&columns, width, from.unix_timestamp(), now.unix_timestamp(), &title),
        services: table("Service", &by_service.0, &failed_services, link("eventSource", false)),
        people: table("Caller", &people.0, &counts(&people.1), link("userIdentity.arn", false)),
        failures: table("Error code", &failures, &counts(&failures), link("errorCode", true)),
    };
    Ok(Answer::page(&page))
}

type Counted = Result<Value, ApiError>;

fn rows(counted: &Counted) -> impl Iterator<Item = (String, u64)> {
    let rows = counted.as_ref().ok().and_then(|counted| counted["Rows"].as_array());
    rows.into_iter().flatten().filter_map(|row| Some((row["Values"][0].as_str()?.to_owned(), row["Count"].as_u64()?)))
}

fn counts(counted: &Counted) -> BTreeMap<String, u64> {
    rows(counted).collect()
}

/// Without what all of its kind have in common.
fn short_name(name: &str) -> String {
    let tail = if name.starts_with("arn:") { name.splitn(6, ':').nth(5).unwrap_or(name) } else { name };
    shortened(tail.trim_end_matches(".amazonaws.com"), 80)
}

fn table(heading: &'static str, counted: &Counted, bad: &BTreeMap<String, u64>, link: impl Fn(&str) -> String) -> Table {
    Table { heading, lines: lines(counted, bad, link), refusal: counted.as_ref().err().map(Refusal::from) }
}

fn lines(counted: &Counted, bad: &BTreeMap<String, u64>, link: impl Fn(&str) -> String) -> Vec<Line> {
    let rows: Vec<(String, u64)> = rows(counted).filter(|(name, _)| !name.is_empty()).collect();
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let line = |(name, count): (String, u64)| {
        let bad = bad.get(&name).copied().unwrap_or(0).min(count);
        let share = |part: u64| (part.saturating_mul(100) / most).max(u64::from(part > 0));
        Line {
            link: link(&name),
            count,
            bad,
            bad_width: share(bad),
            good_width: share(count - bad),
            name: short_name(&name),
            whole: shortened(&name, 400),
        }
    };
    rows.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_bars_in_proportion() {
        let counted = Ok(json!({"Rows": [{"Values": ["a"], "Count": 200}, {"Values": ["b"], "Count": 1}, {"Values": [null]}]}));
        let bad = BTreeMap::from([("a".to_owned(), 50)]);
        let lines = lines(&counted, &bad, |name| name.to_owned());
        let shown: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.good_width, line.bad_width)).collect();
        assert_eq!(shown, [("a", 75, 25), ("b", 1, 0)]);
    }
}
