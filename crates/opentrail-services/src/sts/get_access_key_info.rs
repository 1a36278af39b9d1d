//! GetAccessKeyInfo: which account an access key belongs to.

use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::AccessKey;
use crate::iam::validation::{length, required};
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyInfoRequest {
    #[serde(default)]
    access_key_id: Option<String>,
}

/// Keys of sessions are not kept anywhere, so only long-term keys and the caller's own are known.
///
/// # Errors
/// `ValidationError`; `AccessDenied` for a key that is not known.
pub async fn get_access_key_info(app: &Arc<App>, call: &Call, input: GetAccessKeyInfoRequest) -> Result<Reply, ApiError> {
    let id = required(&input.access_key_id, "accessKeyId")?;
    length(id, "accessKeyId", 16, 128)?;
    let own = call.caller.account().filter(|_| call.caller.access_key() == Some(id)).map(str::to_owned);
    let key = app.catalog.get::<AccessKey>(id).map_err(|error| catalog_failure(&error))?;
    match own.or_else(|| key.map(|key| key.account.clone())) {
        Some(account) => Ok(Reply::output(json!({"Account": account}))),
        None => Err(ApiError::new("AccessDenied", "Access denied").with_status(403)),
    }
}
