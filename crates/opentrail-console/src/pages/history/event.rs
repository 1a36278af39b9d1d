//! One event: what it says, and what belongs to it. A page of its own, and a panel beside the list.

use super::list::event_path;
use super::question::{term, with_term};
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::json_view::JsonView;
use crate::problem::Problem;
use crate::record::Record;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::json;
use time::Duration;

/// How far around an event its neighbours are looked for.
const AROUND: Duration = Duration::minutes(5);

#[derive(Template)]
#[template(path = "history/event.html")]
struct Page<'a> {
    frame: Frame<'a>,
    detail: Detail,
}

/// The event itself.
#[derive(Template)]
#[template(path = "history/detail.html")]
struct Detail {
    id: String,
    name: String,
    time: Option<Moment>,
    error: Option<String>,
    facts: Vec<(&'static str, String)>,
    read_only: bool,
    resources: Vec<(String, String, String)>,
    related: Vec<(String, String)>,
    who: String,
    own_page: String,
    json: JsonView,
}

pub async fn show(visitor: Visitor) -> Shown {
    let id = visitor.parameter("id").to_owned();
    let all = visitor.wanted.query.is_ticked("all-accounts");
    let input = json!({"Query": term("id", &id), "MaxResults": 1, "AllAccounts": all});
    let found = visitor.run("opentrail", "Search", input).await?;
    let Some(text) = found["Events"][0]["CloudTrailEvent"].as_str() else {
        return Err(Problem::NotFound(
            "There is no event of this ID in the history of this account. It may be older than the history is kept, or just be \
             arriving: events can be searched within a second.",
        ));
    };
    let detail = detail(&visitor, &id, &Record::read(text), all);
    if visitor.wanted.query.text("part") == "panel" {
        return Ok(Answer::page(&detail));
    }
    Ok(Answer::page(&Page { frame: Frame::new(&visitor, &detail.name.clone(), "history"), detail }))
}

fn detail(visitor: &Visitor, id: &str, record: &Record, all: bool) -> Detail {
    let all = if all { "yes" } else { "" };
    let own_page = visitor.link(format!("{}?{}", event_path(id), query_of(&[("all-accounts", all)])).trim_end_matches('?'));
    let who = visitor.link(format!("{}/who?{}", event_path(id), query_of(&[("all-accounts", all)])).trim_end_matches('?'));
    let history = |query: &str, more: &[(&str, &str)]| {
        let mut pairs = vec![("q", query)];
        pairs.extend_from_slice(more);
        if !more.iter().any(|(name, _)| *name == "from") {
            pairs.push(("period", "all"));
        }
        pairs.push(("all-accounts", all));
        visitor.link(&format!("history?{}", query_of(&pairs)))
    };
    let resources = record.named_resources().into_iter().take(20).map(|resource| {
        let link = visitor.link(&format!("history/resource?{}", query_of(&[("name", &resource.name), ("all-accounts", all)])));
        (resource.name, resource.kind, link)
    });
    Detail {
        id: id.to_owned(),
        name: record.name(),
        time: Moment::read(&record.time()),
        error: record.error(),
        facts: facts(record),
        read_only: record.at("/readOnly").as_deref() == Some("true"),
        resources: resources.collect(),
        related: related(record, &history),
        who,
        json: JsonView::of_text(&record.text, Some(own_page.clone())),
        own_page,
    }
}

fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let wanted = [
        ("Service", "/eventSource"),
        ("Region", "/awsRegion"),
        ("Who", "/userIdentity/arn"),
        ("Identity", "/userIdentity/type"),
        ("Access key", "/userIdentity/accessKeyId"),
        ("Source address", "/sourceIPAddress"),
        ("User agent", "/userAgent"),
        ("Error", "/errorCode"),
        ("Message", "/errorMessage"),
        ("Account", "/recipientAccountId"),
        ("Type", "/eventType"),
        ("Category", "/eventCategory"),
    ];
    let text = |pointer: &str| record.at(pointer).filter(|text| !text.is_empty());
    wanted.into_iter().filter_map(|(name, pointer)| Some((name, crate::record::shortened(&text(pointer)?, 600)))).collect()
}

type HistoryLink<'a> = &'a dyn Fn(&str, &[(&str, &str)]) -> String;

/// Links to what belongs to an event, each with what it shows.
fn related(record: &Record, history: HistoryLink<'_>) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let text = |pointer: &str| record.at(pointer).filter(|text| !text.is_empty() && text.len() <= 1_000);
    if let Some(key) = record.access_key().filter(|key| key.len() <= 128) {
        let words = if key.starts_with("ASIA") { "The same session" } else { "The same access key" };
        links.push((words.to_owned(), history(&term("key", &key), &[])));
    }
    if let Some(id) = text("/sharedEventID") {
        links.push(("The other accounts' copies (shared event ID)".into(), history(&term("sharedEventID", &id), &[])));
    }
    if let Some(id) = text("/requestID") {
        links.push(("The same request".into(), history(&term("requestID", &id), &[])));
    }
    if let Some(arn) = text("/userIdentity/arn") {
        links.push(("Everything of this caller".into(), history(&term("userIdentity.arn", &arn), &[])));
        let failed = with_term(&term("userIdentity.arn", &arn), "errorCode:*");
        links.push(("This caller's errors".into(), history(&failed, &[])));
    }
    if let Some(address) = text("/sourceIPAddress") {
        links.push(("From the same address".into(), history(&term("ip", &address), &[])));
    }
    if let (Some(name), Some(source)) = (text("/eventName"), text("/eventSource")) {
        let query = format!("{} {}", term("event", &name), term("eventSource", &source));
        links.push((format!("Every {}", crate::record::shortened(&name, 60)), history(&query, &[])));
    }
    if let Some(Moment(at)) = Moment::read(&record.time()) {
        let shown = |at: Option<time::OffsetDateTime>| super::question::Question::shown_time(at);
        let (from, to) = (shown(at.checked_sub(AROUND)), shown(at.checked_add(AROUND)));
        links.push(("Five minutes before and after".into(), history("", &[("from", &from), ("to", &to)])));
    }
    links
}
