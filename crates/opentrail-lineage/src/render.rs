//! The answer for a terminal.

use crate::lineage::{Certainty, Lineage, OriginKind, Session, Summary, Who};
use opentrail_query::neutral::for_terminal;
use std::fmt::Write;

/// Lines from the event back to its origin, then forward. What terminals would obey is made visible.
pub fn render(lineage: &Lineage) -> String {
    let mut out = String::new();
    let mut line = |depth: usize, text: &str| {
        let _ = writeln!(out, "{}{}", "  ".repeat(depth), for_terminal(text));
    };
    line(0, &format!("event   {}", event(&lineage.event)));
    line(0, &format!("caller  {}", who(&lineage.caller)));
    for (number, link) in lineage.chain.iter().enumerate() {
        line(number + 1, &format!("└ {}", event(&link.issued_by)));
        line(number + 1, &format!("  by {}{}", who(&link.issuer), known_by(link.known_by)));
    }
    let kind = match lineage.origin.kind {
        OriginKind::User => "IAM user",
        OriginKind::Root => "root",
        OriginKind::Federated => "federated user",
        OriginKind::OtherAccount => "somebody in another account",
        OriginKind::Workload => "workload",
        OriginKind::Service => "service",
        OriginKind::Unknown => "not known",
    };
    match &lineage.broken {
        None => line(0, &format!("origin  {kind}: {}", lineage.origin.name)),
        Some(broken) => {
            line(0, &format!("origin  not proved; the chain ends at {} ({kind})", lineage.origin.name));
            line(1, &broken.reason);
            broken.told.iter().for_each(|told| line(1, &format!("the session tells: {told}")));
        }
    }
    lineage.origin.notes.iter().for_each(|note| line(1, note));
    if let Some(made) = &lineage.origin.key_created_by {
        line(1, &format!("its key was made by {}: {}", who(&made.by), event(&made.event)));
    }
    if let Some(session) = &lineage.session {
        line(0, "done with these credentials");
        sessions(session, 1, &mut line);
    }
    if lineage.sessions_left_out > 0 {
        line(1, &format!("and {} more sessions", lineage.sessions_left_out));
    }
    out
}

fn sessions(session: &Session, depth: usize, line: &mut dyn FnMut(usize, &str)) {
    let plural = if session.events == 1 { "event" } else { "events" };
    let errors = if session.errors > 0 { format!(", {} failed", session.errors) } else { String::new() };
    let when = match (&session.first, &session.last) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    line(depth, &format!("{} {}: {} {plural}{errors}{when}", session.access_key_id, session.name, session.events));
    if !session.operations.is_empty() {
        let operations: Vec<String> = session.operations.iter().map(|(name, count)| format!("{name} {count}")).collect();
        line(depth, &format!("  {}", operations.join(", ")));
    }
    for child in &session.opened {
        if let Some(opened) = &child.opened_by {
            line(depth, &format!("└ {}", event(opened)));
        }
        sessions(child, depth + 1, line);
    }
}

fn event(event: &Summary) -> String {
    let error = event.error.as_ref().map(|error| format!(" {error}")).unwrap_or_default();
    let source = event.source.trim_end_matches(".amazonaws.com");
    format!("{} {}:{} from {} {}{error}", event.time, source, event.name, event.ip, event.id)
}

fn who(who: &Who) -> String {
    let mut text = format!("{} {}", who.kind, who.name);
    let mut add = |what: &str, value: Option<&String>| {
        if let Some(value) = value {
            text.push_str(&format!(", {what} {value}"));
        }
    };
    add("key", who.access_key_id.as_ref());
    add("source identity", who.source_identity.as_ref());
    add("through", who.invoked_by.as_ref().filter(|by| **by != who.name));
    match who.mfa {
        Some(true) => text + ", with MFA",
        _ => text,
    }
}

fn known_by(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::AccessKey => "",
        Certainty::SharedEvent => " (from the caller's account's copy)",
        Certainty::NameAndTime => " (known by the session's name and the second it was opened)",
        Certainty::SignIn => " (the last sign-in before)",
    }
}
