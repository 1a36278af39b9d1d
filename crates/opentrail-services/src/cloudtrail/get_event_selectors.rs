//! GetEventSelectors.

use super::selectors;
use super::trails::{self, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetEventSelectorsRequest {
    #[serde(default)]
    trail_name: Option<String>,
}

/// # Errors
/// The faults of [`trails::visible`].
pub async fn get_event_selectors(app: &Arc<App>, call: &Call, input: GetEventSelectorsRequest) -> Result<Reply, ApiError> {
    let trail = trails::visible(app, call, input.trail_name.as_deref().unwrap_or_default(), Unknown::AsGiven)?;
    Ok(trails::read(&trail, selectors::output(&trail)))
}
