//! SetAlarmState.

use crate::describe_alarms::status_of;
use crate::faults::{constraint, invalid_format, missing, not_found};
use crate::input::{alarm_name, now_ms};
use crate::settings::{done, find, lock};
use opentrail_alarms::{Alarm, NewState, Watches, enter, name_in};
use opentrail_catalog::Changes;
use opentrail_metrics::AlarmState;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

const MAX_REASON_CHARS: usize = 1023;
const MAX_REASON_DATA_CHARS: usize = 4000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetAlarmStateInput {
    alarm_name: Option<String>,
    state_value: Option<String>,
    state_reason: Option<String>,
    state_reason_data: Option<String>,
}

/// The state holds until the alarm is next evaluated to another.
///
/// # Errors
/// `ValidationError`, `InvalidFormat`, `ResourceNotFound`.
pub async fn set_alarm_state(app: &Arc<App>, call: &Call, input: SetAlarmStateInput) -> Result<Reply, ApiError> {
    let name = alarm_name(input.alarm_name.as_deref(), "alarmName")?;
    let state = match input.state_value.as_deref().ok_or_else(|| missing("stateValue"))? {
        "OK" => AlarmState::Ok,
        "ALARM" => AlarmState::Alarm,
        "INSUFFICIENT_DATA" => AlarmState::InsufficientData,
        other => return Err(constraint(other, "stateValue", "satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]")),
    };
    let reason = input.state_reason.ok_or_else(|| missing("stateReason"))?;
    if reason.chars().count() > MAX_REASON_CHARS {
        return Err(constraint("stateReason", "stateReason", "have length less than or equal to 1023"));
    }
    if let Some(data) = &input.state_reason_data {
        if data.chars().count() > MAX_REASON_DATA_CHARS {
            return Err(constraint("stateReasonData", "stateReasonData", "have length less than or equal to 4000"));
        }
        if serde_json::from_str::<Value>(data).is_err() {
            return Err(invalid_format("StateReasonData was not valid JSON."));
        }
    }
    let lock = lock(app, call).await;
    let alarm = find(app, call, name)?.ok_or_else(not_found)?;
    let status = status_of(app, &alarm)?;
    let new = NewState { state, reason, reason_data: input.state_reason_data, triggers: Vec::new() };
    let mut changes = Changes::new();
    enter(&app.topics, &alarm, &status, &new, suppressor(app, call, &alarm)?, now_ms(call), &mut changes);
    Ok(done(changes, lock))
}

fn suppressor(app: &App, call: &Call, alarm: &Alarm) -> Result<Option<AlarmState>, ApiError> {
    let Watches::Composite(composite) = &alarm.watches else { return Ok(None) };
    let Some(suppressor) = &composite.suppressor else { return Ok(None) };
    let Some(alarm) = find(app, call, name_in(&suppressor.alarm))? else { return Ok(None) };
    Ok(Some(status_of(app, &alarm)?.state))
}
