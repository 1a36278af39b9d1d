//! PutMetricAlarm.

use crate::faults::{constraint, missing, unsupported, validation};
use crate::input::{Dimension, List, Number, unit};
use crate::queries::{self, GivenQuery, checked_metric, checked_statistic};
use crate::settings::{Settings, done, keep, lock};
use opentrail_alarms::{MetricAlarm, MetricStat, QueryOf, Source, Watches};
use opentrail_catalog::Changes;
use opentrail_metrics::{AlarmRule, Comparison, MissingData};
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// Most queries of an alarm.
const MAX_QUERIES: usize = 20;
const STATISTICS: &[&str] = &["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutMetricAlarmInput {
    #[serde(flatten)]
    settings: Settings,
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    #[serde(default)]
    dimensions: List<Dimension>,
    period: Option<Number>,
    unit: Option<String>,
    evaluation_periods: Option<Number>,
    datapoints_to_alarm: Option<Number>,
    threshold: Option<Number>,
    comparison_operator: Option<String>,
    treat_missing_data: Option<String>,
    evaluate_low_sample_count_percentile: Option<String>,
    metrics: Option<List<GivenQuery>>,
    threshold_metric_id: Option<Value>,
    evaluation_window: Option<Value>,
    warm_up_configuration: Option<Value>,
    evaluation_criteria: Option<Value>,
    evaluation_interval: Option<Value>,
    action_configuration: Option<Value>,
}

/// # Errors
/// `ValidationError`, `LimitExceeded`.
pub async fn put_metric_alarm(app: &Arc<App>, call: &Call, input: PutMetricAlarmInput) -> Result<Reply, ApiError> {
    let PutMetricAlarmInput { settings, .. } = &input;
    crate::input::alarm_name(settings.alarm_name.as_deref(), "alarmName")?;
    let newer = [
        ("ThresholdMetricId", &input.threshold_metric_id),
        ("EvaluationWindow", &input.evaluation_window),
        ("WarmUpConfiguration", &input.warm_up_configuration),
        ("EvaluationCriteria", &input.evaluation_criteria),
        ("EvaluationInterval", &input.evaluation_interval),
        ("ActionConfiguration", &input.action_configuration),
    ];
    if let Some((member, _)) = newer.into_iter().find(|(_, given)| given.is_some()) {
        return Err(unsupported(member));
    }
    let rule = rule(&input)?;
    let low_samples = match input.evaluate_low_sample_count_percentile.as_deref() {
        None | Some("evaluate" | "ignore") => input.evaluate_low_sample_count_percentile.clone(),
        Some(_) => return Err(validation("EvaluateLowSampleCountPercentile must be 'evaluate' or 'ignore'.")),
    };
    let (datapoints_given, missing_given) = (input.datapoints_to_alarm.is_some(), input.treat_missing_data.clone());
    let settings = Settings { tags: List::default(), ..take_settings(&input) };
    let tags = input.settings.tags.0.clone();
    let source = source(input, &call.account)?;
    let metric = MetricAlarm { rule, datapoints_given, missing_given, low_samples, source };
    check_span(&metric)?;
    let mut alarm = settings.alarm(call, Watches::Metric(metric))?;
    alarm.tags = crate::settings::tags(&tags)?;
    let lock = lock(app, call).await;
    let mut changes = Changes::new();
    keep(app, call, alarm, &mut changes)?;
    Ok(done(changes, lock))
}

fn take_settings(input: &PutMetricAlarmInput) -> Settings {
    let given = &input.settings;
    Settings {
        alarm_name: given.alarm_name.clone(),
        alarm_description: given.alarm_description.clone(),
        actions_enabled: given.actions_enabled,
        ok_actions: given.ok_actions.clone(),
        alarm_actions: given.alarm_actions.clone(),
        insufficient_data_actions: given.insufficient_data_actions.clone(),
        tags: given.tags.clone(),
    }
}

