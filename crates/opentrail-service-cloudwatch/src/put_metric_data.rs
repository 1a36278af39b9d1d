//! PutMetricData.

use crate::faults::{invalid_combination, invalid_value, missing_parameter, required, unsupported};
use crate::input::{Dimension, Flag, List, Number, dimensions, is_name, seconds};
use opentrail_alarms::{Datum, NO_UNIT, SampleBatch};
use opentrail_catalog::Changes;
use opentrail_metrics::{Metric, Sample, UNITS};
use opentrail_services::dates::Timestamp;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

const MAX_DATA: usize = 1000;
const MAX_VALUES: usize = 150;
/// How old and how far ahead values may be, in seconds.
const OLDEST: i64 = 14 * 86_400;
const NEWEST: i64 = 2 * 3600;
/// Largest value: 2 to the power of 360.
const MAX_VALUE: f64 = 2.348_542_582_773_833_2e108;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutMetricDataInput {
    namespace: Option<String>,
    #[serde(default)]
    metric_data: List<MetricDatum>,
    #[serde(default)]
    entity_metric_data: List<EntityMetricData>,
    strict_entity_validation: Option<Flag>,
}

/// Metrics with the entity that they are of. Entities are not kept.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntityMetricData {
    #[serde(default)]
    metric_data: List<MetricDatum>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDatum {
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: List<Dimension>,
    timestamp: Option<Timestamp>,
    value: Option<Number>,
    statistic_values: Option<StatisticSet>,
    values: Option<List<Number>>,
    counts: Option<List<Number>>,
    unit: Option<String>,
    storage_resolution: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: Option<Number>,
    sum: Option<Number>,
    minimum: Option<Number>,
    maximum: Option<Number>,
}

/// # Errors
/// `InvalidParameterValue`, `InvalidParameterCombination`, `MissingParameter`.
pub async fn put_metric_data(_: &Arc<App>, call: &Call, input: PutMetricDataInput) -> Result<Reply, ApiError> {
    let namespace = input.namespace.filter(|name| !name.is_empty()).ok_or_else(|| required("Namespace"))?;
    if !is_name(&namespace) || namespace.starts_with(':') || namespace.starts_with("AWS/") {
        return Err(invalid_value(format!("The value {namespace} for parameter Namespace is invalid.")));
    }
    if input.strict_entity_validation == Some(Flag(true)) && !input.entity_metric_data.0.is_empty() {
        return Err(unsupported("StrictEntityValidation"));
    }
    let of_entities = input.entity_metric_data.0.into_iter().flat_map(|entity| entity.metric_data.0);
    let given: Vec<MetricDatum> = input.metric_data.0.into_iter().chain(of_entities).collect();
    if given.is_empty() {
        return Err(required("MetricData"));
    }
    if given.len() > MAX_DATA {
        return Err(invalid_value(format!("The collection MetricData must not have a size greater than {MAX_DATA}.")));
    }
    let now = call.now.unix_timestamp();
    let data = given.into_iter().enumerate().map(|(number, datum)| datum.accept(&namespace, number + 1, now));
    let batch = SampleBatch::new(&call.account, &call.region, data.collect::<Result<_, _>>()?);
    let mut changes = Changes::new();
    batch.put_into(&mut changes);
    Ok(Reply { changes, ..Reply::output(Value::Null) })
}

