//! GetMetricData.

use crate::faults::{bad_token, constraint, missing, of_math, validation};
use crate::input::{List, Number, aligned_start, place_in, seconds, token};
use crate::queries::{self, GivenQuery};
use opentrail_alarms::{Evaluated, MathError, MetricQuery, QueryOf};
use opentrail_services::dates::Timestamp;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_QUERIES: usize = 500;
/// Most points of a page.
const MAX_POINTS: usize = 100_800;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetMetricDataInput {
    #[serde(default)]
    metric_data_queries: List<GivenQuery>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    scan_by: Option<String>,
    max_datapoints: Option<Number>,
    next_token: Option<String>,
}

/// # Errors
/// `ValidationError`, `InvalidNextToken`.
pub async fn get_metric_data(app: &Arc<App>, call: &Call, input: GetMetricDataInput) -> Result<Reply, ApiError> {
    let queries = queries::accept(input.metric_data_queries, MAX_QUERIES, &call.account, "metricDataQueries")?;
    let start = input.start_time.map(seconds).ok_or_else(|| missing("startTime"))?;
    let end = input.end_time.map(seconds).ok_or_else(|| missing("endTime"))?;
    if start >= end {
        return Err(validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    let ascending = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            return Err(constraint(other, "scanBy", "satisfy enum value set: [TimestampDescending, TimestampAscending]"));
        }
    };
    let limit = match input.max_datapoints.map(|number| number.whole("maxDatapoints")).transpose()? {
        None => MAX_POINTS,
        Some(number) => usize::try_from(number)
            .ok()
            .filter(|number| (1..=MAX_POINTS).contains(number))
            .ok_or_else(|| constraint(&number.to_string(), "maxDatapoints", &format!("have value between 1 and {MAX_POINTS}")))?,
    };
    let skip =
        input.next_token.as_deref().map(|token| place_in(token).and_then(|place| place.parse().ok()).ok_or_else(bad_token));
    let skip: usize = skip.transpose()?.unwrap_or(0);
    let shortest = queries.iter().filter_map(stat_period).min().unwrap_or(60);
    let start = aligned_start(start, shortest, call.now.unix_timestamp());
    let (app, account, region) = (Arc::clone(app), call.account.clone(), call.region.clone());
    let answered = tokio::task::spawn_blocking(move || {
        let answers = opentrail_alarms::answer(&app.watching.metrics, &account, &region, &queries, (start, end))?;
        Ok::<_, MathError>(results(&queries, answers, (start, end), ascending))
    });
    let answered = answered.await.map_err(|_| ApiError::new("InternalServiceFault", "The query failed.").with_status(500))?;
    Ok(Reply::output(page(&answered.map_err(|error| of_math(&error))?, skip, limit)))
}

fn stat_period(query: &MetricQuery) -> Option<i64> {
    match &query.what {
        QueryOf::Stat(stat) => Some(stat.period),
        QueryOf::Expression { .. } => None,
    }
}

/// One series of the answer.
struct Series {
    id: String,
    label: String,
    points: Vec<(i64, f64)>,
}

fn results(
    queries: &[MetricQuery],
    mut answers: BTreeMap<String, Evaluated>,
    (start, end): (i64, i64),
    ascending: bool,
) -> Vec<Series> {
    let mut out = Vec::new();
    for query in queries.iter().filter(|query| query.return_data) {
        let Some(evaluated) = answers.remove(&query.id) else { continue };
        for series in evaluated.series(start, end) {
            let mut points: Vec<(i64, f64)> = series.into_iter().collect();
            if !ascending {
                points.reverse();
            }
            out.push(Series { id: query.id.clone(), label: label(query, queries), points });
        }
    }
    out
}

/// The label given, or the metric's name, with its dimensions where others have the same name.
fn label(query: &MetricQuery, queries: &[MetricQuery]) -> String {
    if let Some(label) = &query.label {
        return label.clone();
    }
    let QueryOf::Stat(stat) = &query.what else { return query.id.clone() };
    let alike = |other: &&MetricQuery| match &other.what {
        QueryOf::Stat(other) => other.metric.name == stat.metric.name && other.metric != stat.metric,
        QueryOf::Expression { .. } => false,
    };
    let others = queries.iter().filter(|query| query.return_data).any(|other| alike(&other));
    let dimensions = stat.metric.dimensions.values().filter(|_| others).cloned();
    dimensions.chain([stat.metric.name.clone()]).collect::<Vec<_>>().join(" ")
}

/// The points from `skip` on, at most `limit`, counted over all series.
fn page(series: &[Series], skip: usize, limit: usize) -> Value {
    let (mut skip, mut left) = (skip, limit);
    let (mut results, mut passed, mut cut) = (Vec::new(), 0, false);
    for one in series {
        let points = &one.points;
        if skip > 0 && skip >= points.len() {
            skip -= points.len();
            passed += points.len();
            continue;
        }
        if cut {
            break;
        }
        let shown = &points[skip..points.len().min(skip + left)];
        cut = skip + shown.len() < points.len();
        passed += skip + shown.len();
        left -= shown.len();
        skip = 0;
        results.push(json!({
            "Id": one.id,
            "Label": one.label,
            "Timestamps": shown.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
            "Values": shown.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            "StatusCode": if cut { "PartialData" } else { "Complete" },
        }));
    }
    let mut output = json!({"MetricDataResults": results, "Messages": []});
    if cut {
        output["NextToken"] = token(&passed.to_string()).into();
    }
    output
}
