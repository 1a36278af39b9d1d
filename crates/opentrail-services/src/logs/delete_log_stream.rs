//! DeleteLogStream.

use super::create_log_stream::StreamRequest;
use super::groups;
use super::tidying::RemovedStreams;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_logs::LogStream;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// The stream goes at once, its events soon after.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn delete_log_stream(app: &Arc<App>, call: &Call, input: StreamRequest) -> Result<Reply, ApiError> {
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    let name = groups::check_stream_name(input.log_stream_name.as_deref())?;
    let lock = groups::lock_stream(app, &group, name).await;
    let stream = groups::stream(app, &group, Some(name))?;
    let mut changes = Changes::new();
    changes.delete::<LogStream>(&stream.key()).put(&RemovedStreams::of_stream(&stream));
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
