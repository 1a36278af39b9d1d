//! What happened to a resource: created, changed, deleted, by whom.

use super::list::event_path;
use super::question::{Question, term};
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pager::Pager;
use crate::problem::Problem;
use crate::record::Record;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_model::timestamp::event_time;
use serde_json::{Value, json};

const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "history/resource.html")]
struct Page<'a> {
    frame: Frame<'a>,
    name: &'a str,
    with_reads: bool,
    /// The same with reads, or without.
    other: String,
    /// In the list of events.
    in_history: String,
    steps: Vec<Step>,
    pager: Pager,
}

struct Step {
    /// `good`, `bad`, `warn`, `quiet`: how the badge looks.
    look: &'static str,
    kind: &'static str,
    event: String,
    who: String,
    time: Option<Moment>,
    error: Option<String>,
    link: String,
}

pub async fn show(visitor: Visitor) -> Shown {
    let form = &visitor.wanted.query;
    let Some(name) = form.get("name") else {
        return Err(Problem::Unclear("Which resource? Its name or ARN is missing in the address.".into()));
    };
    let with_reads = form.is_ticked("reads");
    let all = if form.is_ticked("all-accounts") { "yes" } else { "" };
    let query = if with_reads { term("resource", name) } else { format!("{} readOnly:false", term("resource", name)) };
    let now = visitor.now();
    let until = Question::read(form, now).to.map_or_else(|| event_time(now), event_time);
    let mut input = json!({"Query": query, "MaxResults": ROWS, "EndTime": until, "AllAccounts": !all.is_empty()});
    if let Some(token) = form.get("next") {
        input["NextToken"] = token.into();
    }
    let found = visitor.run("opentrail", "Search", input).await?;
    let events = found["Events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<Step> = events.iter().map(|event| step(&visitor, event, all)).collect();
    let address = |reads: bool, next: &str| {
        let to = if next.is_empty() { "" } else { until.as_str() };
        let reads = if reads { "yes" } else { "" };
        let pairs = [("name", name), ("reads", reads), ("all-accounts", all), ("to", to), ("next", next)];
        visitor.link(&format!("history/resource?{}", query_of(&pairs)))
    };
    let page = Page {
        frame: Frame::new(&visitor, "Resource timeline", "history"),
        name,
        with_reads,
        other: address(!with_reads, ""),
        in_history: visitor.link(&format!("history?{}", query_of(&[("q", &query), ("period", "all"), ("all-accounts", all)]))),
        pager: Pager {
            first: form.get("next").map(|_| address(with_reads, "")),
            next: found["NextToken"].as_str().map(|next| address(with_reads, next)),
            shown: format!("{} events, newest first", steps.len()),
        },
        steps,
    };
    Ok(Answer::page(&page))
}

fn step(visitor: &Visitor, event: &Value, all: &str) -> Step {
    let record = Record::read(event["CloudTrailEvent"].as_str().unwrap_or_default());
    let (look, kind) = kind(&record);
    let path = format!("{}?{}", event_path(&record.id()), query_of(&[("all-accounts", all)]));
    Step {
        look,
        kind,
        event: record.name(),
        who: record.who(),
        time: Moment::read(&record.time()),
        error: record.error(),
        link: visitor.link(path.trim_end_matches('?')),
    }
}

/// What an event did to a resource, by its name and whether it succeeded.
fn kind(record: &Record) -> (&'static str, &'static str) {
    let name = record.name();
    let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    if record.error().is_some() {
        ("quiet", "Failed")
    } else if record.at("/readOnly").as_deref() == Some("true") {
        ("quiet", "Read")
    } else if begins(&["Delete", "Terminate", "Remove", "Destroy", "ScheduleKeyDeletion"]) {
        ("bad", "Deleted")
    } else if begins(&["Create", "Run", "Register", "Allocate", "Import", "Copy", "Generate"]) {
        ("good", "Created")
    } else {
        ("warn", "Changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_by_what_they_do() {
        for (record, expect) in [
            (r#"{"eventName": "CreateTrail", "readOnly": false}"#, "Created"),
            (r#"{"eventName": "DeleteTrail", "readOnly": false}"#, "Deleted"),
            (r#"{"eventName": "StopLogging", "readOnly": false}"#, "Changed"),
            (r#"{"eventName": "DeleteTrail", "errorCode": "AccessDenied"}"#, "Failed"),
            (r#"{"eventName": "GetTrail", "readOnly": true}"#, "Read"),
        ] {
            assert_eq!(kind(&Record::read(record)).1, expect, "{record}");
        }
    }
}
