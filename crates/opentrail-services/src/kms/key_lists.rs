//! ListKeys.

use super::page::PageRequest;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::Key;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// `ValidationException`, `InvalidMarkerException`.
pub async fn list_keys(app: &Arc<App>, call: &Call, input: PageRequest) -> Result<Reply, ApiError> {
    let keys = app.catalog.list::<Key>(&format!("{}/{}/", call.account, call.region));
    let keys = keys.map_err(|error| catalog_failure(&error))?;
    let items = keys.into_iter().map(|key| (key.id.clone(), json!({"KeyId": key.id, "KeyArn": key.arn()}))).collect();
    Ok(Reply::output(input.answer("Keys", 100, 1000, items)?))
}