fn rule(input: &PutMetricAlarmInput) -> Result<AlarmRule, ApiError> {
    let comparison = match input.comparison_operator.as_deref().ok_or_else(|| missing("comparisonOperator"))? {
        "GreaterThanOrEqualToThreshold" => Comparison::GreaterThanOrEqualToThreshold,
        "GreaterThanThreshold" => Comparison::GreaterThanThreshold,
        "LessThanThreshold" => Comparison::LessThanThreshold,
        "LessThanOrEqualToThreshold" => Comparison::LessThanOrEqualToThreshold,
        name @ ("LessThanLowerOrGreaterThanUpperThreshold" | "LessThanLowerThreshold" | "GreaterThanUpperThreshold") => {
            return Err(unsupported(&format!("The comparison with an anomaly detection band {name}")));
        }
        other => {
            let set = "satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, GreaterThanUpperThreshold, LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold, LessThanOrEqualToThreshold, LessThanThreshold]";
            return Err(constraint(other, "comparisonOperator", set));
        }
    };
    let periods = positive(input.evaluation_periods.ok_or_else(|| missing("evaluationPeriods"))?, "evaluationPeriods")?;
    let datapoints = input.datapoints_to_alarm.map_or(Ok(periods), |number| positive(number, "datapointsToAlarm"))?;
    if datapoints > periods {
        return Err(validation("DatapointsToAlarm must not be greater than EvaluationPeriods."));
    }
    let threshold = input.threshold.ok_or_else(|| missing("threshold"))?.0;
    if !threshold.is_finite() {
        return Err(constraint(&threshold.to_string(), "threshold", "be a finite number"));
    }
    let missing = match input.treat_missing_data.as_deref() {
        None | Some("missing") => MissingData::Missing,
        Some("breaching") => MissingData::Breaching,
        Some("notBreaching") => MissingData::NotBreaching,
        Some("ignore") => MissingData::Ignore,
        Some(other) => {
            return Err(constraint(
                other,
                "treatMissingData",
                "satisfy enum value set: [breaching, notBreaching, ignore, missing]",
            ));
        }
    };
    Ok(AlarmRule { comparison, threshold, evaluation_periods: periods, datapoints_to_alarm: datapoints, missing })
}

fn positive(number: Number, member: &str) -> Result<usize, ApiError> {
    let whole = number.whole(member)?;
    let fits = usize::try_from(whole).ok().filter(|whole| (1..=100_000).contains(whole));
    fits.ok_or_else(|| constraint(&whole.to_string(), member, "have value greater than or equal to 1"))
}

fn source(input: PutMetricAlarmInput, account: &str) -> Result<Source, ApiError> {
    let single = input.metric_name.is_some()
        || input.namespace.is_some()
        || input.statistic.is_some()
        || input.extended_statistic.is_some()
        || input.period.is_some()
        || input.unit.is_some()
        || !input.dimensions.0.is_empty();
    match input.metrics {
        Some(_) if single => Err(validation(
            "Metrics list contains one or more queries: Namespace, MetricName, Dimensions, Period, Unit, Statistic and ExtendedStatistic must not be specified.",
        )),
        Some(given) => {
            let queries = queries::accept(given, MAX_QUERIES, account, "metrics")?;
            let returned = queries.iter().filter(|query| query.return_data).count();
            if returned != 1 {
                return Err(validation("Exactly one element of the metrics list should return data."));
            }
            for query in &queries {
                if let QueryOf::Stat(stat) = &query.what {
                    check_alarm_period(stat.period)?;
                }
            }
            Ok(Source::Queries(queries))
        }
        None => {
            let name = input.metric_name.ok_or_else(|| validation("Exactly one of MetricName and Metrics must be specified."))?;
            let namespace = input.namespace.ok_or_else(|| missing("namespace"))?;
            let statistic = match (input.statistic, input.extended_statistic) {
                (Some(name), None) if STATISTICS.contains(&name.as_str()) => name,
                (Some(name), None) => {
                    let must = format!("satisfy enum value set: [{}]", STATISTICS.join(", "));
                    return Err(constraint(&name, "statistic", &must));
                }
                (None, Some(name)) => match checked_statistic(name)? {
                    name if name.starts_with('p') => name,
                    name => return Err(constraint(&name, "extendedStatistic", "be a percentile such as p99")),
                },
                _ => return Err(validation("Exactly one of Statistic and ExtendedStatistic must be specified.")),
            };
            let period = input.period.ok_or_else(|| missing("period"))?.whole("period")?;
            Ok(Source::Metric(MetricStat {
                metric: checked_metric(namespace, name, &input.dimensions.0)?,
                period: check_alarm_period(period)?,
                statistic,
                unit: unit(input.unit.as_deref(), "unit")?,
            }))
        }
    }
}

fn check_alarm_period(period: i64) -> Result<i64, ApiError> {
    if matches!(period, 10 | 20 | 30) || (period > 0 && period % 60 == 0) {
        return Ok(period);
    }
    Err(validation("Period must be 10, 20, 30 or a multiple of 60"))
}

/// An alarm looks back a day at most, with periods of an hour or more a week.
fn check_span(metric: &MetricAlarm) -> Result<(), ApiError> {
    let period = metric.period();
    let most = if period >= 3600 { 7 * 86_400 } else { 86_400 };
    let span = i64::try_from(metric.rule.evaluation_periods).unwrap_or(i64::MAX).saturating_mul(period);
    if span > most {
        return Err(validation(format!(
            "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= {most})",
            if period >= 3600 { "a week" } else { "a day" }
        )));
    }
    Ok(())
}
