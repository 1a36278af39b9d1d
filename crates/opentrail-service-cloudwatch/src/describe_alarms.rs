//! DescribeAlarms, DescribeAlarmsForMetric.

use crate::alarm_output;
use crate::faults::{bad_token, constraint, missing, validation};
use crate::input::{Dimension, List, Number, page_size, place_in, token, unit};
use crate::queries::checked_metric;
use crate::settings::find;
use opentrail_alarms::{Alarm, AlarmStatus, Source, Watches, name_in};
use opentrail_catalog::Entity;
use opentrail_metrics::CompositeRule;
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const MAX_NAMES: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAlarmsInput {
    #[serde(default)]
    alarm_names: List<String>,
    alarm_name_prefix: Option<String>,
    #[serde(default)]
    alarm_types: List<String>,
    children_of_alarm_name: Option<String>,
    parents_of_alarm_name: Option<String>,
    state_value: Option<String>,
    action_prefix: Option<String>,
    max_records: Option<Number>,
    next_token: Option<String>,
}

/// # Errors
/// `ValidationError`, `InvalidNextToken`.
pub async fn describe_alarms(app: &Arc<App>, call: &Call, input: DescribeAlarmsInput) -> Result<Reply, ApiError> {
    let limit = page_size(input.max_records, 50, 100)?;
    if input.alarm_names.0.len() > MAX_NAMES {
        let must = format!("have length less than or equal to {MAX_NAMES}");
        return Err(constraint(&format!("[{} names]", input.alarm_names.0.len()), "alarmNames", &must));
    }
    if !input.alarm_names.0.is_empty() && input.alarm_name_prefix.is_some() {
        return Err(validation("AlarmNames and AlarmNamePrefix must not be specified together."));
    }
    for kind in &input.alarm_types.0 {
        if !matches!(kind.as_str(), "MetricAlarm" | "CompositeAlarm" | "LogAlarm") {
            return Err(constraint(kind, "alarmTypes", "satisfy enum value set: [CompositeAlarm, LogAlarm, MetricAlarm]"));
        }
    }
    if let Some(state) = input.state_value.as_deref().filter(|state| !matches!(*state, "OK" | "ALARM" | "INSUFFICIENT_DATA")) {
        return Err(constraint(state, "stateValue", "satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"));
    }
    let after = input.next_token.as_deref().map(|token| place_in(token).ok_or_else(bad_token)).transpose()?;
    let related = related(app, call, &input)?;
    let prefix = Alarm::key_of(&call.account, &call.region, input.alarm_name_prefix.as_deref().unwrap_or_default());
    let all = match &input.alarm_names.0[..] {
        [] => app.catalog.all::<Alarm>(&prefix).map_err(|error| catalog_failure(&error))?,
        names => Arc::new(by_names(app, call, names)?),
    };
    let kinds: Vec<&str> = match &input.alarm_types.0[..] {
        [] if related.is_none() => vec!["MetricAlarm"],
        [] => vec!["MetricAlarm", "CompositeAlarm"],
        kinds => kinds.iter().map(String::as_str).collect(),
    };
    let wanted = |alarm: &&Alarm| {
        kinds.contains(&alarm.kind())
            && after.as_ref().is_none_or(|after| alarm.name > *after)
            && related.as_ref().is_none_or(|related| related.contains(&alarm.name))
            && input.action_prefix.as_deref().is_none_or(|prefix| has_action(alarm, prefix))
    };
    let (mut metric, mut composite, mut last, mut more) = (Vec::new(), Vec::new(), None, false);
    for alarm in all.iter().filter(wanted) {
        let status = status_of(app, alarm)?;
        if input.state_value.as_deref().is_some_and(|state| state != status.state.as_str()) {
            continue;
        }
        if metric.len() + composite.len() == limit {
            more = true;
            break;
        }
        let list = if alarm.is_composite() { &mut composite } else { &mut metric };
        list.push(alarm_output::alarm(alarm, &status));
        last = Some(alarm.name.clone());
    }
    let mut output = json!({"MetricAlarms": metric, "CompositeAlarms": composite});
    if let Some(last) = last.filter(|_| more) {
        output["NextToken"] = token(&last).into();
    }
    Ok(Reply::output(output))
}

