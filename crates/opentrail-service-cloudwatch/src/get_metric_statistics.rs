//! GetMetricStatistics.

use crate::faults::{invalid_combination, invalid_value, required, unsupported};
use crate::input::{Dimension, List, Number, aligned_start, check_period, dimensions, seconds, unit};
use opentrail_alarms::Range;
use opentrail_metrics::{Metric, Sample, Statistic};
use opentrail_services::dates::Timestamp;
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Most datapoints of an answer.
const MAX_POINTS: i64 = 1440;
const STATISTICS: &[&str] = &["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetMetricStatisticsInput {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: List<Dimension>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    period: Option<Number>,
    #[serde(default)]
    statistics: List<String>,
    #[serde(default)]
    extended_statistics: List<String>,
    unit: Option<String>,
}

/// # Errors
/// `InvalidParameterValue`, `InvalidParameterCombination`, `MissingParameter`.
pub async fn get_metric_statistics(app: &Arc<App>, call: &Call, input: GetMetricStatisticsInput) -> Result<Reply, ApiError> {
    let name = input.metric_name.ok_or_else(|| required("MetricName"))?;
    let namespace = input.namespace.ok_or_else(|| required("Namespace"))?;
    let start = input.start_time.map(seconds).ok_or_else(|| required("StartTime"))?;
    let end = input.end_time.map(seconds).ok_or_else(|| required("EndTime"))?;
    let period = check_period(input.period.ok_or_else(|| required("Period"))?.whole("period")?)?;
    if start >= end {
        return Err(invalid_value("The parameter StartTime must be less than the parameter EndTime."));
    }
    let start = aligned_start(start, period, call.now.unix_timestamp());
    let points = (end - start + period - 1) / period;
    if points > MAX_POINTS {
        return Err(invalid_combination(format!(
            "You have requested up to {points} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    let (plain, extended) = wanted(&input.statistics.0, &input.extended_statistics.0)?;
    let wanted_unit = unit(input.unit.as_deref(), "unit")?;
    let metric =
        Metric { namespace, name: name.clone(), dimensions: dimensions(&input.dimensions.0, |fault| invalid_value(fault))? };
    let (store, account, region) = (app.watching.metrics.clone(), call.account.clone(), call.region.clone());
    let found =
        tokio::task::spawn_blocking(move || store.samples(&account, &region, &metric, Range { start, end, period })).await;
    let found = found.map_err(|_| ApiError::new("InternalServiceFault", "The query failed.").with_status(500))?;
    let mut datapoints = Vec::new();
    for (unit, samples) in found.map_err(|error| catalog_failure(&error))? {
        if wanted_unit.as_ref().is_none_or(|wanted| *wanted == unit) {
            datapoints.extend(samples.iter().map(|(at, sample)| datapoint(*at, &unit, sample, &plain, &extended)));
        }
    }
    Ok(Reply::output(json!({"Label": name, "Datapoints": datapoints})))
}

type Wanted = Vec<(String, Statistic)>;

fn wanted(plain: &[String], extended: &[String]) -> Result<(Wanted, Wanted), ApiError> {
    if plain.is_empty() && extended.is_empty() {
        return Err(invalid_combination("At least one of the parameters Statistics and ExtendedStatistics must be specified."));
    }
    if plain.len() > STATISTICS.len() || extended.len() > 10 {
        return Err(invalid_value(
            "The collection Statistics must not have a size greater than 5, ExtendedStatistics not greater than 10.",
        ));
    }
    let parse = |name: &String| name.parse::<Statistic>().ok().map(|statistic| (name.clone(), statistic));
    let plain = plain.iter().map(|name| {
        let known = parse(name).filter(|_| STATISTICS.contains(&name.as_str()));
        let must = format!("The parameter Statistics.member.1 must be a value in the set [ {} ].", STATISTICS.join(", "));
        known.ok_or_else(|| invalid_value(must))
    });
    let extended = extended.iter().map(|name| {
        parse(name)
            .filter(|(_, statistic)| statistic.is_percentile())
            .ok_or_else(|| unsupported(&format!("The statistic {name}")))
    });
    Ok((plain.collect::<Result<_, _>>()?, extended.collect::<Result<_, _>>()?))
}

fn datapoint(at: i64, unit: &str, sample: &Sample, plain: &Wanted, extended: &Wanted) -> Value {
    let mut out = Map::new();
    out.insert("Timestamp".into(), at.into());
    let value = |(name, statistic): &(String, Statistic)| Some((name.clone(), Value::from(statistic.of(sample)?)));
    out.extend(plain.iter().filter_map(value));
    out.insert("Unit".into(), unit.into());
    if !extended.is_empty() {
        out.insert("ExtendedStatistics".into(), Value::Object(extended.iter().filter_map(value).collect()));
    }
    Value::Object(out)
}