impl MetricDatum {
    fn accept(self, namespace: &str, number: usize, now: i64) -> Result<Datum, ApiError> {
        let place = |member: &str| format!("MetricData.member.{number}.{member}");
        let name = self.metric_name.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| required(&place("MetricName")))?;
        if !is_name(name) {
            return Err(invalid_value(format!("The value for parameter {} is invalid.", place("MetricName"))));
        }
        let at = self.timestamp.map_or(now, seconds);
        if at < now - OLDEST {
            let message = format!("The parameter {} must specify a time no more than two weeks in the past.", place("Timestamp"));
            return Err(invalid_value(message));
        }
        if at > now + NEWEST {
            let message = format!("The parameter {} must specify a time within two hours of the present.", place("Timestamp"));
            return Err(invalid_value(message));
        }
        let unit = self.unit.as_deref().unwrap_or(NO_UNIT);
        if !UNITS.contains(&unit) {
            let message = format!("The parameter {} must be a value in the set [{}].", place("Unit"), UNITS.join(", "));
            return Err(invalid_value(message));
        }
        let high_resolution = match self.storage_resolution.map(|resolution| resolution.0) {
            None => false,
            Some(1.0) => true,
            Some(60.0) => false,
            Some(_) => return Err(invalid_value(format!("The parameter {} must be 1 or 60.", place("StorageResolution")))),
        };
        let dimensions = dimensions(&self.dimensions.0, |fault| {
            invalid_value(fault.replace("Dimensions", &format!("MetricData.member.{number}.Dimensions")))
        })?;
        let metric = Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions };
        Ok(Datum { metric, unit: unit.to_owned(), at, high_resolution, sample: self.sample(place)? })
    }

    fn sample(&self, place: impl Fn(&str) -> String) -> Result<Sample, ApiError> {
        let both = |one: &str, other: &str| {
            let (one, other) = (place(one), place(other));
            invalid_combination(format!("The parameters {one} and {other} are mutually exclusive and you have specified both."))
        };
        match (&self.value, &self.values, &self.statistic_values) {
            (Some(_), Some(_), _) => Err(both("Value", "Values")),
            (Some(_), _, Some(_)) => Err(both("Value", "StatisticValues")),
            (_, Some(_), Some(_)) => Err(both("Values", "StatisticValues")),
            (Some(value), None, None) => Ok(Sample::of(number(*value, &place("Value"))?, 1.0)),
            (None, Some(values), None) => self.many(&values.0, place),
            (None, None, Some(set)) => set.sample(|member| place(&format!("StatisticValues.{member}"))),
            (None, None, None) => Err(missing_parameter("At least one of the parameters must be specified.")),
        }
    }

    fn many(&self, values: &[Number], place: impl Fn(&str) -> String) -> Result<Sample, ApiError> {
        if values.is_empty() || values.len() > MAX_VALUES {
            let message = format!("The collection {} must have a size between 1 and {MAX_VALUES}.", place("Values"));
            return Err(invalid_value(message));
        }
        let counts = match &self.counts {
            None => vec![Number(1.0); values.len()],
            Some(counts) if counts.0.len() == values.len() => counts.0.clone(),
            Some(_) => {
                let (values, counts) = (place("Values"), place("Counts"));
                return Err(invalid_value(format!("The parameters {values} and {counts} must be of the same size.")));
            }
        };
        let mut sample = Sample::default();
        for (value, count) in values.iter().zip(counts) {
            let count = number(count, &place("Counts"))?;
            if count <= 0.0 {
                return Err(invalid_value(format!("The value {count} for parameter {} is invalid.", place("Counts"))));
            }
            sample.add(&Sample::of(number(*value, &place("Values"))?, count));
        }
        Ok(sample)
    }
}

impl StatisticSet {
    fn sample(&self, place: impl Fn(&str) -> String) -> Result<Sample, ApiError> {
        let part = |given: Option<Number>, member: &str| number(given.ok_or_else(|| required(&place(member)))?, &place(member));
        let (count, sum) = (part(self.sample_count, "SampleCount")?, part(self.sum, "Sum")?);
        let (minimum, maximum) = (part(self.minimum, "Minimum")?, part(self.maximum, "Maximum")?);
        if count <= 0.0 {
            return Err(invalid_value(format!("The value {count} for parameter {} is invalid.", place("SampleCount"))));
        }
        if minimum > maximum {
            let (minimum, maximum) = (place("Minimum"), place("Maximum"));
            return Err(invalid_combination(format!("The parameter {maximum} must be greater than or equal to {minimum}.")));
        }
        Ok(Sample::of_statistics(count, sum, minimum, maximum))
    }
}

fn number(given: Number, parameter: &str) -> Result<f64, ApiError> {
    if given.0.abs() <= MAX_VALUE {
        return Ok(given.0);
    }
    Err(invalid_value(format!("The value {} for parameter {parameter} is invalid.", given.0)))
}
