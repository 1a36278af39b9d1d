//! What metric alarms and composite alarms have in common.

use crate::faults::{constraint, limit_exceeded, validation};
use crate::input::{Flag, List, alarm_name, now_ms};
use opentrail_alarms::{Alarm, AlarmStatus, HistoryItem, HistoryKind, Watches};
use opentrail_catalog::{Changes, Entity};
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_DESCRIPTION_CHARS: usize = 1024;
const MAX_ACTIONS: usize = 5;
const MAX_TAGS: usize = 50;
/// Most alarms of an account in a region.
const MAX_ALARMS: usize = 10_000;

/// Members that both kinds of alarm are given.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Settings {
    pub alarm_name: Option<String>,
    pub alarm_description: Option<String>,
    pub actions_enabled: Option<Flag>,
    #[serde(default, rename = "OKActions")]
    pub ok_actions: List<String>,
    #[serde(default)]
    pub alarm_actions: List<String>,
    #[serde(default)]
    pub insufficient_data_actions: List<String>,
    #[serde(default)]
    pub tags: List<Tag>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: Option<String>,
    pub value: Option<String>,
}

/// Tags as a set.
///
/// # Errors
/// `ValidationError`.
pub fn tags(given: &[Tag]) -> Result<BTreeMap<String, String>, ApiError> {
    let mut out = BTreeMap::new();
    for tag in given {
        let key = tag.key.as_deref().filter(|key| (1..=128).contains(&key.chars().count()) && !key.starts_with("aws:"));
        let key = key.ok_or_else(|| {
            constraint(
                tag.key.as_deref().unwrap_or_default(),
                "tags.member.key",
                "have length between 1 and 128 and must not begin with aws:",
            )
        })?;
        let value = tag.value.as_deref().filter(|value| value.chars().count() <= 256);
        let value = value.ok_or_else(|| constraint("tag", "tags.member.value", "have length less than or equal to 256"))?;
        out.insert(key.to_owned(), value.to_owned());
    }
    if out.len() > MAX_TAGS {
        return Err(validation(format!("A resource can have at most {MAX_TAGS} tags.")));
    }
    Ok(out)
}

impl Settings {
    /// An alarm with these settings.
    ///
    /// # Errors
    /// `ValidationError`.
    pub fn alarm(&self, call: &Call, watches: Watches) -> Result<Alarm, ApiError> {
        let name = alarm_name(self.alarm_name.as_deref(), "alarmName")?;
        if self.alarm_description.as_deref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARS) {
            return Err(constraint("alarmDescription", "alarmDescription", "have length less than or equal to 1024"));
        }
        let lists = [
            ("oKActions", &self.ok_actions),
            ("alarmActions", &self.alarm_actions),
            ("insufficientDataActions", &self.insufficient_data_actions),
        ];
        for (member, actions) in lists {
            if actions.0.len() > MAX_ACTIONS {
                return Err(constraint(&format!("[{} actions]", actions.0.len()), member, "have length less than or equal to 5"));
            }
            actions.0.iter().try_for_each(|action| check_action(action, call))?;
        }
        Ok(Alarm {
            account: call.account.clone(),
            region: call.region.clone(),
            name: name.to_owned(),
            description: self.alarm_description.clone(),
            actions_enabled: self.actions_enabled.is_none_or(|flag| flag.0),
            ok_actions: self.ok_actions.0.clone(),
            alarm_actions: self.alarm_actions.0.clone(),
            insufficient_data_actions: self.insufficient_data_actions.0.clone(),
            created_ms: now_ms(call),
            updated_ms: now_ms(call),
            tags: tags(&self.tags.0)?,
            watches,
        })
    }
}

fn check_action(action: &str, call: &Call) -> Result<(), ApiError> {
    let parts: Vec<&str> = action.split(':').collect();
    match parts[..] {
        ["arn", "aws", "sns", region, account, name] if !name.is_empty() && account.len() == 12 => {
            if region == call.region {
                Ok(())
            } else {
                Err(validation(format!("Invalid region {region} specified. Only {} is supported.", call.region)))
            }
        }
        ["arn", ..] => Err(validation(format!("The action {action} is not supported by OpenTrail: only SNS topics are."))),
        _ => Err(validation(format!("Invalid arn syntax: {action}"))),
    }
}

/// Keeps an alarm, new or instead of the one of its name. To be called under [`lock`].
///
/// # Errors
/// `ValidationError` if the name is taken by the other kind, `LimitExceeded`.
pub fn keep(app: &App, call: &Call, mut alarm: Alarm, changes: &mut Changes) -> Result<(), ApiError> {
    let failed = |error| catalog_failure(&error);
    let existing = app.catalog.get::<Alarm>(&alarm.key()).map_err(failed)?;
    let (kind, verb) = match &existing {
        None => {
            let prefix = Alarm::key_of(&alarm.account, &alarm.region, "");
            if app.catalog.keys::<Alarm>(&prefix, MAX_ALARMS).map_err(failed)?.len() >= MAX_ALARMS {
                return Err(limit_exceeded("The maximum number of alarms has been reached."));
            }
            changes.put(&AlarmStatus::new(&alarm, now_ms(call)));
            ("Create", "created")
        }
        Some(existing) if existing.is_composite() != alarm.is_composite() => {
            return Err(validation(format!("An alarm of another type is already named {}.", alarm.name)));
        }
        Some(existing) => {
            // Tags of an alarm that is there are left as they are; TagResource changes them.
            alarm.tags.clone_from(&existing.tags);
            alarm.created_ms = existing.created_ms;
            ("Update", "updated")
        }
    };
    changes.put(&alarm);
    note(&alarm, call, kind, verb, changes);
    Ok(())
}

/// Notes a change of settings in the alarm's history.
pub fn note(alarm: &Alarm, call: &Call, kind: &str, verb: &str, changes: &mut Changes) {
    let mut data = json!({"version": "1.0", "type": kind});
    data[format!("{verb}Alarm")] = recorded(alarm);
    let summary = format!("Alarm \"{}\" {verb}", alarm.name);
    HistoryItem::note(alarm, now_ms(call), HistoryKind::ConfigurationUpdate, &summary, &data, changes);
}

fn recorded(alarm: &Alarm) -> Value {
    let mut shown = crate::alarm_output::settings(alarm);
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| !name.ends_with("Timestamp"));
    }
    opentrail_services::lower_cased(&shown)
}

/// The lock that changes of an account's alarms hold.
pub async fn lock(app: &App, call: &Call) -> opentrail_catalog::NamedLock {
    app.catalog.lock(&Alarm::lock_name(&call.account, &call.region)).await
}

/// The alarm of a name.
///
/// # Errors
/// If the catalog fails.
pub fn find(app: &App, call: &Call, name: &str) -> Result<Option<Arc<Alarm>>, ApiError> {
    let key = Alarm::key_of(&call.account, &call.region, name);
    app.catalog.get::<Alarm>(&key).map_err(|error| catalog_failure(&error))
}

/// An answer without output.
pub fn done(changes: Changes, lock: opentrail_catalog::NamedLock) -> Reply {
    Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) }
}
