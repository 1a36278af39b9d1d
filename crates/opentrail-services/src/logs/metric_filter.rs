//! Metric filters as the wire has them. What they do is in `opentrail-alarms`.

use super::faults::{constraint, invalid};
use opentrail_alarms::TransformationFault;
pub use opentrail_alarms::{MetricFilter, Transformation};
use opentrail_metrics::UNITS;
use opentrail_patterns::FilterPattern;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// Most metric filters of a group.
pub const MAX_FILTERS: usize = 100;
/// Most filters of a group whose pattern holds a regular expression.
pub const MAX_REGULAR_FILTERS: usize = 5;

/// A filter as DescribeMetricFilters shows it.
pub fn output(filter: &MetricFilter) -> Value {
    let mut transformation = serde_json::to_value(&filter.transformation).unwrap_or_default();
    if filter.transformation.unit.is_none() {
        transformation["unit"] = "None".into();
    }
    json!({
        "filterName": filter.name,
        "filterPattern": filter.pattern,
        "metricTransformations": [transformation],
        "creationTime": filter.created,
        "logGroupName": filter.group,
        "applyOnTransformedLogs": false,
    })
}

/// # Errors
/// `InvalidParameterException`.
pub fn check(transformation: &Transformation, pattern: &FilterPattern) -> Result<(), ApiError> {
    transformation.check(pattern).map_err(|fault| match &fault {
        TransformationFault::Unit(unit) => {
            let must = format!("satisfy enum value set: [{}]", UNITS.join(", "));
            constraint(unit, "metricTransformations.1.member.unit", &must)
        }
        _ => invalid(fault.to_string()),
    })
}
