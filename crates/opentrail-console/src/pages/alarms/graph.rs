//! The graph of a metric, drawn on the server.

use super::SERVICE;
use crate::chart::{self, Series};
use crate::visitor::Visitor;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// Points of a graph, at most.
const POINTS: i64 = 180;
/// Periods that can be looked at, in hours.
pub const HOURS: &[(i64, &str)] = &[(1, "hour"), (6, "6 hours"), (24, "day"), (168, "week"), (720, "30 days")];
pub const STATISTICS: &[&str] = &["Sum", "Average", "Minimum", "Maximum", "SampleCount"];

/// What is drawn.
pub struct Wanted<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// `[{"Name": …, "Value": …}]`
    pub dimensions: Value,
    pub statistic: &'a str,
    pub hours: i64,
    /// The period of the points in seconds; by the length of the graph if it is not given.
    pub period: Option<i64>,
    /// A line across.
    pub threshold: Option<f64>,
}

/// A graph and its numbers.
pub struct Graph {
    /// Safe to put into a page.
    pub svg: String,
    /// The last points, newest first.
    pub points: Vec<(i64, f64)>,
}

/// Draws a metric.
///
/// # Errors
/// As GetMetricStatistics.
pub async fn graph(visitor: &Visitor, wanted: &Wanted<'_>) -> Result<Graph, ApiError> {
    let end = visitor.now().unix_timestamp();
    let start = end - wanted.hours * 3_600;
    let least = (wanted.hours * 3_600 / POINTS).div_euclid(60).max(1) * 60;
    let period = wanted.period.unwrap_or(least).max(least).div_euclid(60).max(1) * 60;
    let input = json!({"Namespace": wanted.namespace, "MetricName": wanted.name, "Dimensions": wanted.dimensions,
        "StartTime": start, "EndTime": end, "Period": period, "Statistics": [wanted.statistic]});
    let answer = visitor.run(SERVICE, "GetMetricStatistics", input).await?;
    #[expect(clippy::cast_possible_truncation, reason = "times within reason; others saturate")]
    let point = |value: &Value| Some((value["Timestamp"].as_f64()? as i64, value[wanted.statistic].as_f64()?));
    let mut points: Vec<(i64, f64)> = answer["Datapoints"].as_array().into_iter().flatten().filter_map(point).collect();
    points.sort_by_key(|(at, _)| *at);
    let mut series = vec![Series { points: points.clone() }];
    if let Some(threshold) = wanted.threshold {
        series.push(Series { points: vec![(start, threshold), (end, threshold)] });
    }
    let title = format!("{} of {}: {} points", wanted.statistic, wanted.name, points.len());
    let svg = chart::lines(&series, start, end, &title).svg;
    points.reverse();
    points.truncate(20);
    Ok(Graph { svg, points })
}
