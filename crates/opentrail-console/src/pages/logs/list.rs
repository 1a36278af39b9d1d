//! All log groups of the region.

use super::{group_link, moment};
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pager::Pager;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::json;

#[derive(Template)]
#[template(path = "logs/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    pattern: &'a str,
    groups: Vec<Group>,
    pager: Pager,
}

struct Group {
    name: String,
    link: String,
    created: Option<Moment>,
    retention: String,
    filters: u64,
}

pub async fn show(visitor: Visitor) -> Shown {
    let query = &visitor.wanted.query;
    let pattern = query.text("pattern");
    let mut input = json!({"limit": 50});
    if !pattern.is_empty() {
        input["logGroupNamePattern"] = pattern.into();
    }
    if let Some(token) = query.get("token") {
        input["nextToken"] = token.into();
    }
    let answer = visitor.run("logs", "DescribeLogGroups", input).await?;
    let frame = Frame::new(&visitor, "Log groups", "logs");
    let group = |value: &serde_json::Value| {
        let name = value["logGroupName"].as_str().unwrap_or_default().to_owned();
        Group {
            link: group_link(&frame, &name),
            created: moment(&value["creationTime"]),
            retention: value["retentionInDays"].as_u64().map_or_else(|| "for ever".into(), |days| format!("{days} days")),
            filters: value["metricFilterCount"].as_u64().unwrap_or(0),
            name,
        }
    };
    let groups: Vec<Group> = answer["logGroups"].as_array().into_iter().flatten().map(group).collect();
    let next = answer["nextToken"].as_str();
    let pager = Pager {
        first: query.get("token").map(|_| frame.link("logs")),
        next: next.map(|token| frame.link(&format!("logs?{}", query_of(&[("pattern", pattern), ("token", token)])))),
        shown: format!("{} groups", groups.len()),
    };
    Ok(Answer::page(&Page { frame, pattern, groups, pager }))
}
