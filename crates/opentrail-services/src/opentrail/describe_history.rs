//! DescribeHistory: what the event history is and how far it is.

use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Deserialize)]
pub struct DescribeHistoryRequest {}

/// # Errors
/// If the catalog fails.
pub async fn describe_history(app: &Arc<App>, call: &Call, _: DescribeHistoryRequest) -> Result<Reply, ApiError> {
    let default = app.catalog.get::<Account>(&app.settings.account_id).map_err(|error| catalog_failure(&error))?;
    Ok(Reply::output(json!({
        "AccountId": call.account,
        // Tells one data directory from another behind the same address.
        "Created": default.map_or(0, |account| account.created.unix_timestamp()),
        "RetentionSeconds": app.importer.retention().whole_seconds(),
        "IndexedThrough": app.history.end(),
        "RecordedThrough": app.intake.log().end(),
    })))
}
