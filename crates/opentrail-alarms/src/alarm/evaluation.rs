//! What state an alarm should be in now.

use super::config::{Alarm, MetricAlarm, QueryOf, Source, name_in};
use super::status::{AlarmStatus, UNCHECKED, spelt, spelt_out};
use super::transition::NewState;
use crate::math::{self, MathError};
use crate::store::{MetricStore, Range};
use opentrail_metrics::{AlarmState, CompositeRule, Outcome, Point, Statistic, evaluate};
use serde_json::{Value, json};

/// Most points and children that reason data tell of.
const MAX_TOLD: usize = 20;

/// The end of the newest periods that are over: of the minute, or of ten seconds for shorter periods.
pub fn end_of_periods(period: i64, now: i64) -> i64 {
    now - now.rem_euclid(if period < 60 { 10 } else { 60 })
}

/// The state of a metric alarm by its points; `None` keeps the one it is in.
///
/// # Errors
/// If the metrics cannot be read.
pub fn of_metric(store: &MetricStore, alarm: &Alarm, metric: &MetricAlarm, now_ms: i64) -> Result<Option<NewState>, MathError> {
    let period = metric.period();
    let end = end_of_periods(period, now_ms.div_euclid(1000));
    let count = i64::try_from(metric.rule.range()).unwrap_or(i64::MAX / period.max(1));
    let range = Range { start: end - period * count, end, period };
    let points = points(store, alarm, metric, range)?;
    let Some(outcome) = evaluate(&metric.rule, &points) else { return Ok(None) };
    if too_few(metric, &outcome) {
        return Ok(None);
    }
    let reason_data = reason_data(metric, &outcome, range, now_ms).to_string();
    Ok(Some(NewState { state: outcome.state, reason: outcome.reason, reason_data: Some(reason_data), triggers: Vec::new() }))
}

fn points(store: &MetricStore, alarm: &Alarm, metric: &MetricAlarm, range: Range) -> Result<Vec<Point>, MathError> {
    let (account, region) = (alarm.account.as_str(), alarm.region.as_str());
    match &metric.source {
        Source::Metric(stat) => {
            let series = (&stat.metric, stat.unit.as_deref(), math::statistic(stat)?);
            Ok(store.points(account, region, series, range)?)
        }
        Source::Queries(queries) => {
            let mut answers = math::answer(store, account, region, queries, (range.start, range.end))?;
            let returned = queries.iter().find(|query| query.return_data).and_then(|query| answers.remove(&query.id));
            let series = returned.and_then(|evaluated| evaluated.series(range.start, range.end).into_iter().next());
            let series = series.unwrap_or_default();
            let step = usize::try_from(range.period).unwrap_or(1).max(1);
            let point = |at| {
                let value = series.get(&at).copied();
                Point { at, value, samples: if value.is_some() { 1.0 } else { 0.0 } }
            };
            Ok((range.start..range.end).step_by(step).map(point).collect())
        }
    }
}

/// Whether a percentile rests on too few values to mean something, and the alarm is not to go by it then.
///
/// Source: CloudWatch user guide, "Percentile-based alarms and low data samples".
fn too_few(metric: &MetricAlarm, outcome: &Outcome) -> bool {
    let Source::Metric(stat) = &metric.source else { return false };
    let Ok(Statistic::Percentile(percent)) = stat.statistic.parse::<Statistic>() else { return false };
    let share = percent / 100.0;
    let needed = if share >= 0.5 { 10.0 / (1.0 - share) } else { 10.0 / share };
    let samples: f64 = outcome.evaluated.iter().map(|point| point.samples).sum();
    metric.low_samples.as_deref() == Some("ignore") && needed.is_finite() && !outcome.evaluated.is_empty() && samples < needed
}

fn reason_data(metric: &MetricAlarm, outcome: &Outcome, range: Range, now_ms: i64) -> Value {
    let evaluated = &outcome.evaluated[outcome.evaluated.len().saturating_sub(MAX_TOLD)..];
    let start = evaluated.first().map_or(range.start, |point| point.at);
    let mut data = json!({"version": "1.0", "queryDate": spelt(now_ms), "startDate": spelt(start * 1000)});
    if let Source::Metric(stat) = &metric.source {
        if let Some(unit) = &stat.unit {
            data["unit"] = unit.as_str().into();
        }
        data["statistic"] = stat.statistic.as_str().into();
    }
    data["period"] = range.period.into();
    data["recentDatapoints"] = evaluated.iter().filter_map(|point| point.value).collect();
    data["threshold"] = metric.rule.threshold.into();
    let told = |point: &Point| match point.value {
        Some(value) => json!({"timestamp": spelt(point.at * 1000), "sampleCount": point.samples, "value": value}),
        None => json!({"timestamp": spelt(point.at * 1000)}),
    };
    data["evaluatedDatapoints"] = evaluated.iter().rev().map(told).collect();
    data
}

/// The state of a composite alarm by those of its children. `trigger` is the child that changed, if that is why.
pub fn of_composite(
    alarm: &Alarm,
    status: &AlarmStatus,
    rule: &CompositeRule,
    trigger: Option<&str>,
    child: impl Fn(&str) -> Option<AlarmStatus>,
) -> NewState {
    let holds = rule.holds(|name| child(name_in(name)).map(|status| status.state));
    let state = if holds { AlarmState::Alarm } else { AlarmState::Ok };
    let arn = |name: &str| format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", alarm.region, alarm.account);
    let known = |name: &str| child(name).map(|status| (arn(name), status.state, status.transitioned_ms));
    let changed = trigger.and_then(known);
    let reason = match &changed {
        _ if status.reason == UNCHECKED => {
            format!("{} was created and its alarm rule evaluates to {}", alarm.arn(), state.as_str())
        }
        Some((child, state, since)) => format!("{child} transitioned to {} at {}", state.as_str(), spelt_out(*since)),
        None => format!("{} was updated and its alarm rule evaluates to {}", alarm.arn(), state.as_str()),
    };
    let triggers = match changed {
        Some(changed) if status.reason != UNCHECKED => vec![changed],
        _ => rule.children().into_iter().filter_map(|name| known(name_in(name))).take(MAX_TOLD).collect(),
    };
    let shown = |(arn, state, since): &(String, AlarmState, i64)| json!({"arn": arn, "state": {"value": state.as_str(), "timestamp": spelt(*since)}});
    let reason_data = json!({"triggeringAlarms": triggers.iter().map(shown).collect::<Vec<_>>()}).to_string();
    NewState { state, reason, reason_data: Some(reason_data), triggers }
}

/// Whether an alarm is looked at every ten seconds rather than every minute.
pub fn is_quick(metric: &MetricAlarm) -> bool {
    let shortest = |source: &Source| match source {
        Source::Metric(stat) => stat.period,
        Source::Queries(queries) => queries
            .iter()
            .filter_map(|query| match &query.what {
                QueryOf::Stat(stat) => Some(stat.period),
                QueryOf::Expression { .. } => None,
            })
            .min()
            .unwrap_or(60),
    };
    shortest(&metric.source) < 60
}
