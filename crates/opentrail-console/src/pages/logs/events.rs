//! Events of a group or of one stream: the newest, those that a pattern takes, and what a pattern finds in real events.

use super::{group_link, moment};
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::json_view::JsonView;
use crate::pager::Pager;
use crate::problem::{Problem, Refusal};
use crate::record::shortened;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Events of a page.
const PAGE: usize = 50;
/// Longest beginning of a message in the list, in characters.
const LINE_CHARS: usize = 400;
/// All messages of a page that are shown in full; others only begin.
const MAX_FULL_BYTES: usize = 60 * 1024;
/// Periods to choose from, in minutes.
pub const PERIODS: &[(i64, &str)] = &[(15, "15 minutes"), (60, "hour"), (1_440, "day"), (10_080, "week"), (0, "any time")];

#[derive(Template)]
#[template(path = "logs/events.html")]
struct Page<'a> {
    frame: Frame<'a>,
    name: &'a str,
    group: String,
    stream: &'a str,
    pattern: &'a str,
    minutes: i64,
    periods: &'static [(i64, &'static str)],
    tail: bool,
    tail_link: String,
    action: String,
    events: Vec<Event>,
    refusal: Option<Refusal>,
    /// What the pattern does with the events: how many of how many.
    tested: Option<(usize, usize)>,
    pager: Pager,
}

struct Event {
    at: Option<Moment>,
    stream: String,
    /// The beginning, in one line.
    line: String,
    full: Option<JsonView>,
    /// Whether the pattern takes it, when patterns are tried.
    taken: Option<bool>,
    /// What the pattern's names stand for in it.
    values: Vec<(String, String)>,
}

pub async fn show(visitor: Visitor) -> Shown {
    let query = &visitor.wanted.query;
    let Some(name) = query.get("name") else { return Err(Problem::NotFound("The address names no log group.")) };
    let (stream, pattern) = (query.text("stream"), query.text("pattern"));
    let (tail, testing) = (query.get("tail").is_some(), query.text("what") == "test");
    let minutes = query.get("minutes").and_then(|text| text.parse().ok()).unwrap_or(1_440);
    let minutes = if PERIODS.iter().any(|(known, _)| *known == minutes) { minutes } else { 1_440 };
    let filter = if testing { "" } else { pattern };
    let found = found(&visitor, name, stream, filter, minutes, query.get("token")).await;
    let frame = Frame::new(&visitor, name, "logs");
    let (mut events, mut refusal, mut next) = (Vec::new(), None, None);
    let mut messages = Vec::new();
    match found {
        Ok(answer) => {
            let mut room = MAX_FULL_BYTES;
            for value in answer["events"].as_array().into_iter().flatten() {
                messages.push(value["message"].as_str().unwrap_or_default().to_owned());
                events.push(event(value, &mut room));
            }
            next = answer["nextToken"].as_str().map(str::to_owned);
        }
        // What is not a group is no page; a pattern that is wrong is said beside it.
        Err(error) if pattern.is_empty() => return Err(error.into()),
        Err(error) => refusal = Some(Refusal::from(error)),
    }
    let mut tested = None;
    if testing && !messages.is_empty() {
        match test(&visitor, pattern, &messages, &mut events).await {
            Ok(taken) => tested = Some((taken, messages.len())),
            Err(error) => refusal = Some(Refusal::from(error)),
        }
    }
    let shown = format!("{} events, the newest first", events.len());
    let period = minutes.to_string();
    let given = [("name", name), ("stream", stream), ("pattern", pattern), ("minutes", &period)];
    let address = |more: (&str, &str)| {
        let pairs: Vec<(&str, &str)> = given.into_iter().chain([more]).collect();
        frame.link(&format!("logs/events?{}", query_of(&pairs)))
    };
    let what = if testing { "test" } else { "" };
    let next = next.map(|token| address(("token", &token)) + if testing { "&what=test" } else { "" });
    Ok(Answer::page(&Page {
        name,
        group: group_link(&frame, name),
        stream,
        pattern,
        minutes,
        periods: PERIODS,
        tail,
        tail_link: address(if tail { ("what", what) } else { ("tail", "yes") }),
        action: frame.link("logs/events"),
        events,
        refusal,
        tested,
        pager: Pager { first: query.get("token").map(|_| address(("what", what))), next, shown },
        frame,
    }))
}

