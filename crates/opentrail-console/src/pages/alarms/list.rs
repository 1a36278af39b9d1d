//! Alarms by state, and the metrics there are.

use super::{SERVICE, check, state};
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pager::Pager;
use crate::pages::trails::info::{moment, text};
use crate::problem::Refusal;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

/// Metrics of a page.
const MOST_METRICS: usize = 200;

#[derive(Template)]
#[template(path = "alarms/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    alarms: Vec<Alarm>,
    pager: Pager,
    metrics: Result<Vec<Metric>, Refusal>,
}

struct Alarm {
    name: String,
    link: String,
    state: (&'static str, &'static str),
    since: Option<Moment>,
    reason: String,
    watches: String,
}

struct Metric {
    namespace: String,
    name: String,
    dimensions: String,
    link: String,
}

pub async fn show(visitor: Visitor) -> Shown {
    check(&visitor)?;
    let query = &visitor.wanted.query;
    let mut input = json!({"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 50});
    if let Some(token) = query.get("token") {
        input["NextToken"] = token.into();
    }
    let answer = visitor.run(SERVICE, "DescribeAlarms", input).await?;
    let frame = Frame::new(&visitor, "Alarms and metrics", "alarms");
    let lists = ["MetricAlarms", "CompositeAlarms"].map(|list| answer[list].as_array().cloned().unwrap_or_default());
    let mut alarms: Vec<Alarm> = lists.iter().flatten().map(|value| alarm(&frame, value)).collect();
    alarms.sort_by_key(|alarm| (alarm.state.0 != "bad", alarm.name.clone()));
    let next = |token: &str| frame.link(&format!("alarms?{}", query_of(&[("token", token)])));
    let pager = Pager {
        first: query.get("token").map(|_| frame.link("alarms")),
        next: answer["NextToken"].as_str().map(next),
        shown: format!("{} alarms", alarms.len()),
    };
    let metrics = visitor.run(SERVICE, "ListMetrics", json!({})).await;
    let list = |answer: Value| {
        answer["Metrics"].as_array().into_iter().flatten().take(MOST_METRICS).map(|value| metric(&frame, value)).collect()
    };
    let metrics = metrics.map(list).map_err(Refusal::from);
    Ok(Answer::page(&Page { alarms, pager, metrics, frame }))
}

fn alarm(frame: &Frame<'_>, value: &Value) -> Alarm {
    let name = text(value, "AlarmName");
    let watches = match value["AlarmRule"].as_str() {
        Some(rule) => rule.to_owned(),
        None => format!("{} / {}", text(value, "Namespace"), text(value, "MetricName")),
    };
    Alarm {
        link: frame.link(&format!("alarms/show?{}", query_of(&[("name", &name)]))),
        state: state(value["StateValue"].as_str().unwrap_or_default()),
        since: moment(&value["StateTransitionedTimestamp"]).or_else(|| moment(&value["StateUpdatedTimestamp"])),
        reason: text(value, "StateReason"),
        watches,
        name,
    }
}

/// `name=value, …`
pub fn dimension_words(dimensions: &Value) -> String {
    let words = |one: &Value| format!("{}={}", text(one, "Name"), text(one, "Value"));
    dimensions.as_array().into_iter().flatten().map(words).collect::<Vec<_>>().join(", ")
}

fn metric(frame: &Frame<'_>, value: &Value) -> Metric {
    let (namespace, name) = (text(value, "Namespace"), text(value, "MetricName"));
    let dimensions = value.get("Dimensions").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let encoded = dimensions.map(Value::to_string).unwrap_or_default();
    let pairs = [("namespace", namespace.as_str()), ("metric", name.as_str()), ("dimensions", encoded.as_str())];
    Metric {
        link: frame.link(&format!("alarms/metric?{}", query_of(&pairs))),
        dimensions: dimensions.map(dimension_words).unwrap_or_default(),
        namespace,
        name,
    }
}
