//! EnableAlarmActions, DisableAlarmActions.

use crate::delete_alarms::AlarmNamesInput;
use crate::input::now_ms;
use crate::settings::{done, find, lock, note};
use opentrail_alarms::Alarm;
use opentrail_catalog::Changes;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use std::sync::Arc;

/// # Errors
/// `ValidationError`.
pub async fn enable_alarm_actions(app: &Arc<App>, call: &Call, input: AlarmNamesInput) -> Result<Reply, ApiError> {
    set(app, call, input, "EnableAlarmActions", true).await
}

/// # Errors
/// `ValidationError`.
pub async fn disable_alarm_actions(app: &Arc<App>, call: &Call, input: AlarmNamesInput) -> Result<Reply, ApiError> {
    set(app, call, input, "DisableAlarmActions", false).await
}

/// Unknown names are passed over, as AWS does.
async fn set(app: &Arc<App>, call: &Call, input: AlarmNamesInput, operation: &str, enabled: bool) -> Result<Reply, ApiError> {
    let names = input.names(app, call, operation)?;
    let lock = lock(app, call).await;
    let mut changes = Changes::new();
    for name in &names {
        let Some(alarm) = find(app, call, name)?.filter(|alarm| alarm.actions_enabled != enabled) else { continue };
        let alarm = Alarm { actions_enabled: enabled, updated_ms: now_ms(call), ..Alarm::clone(&alarm) };
        changes.put(&alarm);
        note(&alarm, call, "Update", "updated", &mut changes);
    }
    Ok(done(changes, lock))
}
