//! One rule: its pattern and its targets.

use super::{SERVICE, check};
use crate::answer::Answer;
use crate::frame::Frame;
use crate::json_view::JsonView;
use crate::pages::trails::info::text;
use crate::problem::{Problem, Refusal};
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "rules/show.html")]
struct Page<'a> {
    frame: Frame<'a>,
    name: &'a str,
    bus: &'a str,
    enabled: bool,
    description: String,
    pattern: JsonView,
    targets: Result<Vec<(String, String, JsonView)>, Refusal>,
}

pub async fn show(visitor: Visitor) -> Shown {
    check(&visitor)?;
    let query = &visitor.wanted.query;
    let Some(name) = query.get("name") else { return Err(Problem::NotFound("The address names no rule.")) };
    let bus = query.get("bus").unwrap_or("default");
    let rule = visitor.run(SERVICE, "DescribeRule", json!({"Name": name, "EventBusName": bus})).await?;
    let targets = visitor.run(SERVICE, "ListTargetsByRule", json!({"Rule": name, "EventBusName": bus})).await;
    let target = |value: &Value| (text(value, "Id"), text(value, "Arn"), JsonView::of(value, None));
    let list = |answer: Value| answer["Targets"].as_array().into_iter().flatten().map(target).collect();
    Ok(Answer::page(&Page {
        frame: Frame::new(&visitor, name, "rules"),
        name,
        bus,
        enabled: text(&rule, "State").starts_with("ENABLED"),
        description: text(&rule, "Description"),
        pattern: JsonView::of_text(&text(&rule, "EventPattern"), None),
        targets: targets.map(list).map_err(Refusal::from),
    }))
}
