//! Metric filters: what of log events becomes a metric.

mod compiled;
mod defaults;
mod follower;
mod pass;

pub use compiled::FilterRegistry;
pub use follower::{FilterFollower, close_minutes};

use opentrail_catalog::Entity;
use opentrail_logs::LogGroup;
use opentrail_metrics::UNITS;
use opentrail_patterns::{FilterPattern, Reference};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
}

/// What is wrong with a transformation, in the service's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformationFault {
    #[error("Invalid metric transformation: {member} '{name}' is not valid")]
    Name { member: &'static str, name: String },
    #[error("Invalid metric transformation: metric value {0} must be a valid number")]
    Value(String),
    #[error("the unit {0} is unknown")]
    Unit(String),
    #[error("Invalid metric transformation: dimensions and default value are mutually exclusive properties")]
    DefaultWithDimensions,
    #[error("Number of dimensions exceeds the maximum number of dimensions supported per metric filter")]
    TooManyDimensions,
    #[error("Invalid metric transformation: dimension value must be valid selector")]
    Dimension,
}

impl Transformation {
    /// Whether matches of `pattern` can be transformed like this.
    ///
    /// # Errors
    /// See [`TransformationFault`].
    pub fn check(&self, pattern: &FilterPattern) -> Result<(), TransformationFault> {
        for (member, name) in [("metricName", &self.metric_name), ("metricNamespace", &self.metric_namespace)] {
            let characters = name.chars().count();
            let odd = name.contains(['*', '$']) || name.contains(char::is_control);
            if characters == 0 || characters > MAX_METRIC_NAME_CHARS || odd {
                return Err(TransformationFault::Name { member, name: name.clone() });
            }
        }
        let value = &self.metric_value;
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        let is_reference = Reference::parse(value).is_ok_and(|reference| reference.fits(pattern));
        if value.chars().count() > MAX_VALUE_CHARS || !(is_number || is_reference) {
            return Err(TransformationFault::Value(value.clone()));
        }
        if let Some(unit) = self.unit.as_deref().filter(|unit| !UNITS.contains(unit)) {
            return Err(TransformationFault::Unit(unit.to_owned()));
        }
        if self.default_value.is_some() && !self.dimensions.is_empty() {
            return Err(TransformationFault::DefaultWithDimensions);
        }
        if self.dimensions.len() > MAX_DIMENSIONS {
            return Err(TransformationFault::TooManyDimensions);
        }
        let fits = |selector: &String| Reference::parse(selector).is_ok_and(|reference| reference.fits(pattern));
        let named = |name: &String| !name.is_empty() && !name.contains(char::is_control);
        if !self.dimensions.iter().all(|(name, selector)| named(name) && fits(selector)) {
            return Err(TransformationFault::Dimension);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
