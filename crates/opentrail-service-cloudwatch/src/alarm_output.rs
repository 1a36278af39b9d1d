//! Alarms as DescribeAlarms shows them.

use crate::queries::{shown, shown_dimensions};
use opentrail_alarms::{Alarm, AlarmStatus, CompositeAlarm, MetricAlarm, Source, Watches};
use opentrail_services::dates::epoch_ms;
use serde_json::{Value, json};

/// An alarm with its state.
pub fn alarm(alarm: &Alarm, status: &AlarmStatus) -> Value {
    let mut out = settings(alarm);
    out["StateValue"] = status.state.as_str().into();
    out["StateReason"] = status.reason.as_str().into();
    if let Some(data) = &status.reason_data {
        out["StateReasonData"] = data.as_str().into();
    }
    out["StateUpdatedTimestamp"] = epoch_ms(status.updated_ms);
    out["StateTransitionedTimestamp"] = epoch_ms(status.transitioned_ms);
    if let Some(suppression) = &status.suppressed {
        let by = suppression.by.as_str();
        out["ActionsSuppressedBy"] = by.into();
        out["ActionsSuppressedReason"] = format!("Actions suppressed by {by}").into();
    }
    out
}

/// An alarm's settings.
pub fn settings(alarm: &Alarm) -> Value {
    let mut out = json!({
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn(),
        "AlarmConfigurationUpdatedTimestamp": epoch_ms(alarm.updated_ms),
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
    });
    if let Some(description) = &alarm.description {
        out["AlarmDescription"] = description.as_str().into();
    }
    match &alarm.watches {
        Watches::Metric(metric) => add_metric(&mut out, metric),
        Watches::Composite(composite) => add_composite(&mut out, composite),
    }
    out
}

fn add_metric(out: &mut Value, metric: &MetricAlarm) {
    match &metric.source {
        Source::Metric(stat) => {
            out["MetricName"] = stat.metric.name.as_str().into();
            out["Namespace"] = stat.metric.namespace.as_str().into();
            let kind = if stat.statistic.starts_with('p') { "ExtendedStatistic" } else { "Statistic" };
            out[kind] = stat.statistic.as_str().into();
            out["Period"] = stat.period.into();
            if let Some(unit) = &stat.unit {
                out["Unit"] = unit.as_str().into();
            }
            out["Dimensions"] = shown_dimensions(&stat.metric);
        }
        Source::Queries(queries) => {
            out["Metrics"] = queries.iter().map(shown).collect();
            out["Dimensions"] = json!([]);
        }
    }
    let rule = &metric.rule;
    out["EvaluationPeriods"] = rule.evaluation_periods.into();
    if metric.datapoints_given {
        out["DatapointsToAlarm"] = rule.datapoints_to_alarm.into();
    }
    out["Threshold"] = rule.threshold.into();
    out["ComparisonOperator"] = serde_json::to_value(rule.comparison).unwrap_or_default();
    if let Some(missing) = &metric.missing_given {
        out["TreatMissingData"] = missing.as_str().into();
    }
    if let Some(low) = &metric.low_samples {
        out["EvaluateLowSampleCountPercentile"] = low.as_str().into();
    }
}

fn add_composite(out: &mut Value, composite: &CompositeAlarm) {
    out["AlarmRule"] = composite.rule.as_str().into();
    if let Some(suppressor) = &composite.suppressor {
        out["ActionsSuppressor"] = suppressor.alarm.as_str().into();
        out["ActionsSuppressorWaitPeriod"] = suppressor.wait.into();
        out["ActionsSuppressorExtensionPeriod"] = suppressor.extension.into();
    }
}
