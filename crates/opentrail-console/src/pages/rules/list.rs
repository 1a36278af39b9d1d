//! The rules of each bus.

use super::{SERVICE, check};
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pager::Pager;
use crate::pages::trails::info::text;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "rules/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    buses: Vec<(String, String)>,
    bus: &'a str,
    rules: Vec<Rule>,
    pager: Pager,
}

struct Rule {
    name: String,
    link: String,
    enabled: bool,
    description: String,
    pattern: String,
}

pub async fn show(visitor: Visitor) -> Shown {
    check(&visitor)?;
    let query = &visitor.wanted.query;
    let bus = query.get("bus").unwrap_or("default");
    let mut input = json!({"EventBusName": bus, "Limit": 50});
    if let Some(token) = query.get("token") {
        input["NextToken"] = token.into();
    }
    let (answer, buses) =
        tokio::join!(visitor.run(SERVICE, "ListRules", input), visitor.run(SERVICE, "ListEventBuses", json!({})));
    let answer = answer?;
    let frame = Frame::new(&visitor, "Rules", "rules");
    let to_bus = |name: &str| frame.link(&format!("rules?{}", query_of(&[("bus", name)])));
    let named = |value: &Value| {
        let name = text(value, "Name");
        (to_bus(&name), name)
    };
    // Who may not list buses still sees the rules.
    let buses = buses.unwrap_or_default();
    let buses = buses["EventBuses"].as_array().into_iter().flatten().map(named);
    let buses = buses.map(|(link, name)| (name, link)).collect();
    let rule = |value: &Value| {
        let name = text(value, "Name");
        Rule {
            link: frame.link(&format!("rules/show?{}", query_of(&[("bus", bus), ("name", &name)]))),
            enabled: text(value, "State").starts_with("ENABLED"),
            description: text(value, "Description"),
            pattern: crate::record::shortened(&text(value, "EventPattern"), 200),
            name,
        }
    };
    let rules: Vec<Rule> = answer["Rules"].as_array().into_iter().flatten().map(rule).collect();
    let next = |token: &str| frame.link(&format!("rules?{}", query_of(&[("bus", bus), ("token", token)])));
    let pager = Pager {
        first: query.get("token").map(|_| to_bus(bus)),
        next: answer["NextToken"].as_str().map(next),
        shown: format!("{} rules", rules.len()),
    };
    Ok(Answer::page(&Page { buses, bus, rules, pager, frame }))
}
