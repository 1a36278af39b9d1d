//! From one state into another: what is kept, what is noted, who is told. All of it are changes of one entry of the log,
//! so that a state is not entered without its actions, and no action is taken twice.

use super::config::{Alarm, Watches};
use super::message;
use super::status::{AlarmStatus, HistoryItem, HistoryKind, SuppressedBy, Suppression, spelt};
use opentrail_catalog::Changes;
use opentrail_messaging::topics::Draft;
use opentrail_messaging::{Sender, Topics};
use opentrail_metrics::AlarmState;
use serde_json::{Value, json};

/// Longest `StateReason` and `StateReasonData`.
const MAX_REASON_CHARS: usize = 1023;

/// What an alarm comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct NewState {
    pub state: AlarmState,
    pub reason: String,
    /// JSON.
    pub reason_data: Option<String>,
    /// The alarms that made a composite alarm change: ARN, state, since when.
    pub triggers: Vec<(String, AlarmState, i64)>,
}

/// Adds to `changes` that an alarm is in this state since `now_ms`, and what follows if it was not before. `suppressor` is
/// the state of the alarm that keeps this one's actions back, if there is one.
pub fn enter(
    topics: &Topics,
    alarm: &Alarm,
    old: &AlarmStatus,
    new: &NewState,
    suppressor: Option<AlarmState>,
    now_ms: i64,
    changes: &mut Changes,
) -> AlarmStatus {
    let changed = new.state != old.state;
    let mut status = AlarmStatus {
        state: new.state,
        reason: shortened(&new.reason),
        reason_data: new.reason_data.clone(),
        updated_ms: now_ms,
        transitioned_ms: if changed { now_ms } else { old.transitioned_ms },
        ..old.clone()
    };
    if changed {
        status.suppressed = suppression(alarm, old, suppressor, now_ms);
        let summary = format!("Alarm updated from {} to {}", old.state.as_str(), new.state.as_str());
        let data = json!({"version": "1.0", "oldState": old.shown(), "newState": status.shown()});
        HistoryItem::note(alarm, now_ms, HistoryKind::StateUpdate, &summary, &data, changes);
        if status.suppressed.is_none() {
            act(topics, alarm, old.state, &status, &new.triggers, now_ms, changes);
        }
    }
    changes.put(&status);
    status
}

/// Whether and by what the actions of a change are kept back.
fn suppression(alarm: &Alarm, old: &AlarmStatus, suppressor: Option<AlarmState>, now_ms: i64) -> Option<Suppression> {
    let Watches::Composite(composite) = &alarm.watches else { return None };
    let settings = composite.suppressor.as_ref()?;
    let kept = |by, until_ms| Some(Suppression { by, until_ms, from: old.state });
    match suppressor {
        Some(AlarmState::Alarm) => kept(SuppressedBy::Alarm, None),
        _ if settings.wait > 0 => kept(SuppressedBy::WaitPeriod, Some(now_ms + settings.wait * 1000)),
        _ => None,
    }
}

/// What becomes of actions that are kept back, now that the suppressor is in this state or time has passed. `None` if
/// nothing changes.
pub fn reconsider(
    topics: &Topics,
    alarm: &Alarm,
    status: &AlarmStatus,
    suppressor: Option<AlarmState>,
    now_ms: i64,
    changes: &mut Changes,
) -> Option<AlarmStatus> {
    let suppression = status.suppressed.as_ref()?;
    let settings = match &alarm.watches {
        Watches::Composite(composite) => composite.suppressor.as_ref(),
        Watches::Metric(_) => None,
    };
    let extension = settings.map_or(0, |settings| settings.extension);
    let in_alarm = suppressor == Some(AlarmState::Alarm);
    let over = suppression.until_ms.is_some_and(|until| until <= now_ms);
    let next = match (suppression.by, settings) {
        (_, None) => None,
        (SuppressedBy::Alarm, _) if in_alarm => return None,
        (SuppressedBy::WaitPeriod | SuppressedBy::ExtensionPeriod, _) if in_alarm => Some((SuppressedBy::Alarm, None)),
        (SuppressedBy::Alarm, _) if extension > 0 => Some((SuppressedBy::ExtensionPeriod, Some(now_ms + extension * 1000))),
        (SuppressedBy::WaitPeriod | SuppressedBy::ExtensionPeriod, _) if !over => return None,
        _ => None,
    };
    let suppressed = next.map(|(by, until_ms)| Suppression { by, until_ms, from: suppression.from });
    let status = AlarmStatus { suppressed, ..status.clone() };
    if status.suppressed.is_none() && suppression.from != status.state {
        act(topics, alarm, suppression.from, &status, &[], now_ms, changes);
    }
    changes.put(&status);
    Some(status)
}

/// Adds to `changes` what an alarm does on coming into its state.
fn act(
    topics: &Topics,
    alarm: &Alarm,
    from: AlarmState,
    status: &AlarmStatus,
    triggers: &[(String, AlarmState, i64)],
    now_ms: i64,
    changes: &mut Changes,
) {
    if !alarm.actions_enabled {
        return;
    }
    for action in alarm.actions(status.state) {
        let outcome = tell(topics, alarm, action, from, status, triggers, changes);
        let mut data = json!({
            "actionState": "Succeeded",
            "notificationResource": action,
            "stateUpdateTimestamp": spelt(status.updated_ms),
        });
        let summary = match outcome {
            Ok(()) => format!("Successfully executed action {action}"),
            Err(reason) => {
                tracing::warn!(alarm = alarm.arn(), action, reason, "an alarm's action could not be carried out");
                data["actionState"] = "Failed".into();
                data["error"] = Value::String(reason);
                format!("Failed to execute action {action}")
            }
        };
        HistoryItem::note(alarm, now_ms, HistoryKind::Action, &summary, &data, changes);
    }
}

fn tell(
    topics: &Topics,
    alarm: &Alarm,
    action: &str,
    from: AlarmState,
    status: &AlarmStatus,
    triggers: &[(String, AlarmState, i64)],
    changes: &mut Changes,
) -> Result<(), String> {
    let topic = topics.by_arn(action).ok_or("Resource: the topic does not exist")?;
    let arn = alarm.arn();
    let sender = Sender { service: "cloudwatch.amazonaws.com", source_arn: &arn, source_account: &alarm.account };
    if !sender.may_publish(&topic) {
        return Err("the topic's policy does not let cloudwatch.amazonaws.com publish".into());
    }
    let text = message::text(alarm, from, status, triggers).to_string();
    let draft = Draft { subject: Some(message::subject(alarm, status)), ..Draft::text(text) };
    topics.publish(&topic, draft, changes).map(drop).map_err(|error| error.to_string())
}

fn shortened(reason: &str) -> String {
    if reason.chars().count() <= MAX_REASON_CHARS {
        return reason.to_owned();
    }
    let kept: String = reason.chars().take(MAX_REASON_CHARS - 3).collect();
    format!("{kept}...")
}
