//! DeleteTrail. Bucket and files stay; what was recorded before is still delivered (see `opentrail_delivery`).

use super::trails::{self, NamedTrail, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// The faults of [`trails::changeable`].
pub async fn delete_trail(app: &Arc<App>, call: &Call, input: NamedTrail) -> Result<Reply, ApiError> {
    let lock = trails::lock(app, call, input.given()).await;
    let trail = trails::changeable(app, call, input.given(), Unknown::AsArn)?;
    let mut changes = Changes::new();
    changes.delete::<Trail>(&trail.key());
    Ok(trails::changed(&trail, json!({}), changes, lock))
}
