//! Metric filters: what of log events becomes a metric.

use super::faults::invalid;
use opentrail_catalog::Entity;
use opentrail_logs::LogGroup;
use opentrail_metrics::UNITS;
use opentrail_patterns::{FilterPattern, Reference};
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most metric filters of a group.
pub const MAX_FILTERS: usize = 100;
/// Most filters of a group whose pattern holds a regular expression.
pub const MAX_REGULAR_FILTERS: usize = 5;
/// Most dimensions of a metric that a filter makes.
const MAX_DIMENSIONS: usize = 3;
const MAX_METRIC_NAME_CHARS: usize = 255;
const MAX_VALUE_CHARS: usize = 100;

/// A metric filter of a log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    pub account: String,
    pub region: String,
    pub group: String,
    pub name: String,
    /// Byte for byte as given: checkers compare it.
    pub pattern: String,
    pub transformation: Transformation,
    /// Milliseconds since 1970.
    pub created: i64,
}

/// What a match adds to which metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transformation {
    pub metric_name: String,
    pub metric_namespace: String,
    /// A number, or where in the event it is.
    pub metric_value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl Entity for MetricFilter {
    const TABLE: &'static str = "metric_filter";
    fn key(&self) -> String {
        format!("{}:{}:{}:{}", self.account, self.region, self.group, self.name)
    }
}

impl MetricFilter {
    /// What the keys of a group's filters begin with.
    pub fn prefix(group: &LogGroup) -> String {
        format!("{}:{}:{}:", group.account, group.region, group.name)
    }

    pub fn output(&self) -> Value {
        let mut transformation = serde_json::to_value(&self.transformation).unwrap_or_default();
        if self.transformation.unit.is_none() {
            transformation["unit"] = "None".into();
        }
        json!({
            "filterName": self.name,
            "filterPattern": self.pattern,
            "metricTransformations": [transformation],
            "creationTime": self.created,
            "logGroupName": self.group,
            "applyOnTransformedLogs": false,
        })
    }
}

impl Transformation {
    /// # Errors
    /// `InvalidParameterException`.
    pub fn check(&self, pattern: &FilterPattern) -> Result<(), ApiError> {
        for (member, name) in [("metricName", &self.metric_name), ("metricNamespace", &self.metric_namespace)] {
            let characters = name.chars().count();
            if characters == 0 || characters > MAX_METRIC_NAME_CHARS || name.contains(['*', '$']) {
                return Err(invalid(format!("Invalid metric transformation: {member} '{name}' is not valid")));
            }
        }
        let value = &self.metric_value;
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        let is_reference = Reference::parse(value).is_ok_and(|reference| reference.fits(pattern));
        if value.chars().count() > MAX_VALUE_CHARS || !(is_number || is_reference) {
            return Err(invalid(format!("Invalid metric transformation: metric value {value} must be a valid number")));
        }
        if self.unit.as_deref().is_some_and(|unit| !UNITS.contains(&unit)) {
            let must = format!("satisfy enum value set: [{}]", UNITS.join(", "));
            return Err(super::faults::constraint(
                self.unit.as_deref().unwrap_or_default(),
                "metricTransformations.1.member.unit",
                &must,
            ));
        }
        if self.default_value.is_some() && !self.dimensions.is_empty() {
            return Err(invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties"));
        }
        if self.dimensions.len() > MAX_DIMENSIONS {
            return Err(invalid("Number of dimensions exceeds the maximum number of dimensions supported per metric filter"));
        }
        let fits = |selector: &String| Reference::parse(selector).is_ok_and(|reference| reference.fits(pattern));
        if !self.dimensions.values().all(fits) {
            return Err(invalid("Invalid metric transformation: dimension value must be valid selector"));
        }
        Ok(())
    }
}
