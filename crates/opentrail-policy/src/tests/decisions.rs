//! The table of decisions: each row with the answer AWS gives and the rule it follows. `docs/policy-decisions.md` is made
//! from the same rows; `UPDATE_DOCS=1 cargo test -p opentrail-policy` writes it.

use std::fmt::Write;

use serde_json::Value;

use super::*;

const TABLE: &str = include_str!("decisions.json");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy-decisions.md");

fn principal(name: &str) -> Principal {
    match name {
        "root" => root(),
        "role" => role_session(),
        "federated" => federated(),
        "cloudtrail" => cloudtrail(),
        "anonymous" => Principal::Anonymous,
        "web" => Principal::Federated {
            provider: format!("arn:aws:iam::{HOME}:oidc-provider/id.example.com"),
            subject: "id.example.com:alice".to_owned(),
        },
        name => user(name),
    }
}

fn document(statements: &Value, kind: PolicyKind) -> PolicyDocument {
    let text = serde_json::json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    PolicyDocument::parse(&text, kind).unwrap_or_else(|error| panic!("{error} ({error:?}) in {text}"))
}

/// An organization's level is a list of statements; several levels, several lists.
fn levels(organization: &Value) -> Vec<PolicyDocument> {
    let levels = organization.as_array().map(Vec::as_slice).unwrap_or_default();
    levels.iter().map(|level| document(level, PolicyKind::Identity)).collect()
}

fn context(given: &Value) -> RequestContext {
    let keys = given.as_object().into_iter().flatten();
    keys.fold(RequestContext::new(), |context, (key, values)| match values {
        Value::Array(values) => context.with_all(key, values.iter().filter_map(Value::as_str)),
        value => context.with(key, value.as_str().expect("a text")),
    })
}

/// The answer in the words of the table.
fn answer(case: &Value) -> String {
    let one = |member: &str, kind| case.get(member).map(|statements| document(statements, kind));
    let text = |member: &str| case[member].as_str().expect("a text");
    let identity = one("identity", PolicyKind::Identity);
    let resource = one("resource", PolicyKind::Resource).or(one("trust", PolicyKind::Trust));
    let grants = one("grants", PolicyKind::Resource);
    let (session, boundary) = (one("session", PolicyKind::Identity), one("boundary", PolicyKind::Identity));
    let levels = levels(&case["organization"]);
    let levels: Vec<[&PolicyDocument; 1]> = levels.iter().map(|level| [level]).collect();
    let levels: Vec<&[&PolicyDocument]> = levels.iter().map(|level| level.as_slice()).collect();
    let (principal, context) = (principal(text("as")), context(&case["context"]));
    let request = Request {
        principal: &principal,
        action: text("do"),
        resource: text("on"),
        resource_account: case["owner"].as_str().unwrap_or(HOME),
        context: &context,
    };
    let session = session.as_ref();
    let policies = Policies {
        identity: &identity.iter().collect::<Vec<_>>(),
        resource: resource.as_ref(),
        session: session.as_ref().map(std::slice::from_ref),
        boundary: boundary.as_ref(),
        organization: &levels,
        grants: grants.as_ref(),
    };
    match decide(&request, &policies) {
        Decision::Allowed => "allowed".to_owned(),
        Decision::Denied(reason) => {
            let message = reason.message(&request);
            let because = message.split_once(&format!("on resource: {} ", text("on"))).expect("the resource is named").1;
            let because = because.trim_start_matches("because ").trim_start_matches("with an ");
            because.trim_end_matches(&format!(" the {} action", text("do"))).to_owned()
        }
    }
}

fn sections() -> Vec<Value> {
    serde_json::from_str(TABLE).expect("the table is JSON")
}

fn cases(section: &Value) -> &[Value] {
    section["cases"].as_array().expect("a list of cases")
}

#[test]
fn every_row_is_decided_as_it_says() {
    let sections = sections();
    for section in &sections {
        for case in cases(section) {
            assert_eq!(answer(case), case["answer"], "{}: {case}", section["title"]);
        }
    }
    let rows: usize = sections.iter().map(|section| cases(section).len()).sum();
    assert!(rows >= 150, "only {rows} rows");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test that keeps a page up to date")]
fn the_page_in_docs_is_that_of_the_table() {
    let page = page(&sections());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).expect("the page is written");
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(written == page, "docs/policy-decisions.md is not up to date: UPDATE_DOCS=1 cargo test -p opentrail-policy");
}

fn page(sections: &[Value]) -> String {
    let rows: usize = sections.iter().map(|section| cases(section).len()).sum();
    let mut page = format!(
        "# Policy decisions\n\nMade from `crates/opentrail-policy/src/tests/decisions.json`, which runs as a test: {rows} requests, the policies that\n\
         apply, the answer, and the rule that it follows. `alice` is a user of account {HOME}, `role` a session `alice` of its role\n\
         `auditor`, `federated` a federated user, `web` somebody whom an OpenID Connect provider vouches for, `cloudtrail` the\n\
         service. Resources are account {HOME}'s unless the row says other.\n"
    );
    let mut number = 0;
    for section in sections {
        let _ = write!(page, "\n## {}\n\n", section["title"].as_str().unwrap_or_default());
        page.push_str("| # | who | does what, on what | given | answer | rule |\n| ---: | --- | --- | --- | --- | --- |\n");
        for case in cases(section) {
            number += 1;
            let text = |member: &str| case[member].as_str().unwrap_or_default();
            let wanted = format!("`{}`<br>`{}`", text("do"), text("on"));
            let _ = writeln!(
                page,
                "| {number} | {} | {wanted} | {} | {} | {} |",
                text("as"),
                given(case),
                text("answer"),
                text("rule")
            );
        }
    }
    page
}

/// The policies and circumstances of a row.
fn given(case: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(owner) = case["owner"].as_str() {
        lines.push(format!("resource of account {owner}"));
    }
    for (member, title) in [
        ("context", "request"),
        ("identity", "identity policy"),
        ("resource", "resource policy"),
        ("trust", "trust policy"),
        ("grants", "grant"),
        ("boundary", "boundary"),
        ("session", "session policy"),
        ("organization", "organization"),
    ] {
        match &case[member] {
            Value::Array(statements) if member != "organization" => {
                lines.extend(statements.iter().map(|statement| format!("{title}: `{}`", cell(statement))));
            }
            Value::Array(levels) => lines.extend(levels.iter().map(|level| format!("{title}: `{}`", cell(level)))),
            Value::Object(_) => lines.push(format!("{title}: `{}`", cell(&case[member]))),
            _ => {}
        }
    }
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("<br>") }
}

/// JSON that can stand in a table.
fn cell(value: &Value) -> String {
    value.to_string().replace('|', "\\|")
}
