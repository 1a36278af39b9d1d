//! One alarm: its state, its metric, its history.

use super::graph::{Wanted, graph};
use super::{SERVICE, check, state};
use crate::answer::Answer;
use crate::frame::Frame;
use crate::json_view::JsonView;
use crate::pages::trails::info::{moment, text};
use crate::problem::{Problem, Refusal};
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// Items of history on the page.
const MOST_ITEMS: usize = 50;
/// Hours of the graph.
const HOURS: i64 = 24;

#[derive(Template)]
#[template(path = "alarms/show.html")]
struct Page<'a> {
    frame: Frame<'a>,
    name: &'a str,
    state: (&'static str, &'static str),
    since: Option<Moment>,
    reason: String,
    /// Safe to put into a page; empty if there is no graph.
    graph: String,
    no_graph: Option<Refusal>,
    items: Result<Vec<Item>, Refusal>,
    settings: JsonView,
}

struct Item {
    at: Option<Moment>,
    kind: String,
    summary: String,
}

pub async fn show(visitor: Visitor) -> Shown {
    check(&visitor)?;
    let Some(name) = visitor.wanted.query.get("name") else { return Err(Problem::NotFound("The address names no alarm.")) };
    let input = json!({"AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]});
    let answer = visitor.run(SERVICE, "DescribeAlarms", input).await?;
    let found = answer["MetricAlarms"].get(0).or_else(|| answer["CompositeAlarms"].get(0));
    let Some(alarm) = found else { return Err(Problem::NotFound("There is no alarm of this name in this region.")) };
    let history = visitor.run(SERVICE, "DescribeAlarmHistory", json!({"AlarmName": name, "MaxRecords": MOST_ITEMS})).await;
    let item = |value: &Value| Item {
        at: moment(&value["Timestamp"]),
        kind: text(value, "HistoryItemType"),
        summary: text(value, "HistorySummary"),
    };
    let list = |answer: Value| answer["AlarmHistoryItems"].as_array().into_iter().flatten().map(item).collect();
    let (graph, no_graph) = match drawn(&visitor, alarm).await {
        None => (String::new(), None),
        Some(Ok(svg)) => (svg, None),
        Some(Err(error)) => (String::new(), Some(Refusal::from(error))),
    };
    Ok(Answer::page(&Page {
        frame: Frame::new(&visitor, name, "alarms"),
        name,
        state: state(alarm["StateValue"].as_str().unwrap_or_default()),
        since: moment(&alarm["StateTransitionedTimestamp"]).or_else(|| moment(&alarm["StateUpdatedTimestamp"])),
        reason: text(alarm, "StateReason"),
        graph,
        no_graph,
        items: history.map(list).map_err(Refusal::from),
        settings: JsonView::of(alarm, None),
    }))
}

/// The metric of an alarm that watches one, with its threshold.
async fn drawn(visitor: &Visitor, alarm: &Value) -> Option<Result<String, ApiError>> {
    let (namespace, name) = (alarm["Namespace"].as_str()?, alarm["MetricName"].as_str()?);
    let wanted = Wanted {
        namespace,
        name,
        dimensions: alarm.get("Dimensions").cloned().unwrap_or_else(|| json!([])),
        statistic: alarm["Statistic"].as_str().unwrap_or("Average"),
        hours: HOURS,
        period: alarm["Period"].as_i64(),
        threshold: alarm["Threshold"].as_f64(),
    };
    Some(graph(visitor, &wanted).await.map(|graph| graph.svg))
}
