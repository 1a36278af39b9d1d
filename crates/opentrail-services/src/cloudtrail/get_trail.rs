//! GetTrail.

use super::trails::{self, NamedTrail, Unknown};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// The faults of [`trails::visible`].
pub async fn get_trail(app: &Arc<App>, call: &Call, input: NamedTrail) -> Result<Reply, ApiError> {
    let trail = trails::visible(app, call, input.given(), Unknown::AsGiven)?;
    Ok(trails::read(&trail, json!({"Trail": trails::description(&trail)})))
}
