//! DeleteAccessKey.

use super::users::{self, delete_conflict};
use super::{access_keys, validation};
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
pub struct DeleteAccessKeyRequest {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    access_key_id: Option<String>,
}

/// # Errors
/// The faults of [`users::subject`] and [`access_keys::find`]; `DeleteConflict` for the root user's last active key.
pub async fn delete_access_key(app: &Arc<App>, call: &Call, input: DeleteAccessKeyRequest) -> Result<Reply, ApiError> {
    let id = validation::required(&input.access_key_id, "accessKeyId")?;
    let lock = users::lock(app, call).await;
    let subject = users::subject(app, call, input.user_name.as_deref())?;
    let key = access_keys::find(app, call, &subject, id)?;
    if access_keys::is_last_way_in(app, call, &key)? {
        return Err(delete_conflict("Cannot delete the last active access key of the root user."));
    }
    let mut changes = Changes::new();
    changes.delete::<AccessKey>(&key.id);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
