//! PutCompositeAlarm.

use crate::faults::{missing, unsupported, validation};
use crate::input::Number;
use crate::settings::{Settings, done, find, keep, lock};
use opentrail_alarms::{Alarm, CompositeAlarm, Suppressor, Watches, name_in};
use opentrail_catalog::Changes;
use opentrail_metrics::CompositeRule;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Longest time that actions are kept back, in seconds.
const MAX_PERIOD: i64 = 86_400;
/// Most alarms looked at for a cycle.
const MAX_DEPENDENTS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutCompositeAlarmInput {
    #[serde(flatten)]
    settings: Settings,
    alarm_rule: Option<String>,
    actions_suppressor: Option<String>,
    actions_suppressor_wait_period: Option<Number>,
    actions_suppressor_extension_period: Option<Number>,
    action_configuration: Option<Value>,
}

/// # Errors
/// `ValidationError`, `LimitExceeded`.
pub async fn put_composite_alarm(app: &Arc<App>, call: &Call, input: PutCompositeAlarmInput) -> Result<Reply, ApiError> {
    crate::input::alarm_name(input.settings.alarm_name.as_deref(), "alarmName")?;
    if input.action_configuration.is_some() {
        return Err(unsupported("ActionConfiguration"));
    }
    let rule = input.alarm_rule.clone().ok_or_else(|| missing("alarmRule"))?;
    let parsed: CompositeRule = rule.parse().map_err(|error| validation(format!("{error}")))?;
    let suppressor = suppressor(&input)?;
    let alarm = input.settings.alarm(call, Watches::Composite(CompositeAlarm { rule, suppressor: suppressor.clone() }))?;
    let lock = lock(app, call).await;
    let named = parsed.children().into_iter().chain(suppressor.as_ref().map(|one| one.alarm.as_str()));
    for child in named.map(name_in) {
        if child == alarm.name {
            return Err(validation("AlarmRule must not reference the alarm itself."));
        }
        if find(app, call, child)?.is_none() {
            return Err(validation(format!(
                "Could not save the composite alarm as alarms [{child}] in the alarm rule do not exist"
            )));
        }
    }
    if leads_to(app, call, parsed.children().into_iter().map(name_in), &alarm.name)? {
        return Err(validation("AlarmRule must not make alarms depend on each other in a cycle."));
    }
    let mut changes = Changes::new();
    keep(app, call, alarm, &mut changes)?;
    Ok(done(changes, lock))
}

fn suppressor(input: &PutCompositeAlarmInput) -> Result<Option<Suppressor>, ApiError> {
    let period = |given: Option<Number>, member: &str| {
        let whole = given.map(|number| number.whole(member)).transpose()?;
        match whole {
            Some(seconds) if !(0..=MAX_PERIOD).contains(&seconds) => {
                Err(validation(format!("{member} must be between 0 and {MAX_PERIOD} seconds.")))
            }
            other => Ok(other),
        }
    };
    let wait = period(input.actions_suppressor_wait_period, "ActionsSuppressorWaitPeriod")?;
    let extension = period(input.actions_suppressor_extension_period, "ActionsSuppressorExtensionPeriod")?;
    match (&input.actions_suppressor, wait, extension) {
        (None, None, None) => Ok(None),
        (Some(alarm), Some(wait), Some(extension)) => Ok(Some(Suppressor { alarm: alarm.clone(), wait, extension })),
        _ => Err(validation(
            "ActionsSuppressor, ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be specified together.",
        )),
    }
}

/// Whether one of these alarms depends on the alarm of this name.
fn leads_to<'n>(app: &App, call: &Call, names: impl Iterator<Item = &'n str>, wanted: &str) -> Result<bool, ApiError> {
    let mut waiting: Vec<String> = names.map(str::to_owned).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if name == wanted {
            return Ok(true);
        }
        if seen.len() >= MAX_DEPENDENTS || !seen.insert(name.clone()) {
            continue;
        }
        let alarm: Option<Arc<Alarm>> = find(app, call, &name)?;
        if let Some(Watches::Composite(composite)) = alarm.as_ref().map(|alarm| &alarm.watches)
            && let Ok(rule) = composite.rule.parse::<CompositeRule>()
        {
            waiting.extend(rule.children().into_iter().map(|child| name_in(child).to_owned()));
        }
    }
    Ok(false)
}
