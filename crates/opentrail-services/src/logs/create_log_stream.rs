//! CreateLogStream.

use super::faults::exists;
use super::groups;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_logs::LogStream;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The input of operations on one stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRequest {
    pub(super) log_group_name: Option<String>,
    pub(super) log_stream_name: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `ResourceAlreadyExistsException`.
pub async fn create_log_stream(app: &Arc<App>, call: &Call, input: StreamRequest) -> Result<Reply, ApiError> {
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let name = groups::check_stream_name(input.log_stream_name.as_deref())?;
    let lock = groups::lock_stream(app, &group, name).await;
    let key = LogStream::key_of(&group.id, name);
    if app.catalog.get::<LogStream>(&key).map_err(|error| catalog_failure(&error))?.is_some() {
        return Err(exists("log stream"));
    }
    let stream = LogStream::new(&group, name, app.intake.event_id(), groups::now_ms(call));
    let mut changes = Changes::new();
    changes.put(&stream);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