/// The newest events that a pattern takes.
async fn found(
    visitor: &Visitor,
    group: &str,
    stream: &str,
    pattern: &str,
    minutes: i64,
    token: Option<&str>,
) -> Result<Value, ApiError> {
    /// FilterLogEvents goes backwards from here on only.
    const NEWEST_FIRST_SINCE: i64 = 1_704_067_200_000;
    let now = visitor.now().unix_timestamp() * 1_000;
    let start = if minutes == 0 { NEWEST_FIRST_SINCE } else { now - minutes * 60_000 };
    let mut input = json!({"logGroupName": group, "limit": PAGE, "startFromHead": false, "startTime": start});
    if !stream.is_empty() {
        input["logStreamNames"] = json!([stream]);
    }
    if !pattern.is_empty() {
        input["filterPattern"] = pattern.into();
    }
    if let Some(token) = token {
        input["nextToken"] = token.into();
    }
    visitor.run("logs", "FilterLogEvents", input).await
}

fn event(value: &Value, room: &mut usize) -> Event {
    let message = value["message"].as_str().unwrap_or_default();
    let is_long = message.chars().nth(LINE_CHARS).is_some();
    let is_json = message.trim_start().starts_with(['{', '[']);
    // A document as a tree is about four times its size.
    let cost = message.len() * if is_json { 4 } else { 1 };
    let full = ((is_long || is_json) && cost <= *room).then(|| JsonView::of_text(message, None));
    if full.is_some() {
        *room -= cost;
    }
    Event {
        at: moment(&value["timestamp"]),
        stream: value["logStreamName"].as_str().unwrap_or_default().to_owned(),
        line: shortened(message, LINE_CHARS),
        full,
        taken: None,
        values: Vec::new(),
    }
}

/// Marks the events that a pattern takes, by TestMetricFilter. Answers how many.
async fn test(visitor: &Visitor, pattern: &str, messages: &[String], events: &mut [Event]) -> Result<usize, ApiError> {
    // The operation takes no empty messages; a place holder keeps the numbers.
    let messages: Vec<&str> = messages.iter().map(|message| if message.is_empty() { " " } else { message.as_str() }).collect();
    let answer = visitor.run("logs", "TestMetricFilter", json!({"filterPattern": pattern, "logEventMessages": messages})).await?;
    let mut taken = BTreeSet::new();
    for matched in answer["matches"].as_array().into_iter().flatten() {
        let Some(number) = matched["eventNumber"].as_u64().and_then(|number| usize::try_from(number).ok()) else { continue };
        let Some(event) = number.checked_sub(1).and_then(|index| events.get_mut(index)) else { continue };
        taken.insert(number);
        let values = matched["extractedValues"].as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        event.values = values.map(|(name, value)| (name.clone(), shortened(&text(value), LINE_CHARS))).collect();
    }
    for (index, event) in events.iter_mut().enumerate() {
        event.taken = Some(taken.contains(&(index + 1)));
    }
    Ok(taken.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded() {
        let mut room = 1_000;
        let long = "x".repeat(900);
        assert!(event(&json!({"message": long, "timestamp": 5}), &mut room).full.is_some());
        let second = event(&json!({"message": long}), &mut room);
        assert!(second.full.is_none() && second.line.chars().count() == LINE_CHARS + 1);
        assert!(event(&json!({"message": "{}"}), &mut room).full.is_some());
        assert_eq!(event(&json!("odd"), &mut room).line, "");
    }
}
