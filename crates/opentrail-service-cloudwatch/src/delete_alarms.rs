//! DeleteAlarms.

use crate::faults::{constraint, missing, not_found, validation};
use crate::input::List;
use crate::settings::{done, find, lock, note};
use opentrail_alarms::{Alarm, AlarmStatus};
use opentrail_catalog::{Changes, Entity};
use opentrail_services::authorisation::authorise;
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

const MAX_NAMES: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlarmNamesInput {
    alarm_names: Option<List<String>>,
}

impl AlarmNamesInput {
    /// The names, each once. The caller may do `operation` to all of them.
    ///
    /// # Errors
    /// `ValidationError`, `AccessDenied`.
    pub fn names(self, app: &App, call: &Call, operation: &str) -> Result<BTreeSet<String>, ApiError> {
        let names = self.alarm_names.ok_or_else(|| missing("alarmNames"))?.0;
        if names.len() > MAX_NAMES {
            let must = format!("have length less than or equal to {MAX_NAMES}");
            return Err(constraint(&format!("[{} names]", names.len()), "alarmNames", &must));
        }
        let operation = crate::SERVICE.find(operation).expect("an operation names itself");
        // The first was asked for before the operation ran.
        for name in names.iter().skip(1) {
            authorise(app, &crate::SERVICE, operation, call, &json!({"AlarmNames": [name]}))?;
        }
        Ok(names.into_iter().collect())
    }
}

/// Known alarms are deleted whether others are unknown or not.
///
/// # Errors
/// `ResourceNotFound` if none of them is known; `ValidationError` if a composite alarm depends on one of them.
pub async fn delete_alarms(app: &Arc<App>, call: &Call, input: AlarmNamesInput) -> Result<Reply, ApiError> {
    let names = input.names(app, call, "DeleteAlarms")?;
    let lock = lock(app, call).await;
    let mut found: Vec<Arc<Alarm>> = Vec::new();
    for name in &names {
        found.extend(find(app, call, name)?);
    }
    if found.is_empty() && !names.is_empty() {
        return Err(not_found());
    }
    if found.iter().filter(|alarm| alarm.is_composite()).count() > 1 {
        return Err(validation("DeleteAlarms deletes at most one composite alarm at a time."));
    }
    let mut changes = Changes::new();
    for alarm in found {
        let parents: Vec<String> =
            app.watching.alarms.parents_of(&alarm).into_iter().filter(|parent| !names.contains(parent)).collect();
        if !parents.is_empty() {
            return Err(validation(format!(
                "Alarm {} cannot be deleted as there are composite alarms depending on it: [{}]",
                alarm.name,
                parents.join(", ")
            )));
        }
        changes.delete::<Alarm>(&alarm.key()).delete::<AlarmStatus>(&alarm.key());
        note(&alarm, call, "Delete", "deleted", &mut changes);
    }
    Ok(done(changes, lock))
}
