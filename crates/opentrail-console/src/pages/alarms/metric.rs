//! The graph of one metric.

use super::check;
use super::graph::{Graph, HOURS, STATISTICS, Wanted, graph};
use super::list::dimension_words;
use crate::answer::Answer;
use crate::frame::Frame;
use crate::problem::Problem;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "alarms/metric.html")]
struct Page<'a> {
    frame: Frame<'a>,
    namespace: &'a str,
    name: &'a str,
    dimensions: &'a str,
    of: String,
    statistic: &'a str,
    statistics: &'static [&'static str],
    hours: i64,
    periods: &'static [(i64, &'static str)],
    action: String,
    graph: Graph,
    points: Vec<(Option<Moment>, f64)>,
}

pub async fn show(visitor: Visitor) -> Shown {
    check(&visitor)?;
    let query = &visitor.wanted.query;
    let (Some(namespace), Some(name)) = (query.get("namespace"), query.get("metric")) else {
        return Err(Problem::NotFound("The address names no metric."));
    };
    let given = query.text("dimensions");
    let dimensions: Value = if given.is_empty() { json!([]) } else { serde_json::from_str(given).unwrap_or_default() };
    if !dimensions.is_array() {
        return Err(Problem::Unclear("The dimensions in the address are not a list.".into()));
    }
    let statistic = STATISTICS.iter().find(|known| **known == query.text("statistic")).copied().unwrap_or(STATISTICS[0]);
    let hours = query.get("hours").and_then(|hours| hours.parse().ok());
    let hours = hours.filter(|hours| HOURS.iter().any(|(known, _)| known == hours)).unwrap_or(6);
    let wanted = Wanted { namespace, name, dimensions: dimensions.clone(), statistic, hours, period: None, threshold: None };
    let drawn = graph(&visitor, &wanted).await?;
    let frame = Frame::new(&visitor, name, "alarms");
    Ok(Answer::page(&Page {
        namespace,
        name,
        dimensions: given,
        of: dimension_words(&dimensions),
        statistic,
        statistics: STATISTICS,
        hours,
        periods: HOURS,
        action: frame.link("alarms/metric"),
        points: drawn.points.iter().map(|(at, value)| (Moment::at_seconds(*at), *value)).collect(),
        graph: drawn,
        frame,
    }))
}
