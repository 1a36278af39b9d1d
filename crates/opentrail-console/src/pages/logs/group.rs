//! One group: its streams, its metric filters.

use super::moment;
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pager::Pager;
use crate::problem::{Problem, Refusal};
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

/// Streams of a page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "logs/group.html")]
struct Page<'a> {
    frame: Frame<'a>,
    name: &'a str,
    streams: Vec<Stream>,
    pager: Pager,
    filters: Result<Vec<Filter>, Refusal>,
    all_events: String,
    /// Whether metrics can be looked at.
    has_metrics: bool,
}

struct Stream {
    name: String,
    link: String,
    first: Option<Moment>,
    last: Option<Moment>,
}

/// A metric filter.
struct Filter {
    name: String,
    pattern: String,
    metric: String,
    value: String,
    /// Where the pattern can be tried.
    tried: String,
    graph: String,
}

pub async fn show(visitor: Visitor) -> Shown {
    let query = &visitor.wanted.query;
    let Some(name) = query.get("name") else { return Err(Problem::NotFound("The address names no log group.")) };
    let mut input = json!({"logGroupName": name, "orderBy": "LastEventTime", "descending": true, "limit": PAGE});
    if let Some(token) = query.get("token") {
        input["nextToken"] = token.into();
    }
    let answer = visitor.run("logs", "DescribeLogStreams", input).await?;
    let frame = Frame::new(&visitor, name, "logs");
    let events = |more: &[(&str, &str)]| {
        let pairs: Vec<(&str, &str)> = [("name", name)].into_iter().chain(more.iter().copied()).collect();
        frame.link(&format!("logs/events?{}", query_of(&pairs)))
    };
    let stream = |value: &Value| {
        let name = value["logStreamName"].as_str().unwrap_or_default().to_owned();
        Stream {
            link: events(&[("stream", &name)]),
            first: moment(&value["firstEventTimestamp"]),
            last: moment(&value["lastEventTimestamp"]),
            name,
        }
    };
    let streams: Vec<Stream> = answer["logStreams"].as_array().into_iter().flatten().map(stream).collect();
    let next = |token: &str| frame.link(&format!("logs/group?{}", query_of(&[("name", name), ("token", token)])));
    let pager = Pager {
        first: query.get("token").map(|_| super::group_link(&frame, name)),
        next: answer["nextToken"].as_str().map(next),
        shown: format!("{} streams", streams.len()),
    };
    let filters = visitor.run("logs", "DescribeMetricFilters", json!({"logGroupName": name})).await;
    let filter = |value: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metric = &value["metricTransformations"][0];
        let (namespace, called) = (text(&metric["metricNamespace"]), text(&metric["metricName"]));
        let pattern = text(&value["filterPattern"]);
        Filter {
            name: text(&value["filterName"]),
            metric: format!("{namespace} / {called}"),
            value: text(&metric["metricValue"]),
            tried: events(&[("pattern", &pattern)]),
            graph: frame.link(&format!("alarms/metric?{}", query_of(&[("namespace", &namespace), ("metric", &called)]))),
            pattern,
        }
    };
    let list = |answer: Value| answer["metricFilters"].as_array().into_iter().flatten().map(filter).collect();
    Ok(Answer::page(&Page {
        name,
        streams,
        pager,
        filters: filters.map(list).map_err(Refusal::from),
        all_events: events(&[]),
        has_metrics: visitor.has_service("monitoring"),
        frame,
    }))
}
