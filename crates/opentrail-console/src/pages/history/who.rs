//! Who is behind an event: from its credentials back to the person or workload, and forward to what was done with them.

use super::list::event_path;
use super::question::term;
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::problem::Refusal;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "history/who.html")]
struct Page<'a> {
    frame: Frame<'a>,
    piece: Piece,
}

#[derive(Template)]
#[template(path = "history/who_piece.html")]
struct Piece {
    refusal: Option<Refusal>,
    origin: String,
    origin_kind: &'static str,
    notes: Vec<String>,
    steps: Vec<Step>,
    broken: Option<String>,
    told: Vec<String>,
    session: Option<Session>,
}

/// One step back: who held the credentials, and the event that gave them out.
struct Step {
    who: String,
    event: String,
    time: Option<Moment>,
    link: String,
    known_by: &'static str,
}

struct Session {
    key: String,
    link: String,
    events: u64,
    errors: u64,
    first: Option<Moment>,
    last: Option<Moment>,
    operations: Vec<(String, u64)>,
}

pub async fn show(visitor: Visitor) -> Shown {
    let id = visitor.parameter("id").to_owned();
    let all = visitor.wanted.query.is_ticked("all-accounts");
    let found = visitor.run("opentrail", "Who", json!({"EventId": id, "AllAccounts": all})).await;
    let piece = match found {
        Ok(found) => piece(&visitor, &found["Lineage"], if all { "yes" } else { "" }),
        Err(error) => Piece { refusal: Some(error.into()), ..piece(&visitor, &Value::Null, "") },
    };
    if visitor.wanted.query.text("part") == "piece" {
        return Ok(Answer::page(&piece));
    }
    Ok(Answer::page(&Page { frame: Frame::new(&visitor, "Who is behind it", "history"), piece }))
}

fn piece(visitor: &Visitor, lineage: &Value, all: &str) -> Piece {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(&text).collect::<Vec<_>>();
    let steps = lineage["chain"].as_array().into_iter().flatten().map(|link| {
        let event = &link["issuedBy"];
        let path =
            format!("{}?{}", event_path(event["eventID"].as_str().unwrap_or_default()), query_of(&[("all-accounts", all)]));
        Step {
            who: text(&link["issuer"]["name"]),
            event: text(&event["eventName"]),
            time: event["eventTime"].as_str().and_then(Moment::read),
            link: visitor.link(path.trim_end_matches('?')),
            known_by: known_by(link["knownBy"].as_str().unwrap_or_default()),
        }
    });
    let broken = &lineage["broken"];
    Piece {
        refusal: None,
        origin: text(&lineage["origin"]["name"]),
        origin_kind: kind(lineage["origin"]["kind"].as_str().unwrap_or_default()),
        notes: texts(&lineage["origin"]["notes"]),
        steps: steps.collect(),
        broken: broken["reason"].as_str().map(str::to_owned),
        told: texts(&broken["told"]),
        session: session(visitor, &lineage["session"], all),
    }
}

fn session(visitor: &Visitor, session: &Value, all: &str) -> Option<Session> {
    let key = session["accessKeyId"].as_str()?.to_owned();
    let operations = session["operations"].as_array().into_iter().flatten();
    Some(Session {
        link: visitor
            .link(&format!("history?{}", query_of(&[("q", &term("key", &key)), ("period", "all"), ("all-accounts", all)]))),
        key,
        events: session["events"].as_u64().unwrap_or(0),
        errors: session["errors"].as_u64().unwrap_or(0),
        first: session["first"].as_str().and_then(Moment::read),
        last: session["last"].as_str().and_then(Moment::read),
        operations: operations.filter_map(|pair| Some((pair[0].as_str()?.to_owned(), pair[1].as_u64()?))).collect(),
    })
}

fn kind(kind: &str) -> &'static str {
    match kind {
        "user" => "IAM user",
        "root" => "Root user",
        "federated" => "Somebody an identity provider vouched for",
        "other-account" => "Somebody in another account",
        "workload" => "A workload",
        "service" => "An AWS service",
        _ => "Not known",
    }
}

fn known_by(certainty: &str) -> &'static str {
    match certainty {
        "access-key" => "the access key that was given out",
        "shared-event" => "the caller's own account's copy of the event",
        "name-and-time" => "the session's name and the second it was made",
        "sign-in" => "the last console sign-in before",
        _ => "",
    }
}