fn by_names(app: &App, call: &Call, names: &[String]) -> Result<Vec<Alarm>, ApiError> {
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for name in names {
        found.extend(find(app, call, name)?.map(|alarm| Alarm::clone(&alarm)));
    }
    Ok(found)
}

/// The names of the alarms that `ChildrenOfAlarmName` or `ParentsOfAlarmName` mean.
fn related(app: &App, call: &Call, input: &DescribeAlarmsInput) -> Result<Option<BTreeSet<String>>, ApiError> {
    let (children_of, parents_of) = (&input.children_of_alarm_name, &input.parents_of_alarm_name);
    let others = !input.alarm_names.0.is_empty() || input.alarm_name_prefix.is_some() || input.state_value.is_some();
    match (children_of, parents_of) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(validation("ChildrenOfAlarmName and ParentsOfAlarmName must not be specified together.")),
        _ if others => Err(validation("ChildrenOfAlarmName and ParentsOfAlarmName cannot be combined with other filters.")),
        (Some(name), None) => {
            let alarm = find(app, call, name)?;
            let rule = alarm.as_ref().and_then(|alarm| match &alarm.watches {
                Watches::Composite(composite) => composite.rule.parse::<CompositeRule>().ok(),
                Watches::Metric(_) => None,
            });
            let children = rule.iter().flat_map(CompositeRule::children).map(|child| name_in(child).to_owned());
            Ok(Some(children.collect()))
        }
        (None, Some(name)) => {
            let alarm = find(app, call, name)?;
            Ok(Some(alarm.iter().flat_map(|alarm| app.watching.alarms.parents_of(alarm)).collect()))
        }
    }
}

fn has_action(alarm: &Alarm, prefix: &str) -> bool {
    let mut all = alarm.ok_actions.iter().chain(&alarm.alarm_actions).chain(&alarm.insufficient_data_actions);
    all.any(|action| action.starts_with(prefix))
}

/// The state of an alarm.
///
/// # Errors
/// If the catalog fails.
pub fn status_of(app: &App, alarm: &Alarm) -> Result<Arc<AlarmStatus>, ApiError> {
    let status = app.catalog.get::<AlarmStatus>(&alarm.key()).map_err(|error| catalog_failure(&error))?;
    Ok(status.unwrap_or_else(|| Arc::new(AlarmStatus::new(alarm, alarm.created_ms))))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAlarmsForMetricInput {
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    #[serde(default)]
    dimensions: List<Dimension>,
    period: Option<Number>,
    unit: Option<String>,
}

/// # Errors
/// `ValidationError`.
pub async fn describe_alarms_for_metric(
    app: &Arc<App>,
    call: &Call,
    input: DescribeAlarmsForMetricInput,
) -> Result<Reply, ApiError> {
    let name = input.metric_name.ok_or_else(|| missing("metricName"))?;
    let namespace = input.namespace.ok_or_else(|| missing("namespace"))?;
    let metric = checked_metric(namespace, name, &input.dimensions.0)?;
    let period = input.period.map(|period| period.whole("period")).transpose()?;
    let wanted_unit = unit(input.unit.as_deref(), "unit")?;
    let statistic = input.statistic.or(input.extended_statistic);
    let prefix = Alarm::key_of(&call.account, &call.region, "");
    let all = app.catalog.all::<Alarm>(&prefix).map_err(|error| catalog_failure(&error))?;
    let mut found: Vec<Value> = Vec::new();
    for alarm in all.iter() {
        let Watches::Metric(watched) = &alarm.watches else { continue };
        let Source::Metric(stat) = &watched.source else { continue };
        let fits = stat.metric == metric
            && statistic.as_ref().is_none_or(|statistic| *statistic == stat.statistic)
            && period.is_none_or(|period| period == stat.period)
            && (wanted_unit.is_none() || wanted_unit == stat.unit);
        if fits {
            found.push(alarm_output::alarm(alarm, &*status_of(app, alarm)?));
        }
    }
    Ok(Reply::output(json!({"MetricAlarms": found})))
}
