//! Unusual activity, found simply: callers, addresses, services and error codes that occur in the last 24 hours and did not in the
//! 30 days before.

use crate::form::query_of;
use crate::pages::history::term;
use crate::piece;
use crate::problem::Refusal;
use crate::record::shortened;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use futures::future::{join, join_all};
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use time::Duration;

const RECENT: Duration = Duration::hours(24);
const BEFORE: Duration = Duration::days(30);
/// Different values of the last 24 hours, and of the time before, that are looked at.
const RECENT_VALUES: usize = 1_000;
const FORMER_VALUES: usize = 10_000;
/// Values of one kind that are shown.
const SHOWN: usize = 8;

/// What is compared: the field, and what it is called.
const KINDS: &[(&str, &str)] = &[
    ("userIdentity.arn", "New callers"),
    ("sourceIPAddress", "New source addresses"),
    ("eventSource", "New services"),
    ("errorCode", "New error codes"),
];

#[derive(Template)]
#[template(path = "dashboard/unusual.html")]
struct Piece {
    refusal: Option<Refusal>,
    kinds: Vec<Kind>,
    nothing: bool,
    /// Whether there is anything from before to compare with.
    has_past: bool,
}

struct Kind {
    name: &'static str,
    values: Vec<(String, u64, String)>,
    more: usize,
    /// There were more different values before than were looked at.
    incomplete: bool,
}

pub async fn show(visitor: Visitor) -> Shown {
    let found: Vec<Result<(Kind, bool), ApiError>> = join_all(KINDS.iter().map(|kind| compared(&visitor, kind))).await;
    let refusal = found.iter().find_map(|kind| kind.as_ref().err()).map(Refusal::from);
    let (kinds, past): (Vec<Kind>, Vec<bool>) = found.into_iter().flatten().unzip();
    let kinds: Vec<Kind> = kinds.into_iter().filter(|kind| !kind.values.is_empty()).collect();
    let piece = Piece { refusal, nothing: kinds.is_empty(), kinds, has_past: past.contains(&true) };
    Ok(piece::shown(&visitor, "Unusual activity", "", &piece))
}

async fn compared(visitor: &Visitor, (field, name): &(&'static str, &'static str)) -> Result<(Kind, bool), ApiError> {
    let now = visitor.now();
    let recent = now - RECENT;
    let ask = |start, end, most: usize| {
        let input = json!({"Fields": [field], "StartTime": event_time(start), "EndTime": event_time(end), "MaxResults": most});
        visitor.run("opentrail", "CountBy", input)
    };
    let second = Duration::seconds(1);
    let (after, before) = join(ask(recent, now, RECENT_VALUES), ask(recent - BEFORE, recent - second, FORMER_VALUES)).await;
    let (after, before) = (after?, before?);
    let rows = |answer: &Value| -> Vec<(String, u64)> {
        let rows = answer["Rows"].as_array().into_iter().flatten();
        rows.filter_map(|row| Some((row["Values"][0].as_str()?.to_owned(), row["Count"].as_u64()?))).collect()
    };
    let former: BTreeSet<String> = rows(&before).into_iter().map(|(value, _)| value).collect();
    let mut new: Vec<(String, u64)> = rows(&after);
    new.retain(|(value, _)| !value.is_empty() && !former.contains(value));
    let more = new.len().saturating_sub(SHOWN);
    new.truncate(SHOWN);
    let link = |value: &str| visitor.link(&format!("history?{}", query_of(&[("q", &term(field, value)), ("period", "24h")])));
    let values = new.into_iter().map(|(value, count)| (shortened(&value, 120), count, link(&value))).collect();
    let incomplete = before["MoreRows"].as_u64().is_some_and(|more| more > 0) || before["MoreRows"] == true;
    Ok((Kind { name, values, more, incomplete }, before["Events"].as_u64().unwrap_or(0) > 0))
}
