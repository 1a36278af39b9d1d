//! Whose access keys are whose, and what is told of them. The secret is told once, by CreateAccessKey.

use super::users::{Subject, no_such_entity};
use super::validation;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::AccessKey;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// The keys of a user, or of the root user, in the order of their ids.
pub(super) fn of(app: &App, call: &Call, subject: &Subject) -> Result<Vec<AccessKey>, ApiError> {
    let mut keys = app.catalog.list::<AccessKey>("").map_err(|error| catalog_failure(&error))?;
    keys.retain(|key| belongs(key, call, subject));
    Ok(keys)
}

/// One key of a user, or of the root user.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`; somebody else's key is no better than none.
pub(super) fn find(app: &App, call: &Call, subject: &Subject, id: &str) -> Result<AccessKey, ApiError> {
    validation::access_key_id(id)?;
    let key = app.catalog.get::<AccessKey>(id).map_err(|error| catalog_failure(&error))?;
    key.filter(|key| belongs(key, call, subject)).map(|key| AccessKey::clone(&key)).ok_or_else(|| no_such_entity(not_found(id)))
}

pub(super) fn not_found(id: &str) -> String {
    format!("The Access Key with id {id} cannot be found.")
}

fn belongs(key: &AccessKey, call: &Call, subject: &Subject) -> bool {
    key.account == call.account && key.user.as_deref() == subject.name()
}

/// Whether an account would be left without a key that can do everything, and so without a way back in: there is no
/// console to make another one.
pub(super) fn is_last_way_in(app: &App, call: &Call, key: &AccessKey) -> Result<bool, ApiError> {
    if key.user.is_some() || !key.active {
        return Ok(false);
    }
    Ok(of(app, call, &Subject::Root)?.iter().filter(|other| other.active).count() <= 1)
}

pub(super) fn status(key: &AccessKey) -> &'static str {
    if key.active { "Active" } else { "Inactive" }
}

/// What may be told of a key at any time, with its creation in the form that the place wants.
pub(super) fn metadata(key: &AccessKey, created: String) -> Value {
    let mut metadata = json!({"AccessKeyId": key.id, "Status": status(key), "CreateDate": created});
    if let Some(user) = &key.user {
        metadata["UserName"] = user.as_str().into();
    }
    metadata
}
