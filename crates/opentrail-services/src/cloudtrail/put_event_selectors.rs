//! PutEventSelectors: replaces a trail's selectors, basic or advanced.

use super::selectors;
use super::trails::{self, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutEventSelectorsRequest {
    #[serde(default)]
    trail_name: Option<String>,
    /// Read by [`selectors::given`], which has an error of its own for what is wrong inside.
    #[serde(default)]
    event_selectors: Option<Value>,
    #[serde(default)]
    advanced_event_selectors: Option<Value>,
}

/// # Errors
/// The faults of [`trails::changeable`], `InvalidEventSelectorsException`.
pub async fn put_event_selectors(app: &Arc<App>, call: &Call, input: PutEventSelectorsRequest) -> Result<Reply, ApiError> {
    let lock = trails::lock(app, call, input.trail_name.as_deref().unwrap_or_default()).await;
    let stored = trails::changeable(app, call, input.trail_name.as_deref().unwrap_or_default(), Unknown::AsGiven)?;
    let selectors = selectors::given(input.event_selectors, input.advanced_event_selectors)?;
    let trail = Trail { selectors, ..Trail::clone(&stored) };
    let mut changes = Changes::new();
    changes.put(&trail);
    Ok(trails::changed(&trail, selectors::output(&trail), changes, lock))
}
