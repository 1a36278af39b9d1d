//! StopLogging: the trail takes no more events.

use super::trails::{self, NamedTrail, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// On a trail that is not logging it changes nothing, not even the time.
///
/// # Errors
/// The faults of [`trails::changeable`].
pub async fn stop_logging(app: &Arc<App>, call: &Call, input: NamedTrail) -> Result<Reply, ApiError> {
    let lock = trails::lock(app, call, input.given()).await;
    let stored = trails::changeable(app, call, input.given(), Unknown::AsArn)?;
    let mut changes = Changes::new();
    if stored.logging {
        changes.put(&Trail { logging: false, stopped: Some(call.now), ..Trail::clone(&stored) });
    }
    Ok(trails::changed(&stored, json!({}), changes, lock))
}
