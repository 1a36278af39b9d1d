//! UpdateAccessKey: active or not.

use super::{access_keys, users, validation};
use crate::app::App;
use crate::call::Call;
use crate::credentials::AccessKey;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAccessKeyRequest {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    access_key_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

/// # Errors
/// The faults of [`users::subject`] and [`access_keys::find`]; `InvalidInput` for the root user's last active key.
pub async fn update_access_key(app: &Arc<App>, call: &Call, input: UpdateAccessKeyRequest) -> Result<Reply, ApiError> {
    let id = validation::required(&input.access_key_id, "accessKeyId")?;
    let active = match validation::required(&input.status, "status")? {
        "Active" => true,
        "Inactive" => false,
        other => return Err(validation::broken(other, "status", "Member must satisfy enum value set: [Active, Inactive]")),
    };
    let lock = users::lock(app, call).await;
    let subject = users::subject(app, call, input.user_name.as_deref())?;
    let key = access_keys::find(app, call, &subject, id)?;
    if !active && access_keys::is_last_way_in(app, call, &key)? {
        return Err(ApiError::new("InvalidInput", "The last active access key of the root user cannot be made inactive."));
    }
    let mut changes = Changes::new();
    if key.active != active {
        changes.put(&AccessKey { active, ..key });
    }
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
