//! AddTags.

use super::tags::{self, TagsRequest};
use super::trails;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// The faults of [`tags::tagged_trail`] and [`tags::add`]; `InvalidHomeRegionException` away from home.
pub async fn add_tags(app: &Arc<App>, call: &Call, input: TagsRequest) -> Result<Reply, ApiError> {
    let given = input.resource_id.as_deref().unwrap_or_default();
    let lock = trails::lock(app, call, given).await;
    let stored = trails::checked_changeable(app, call, tags::tagged_trail(app, call, given)?)?;
    let mut trail = Trail::clone(&stored);
    tags::add(&mut trail.tags, &input.tags_list.unwrap_or_default())?;
    let mut changes = Changes::new();
    changes.put(&trail);
    Ok(trails::changed(&trail, json!({}), changes, lock))
}
