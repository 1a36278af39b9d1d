//! What topics are told of an alarm, in CloudWatch's form.

use super::config::{Alarm, CompositeAlarm, MetricAlarm, MetricQuery, MetricStat, QueryOf, Source, Watches};
use super::status::{AlarmStatus, spelt};
use opentrail_metrics::{AlarmState, Metric};
use serde_json::{Map, Value, json};

/// Longest subject of a message, in characters.
const MAX_SUBJECT_CHARS: usize = 100;

/// `ALARM: "name" in US East (N. Virginia)`.
pub fn subject(alarm: &Alarm, status: &AlarmStatus) -> String {
    let place = region_name(&alarm.region);
    let plain: String = alarm.name.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect();
    let whole = format!("{}: \"{plain}\" in {place}", status.state.as_str());
    if whole.len() <= MAX_SUBJECT_CHARS {
        return whole;
    }
    let room = MAX_SUBJECT_CHARS.saturating_sub(whole.len() - plain.len() + 3);
    let cut: String = plain.chars().take(room).collect();
    format!("{}: \"{cut}...\" in {place}", status.state.as_str())
}

/// The message. `triggers` are the alarms that made a composite alarm change.
pub fn text(alarm: &Alarm, from: AlarmState, status: &AlarmStatus, triggers: &[(String, AlarmState, i64)]) -> Value {
    let mut text = json!({
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": alarm.account,
        "AlarmConfigurationUpdatedTimestamp": spelt(alarm.updated_ms),
        "NewStateValue": status.state.as_str(),
        "NewStateReason": status.reason,
        "StateChangeTime": spelt(status.transitioned_ms),
        "Region": region_name(&alarm.region),
        "AlarmArn": alarm.arn(),
        "OldStateValue": from.as_str(),
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "ActionExecutedAfterMuteWindow": false,
    });
    match &alarm.watches {
        Watches::Metric(metric) => text["Trigger"] = trigger(metric),
        Watches::Composite(CompositeAlarm { rule, .. }) => {
            text["AlarmRule"] = rule.as_str().into();
            let child = |(arn, state, since): &(String, AlarmState, i64)| json!({"Arn": arn, "State": {"Value": state.as_str(), "Timestamp": spelt(*since)}});
            text["TriggeringChildren"] = triggers.iter().map(child).collect();
        }
    }
    text
}

fn trigger(alarm: &MetricAlarm) -> Value {
    let rule = &alarm.rule;
    let mut trigger = Map::new();
    let mut set = |name: &str, value: Value| drop(trigger.insert(name.to_owned(), value));
    match &alarm.source {
        Source::Metric(stat) => {
            set("MetricName", stat.metric.name.as_str().into());
            set("Namespace", stat.metric.namespace.as_str().into());
            if stat.statistic.starts_with('p') {
                set("StatisticType", "ExtendedStatistic".into());
                set("ExtendedStatistic", stat.statistic.as_str().into());
            } else {
                set("StatisticType", "Statistic".into());
                set("Statistic", loud(&stat.statistic).into());
            }
            set("Unit", stat.unit.as_deref().map_or(Value::Null, Into::into));
            set("Dimensions", dimensions(&stat.metric));
            set("Period", stat.period.into());
        }
        Source::Queries(_) => set("Period", alarm.period().into()),
    }
    set("EvaluationPeriods", rule.evaluation_periods.into());
    if alarm.datapoints_given {
        set("DatapointsToAlarm", rule.datapoints_to_alarm.into());
    }
    set("ComparisonOperator", serde_json::to_value(rule.comparison).unwrap_or_default());
    set("Threshold", rule.threshold.into());
    set("TreatMissingData", alarm.missing_given.as_deref().unwrap_or("missing").into());
    set("EvaluateLowSampleCountPercentile", alarm.low_samples.as_deref().unwrap_or_default().into());
    if let Source::Queries(queries) = &alarm.source {
        set("Metrics", queries.iter().map(query).collect());
    }
    Value::Object(trigger)
}

/// `SAMPLE_COUNT` for `SampleCount`.
fn loud(statistic: &str) -> String {
    if statistic == "SampleCount" { "SAMPLE_COUNT".into() } else { statistic.to_uppercase() }
}

fn dimensions(metric: &Metric) -> Value {
    metric.dimensions.iter().map(|(name, value)| json!({"value": value, "name": name})).collect()
}

fn query(query: &MetricQuery) -> Value {
    let mut out = json!({"Id": query.id});
    match &query.what {
        QueryOf::Stat(MetricStat { metric, period, statistic, unit }) => {
            let metric = json!({"Dimensions": dimensions(metric), "MetricName": metric.name, "Namespace": metric.namespace});
            out["MetricStat"] = json!({"Metric": metric, "Period": period, "Stat": statistic});
            if let Some(unit) = unit {
                out["MetricStat"]["Unit"] = unit.as_str().into();
            }
        }
        QueryOf::Expression { expression, .. } => out["Expression"] = expression.as_str().into(),
    }
    if let Some(label) = &query.label {
        out["Label"] = label.as_str().into();
    }
    out["ReturnData"] = query.return_data.into();
    out
}

/// The name of a region as people know it; its id if it has none here.
pub fn region_name(region: &str) -> &str {
    REGIONS.iter().find(|(id, _)| *id == region).map_or(region, |(_, name)| name)
}

/// Source: AWS General Reference, "Regional endpoints".
const REGIONS: &[(&str, &str)] = &[
    ("af-south-1", "Africa (Cape Town)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
    ("ca-central-1", "Canada (Central)"),
    ("ca-west-1", "Canada West (Calgary)"),
    ("eu-central-1", "EU (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-north-1", "EU (Stockholm)"),
    ("eu-south-1", "EU (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-west-1", "EU (Ireland)"),
    ("eu-west-2", "EU (London)"),
    ("eu-west-3", "EU (Paris)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("sa-east-1", "South America (Sao Paulo)"),
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
];
