//! ListAccessKeys of a user, or of the caller.

use super::access_keys::{self, metadata};
use super::{users, validation};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAccessKeysRequest {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    max_items: Option<String>,
    #[serde(default)]
    marker: Option<String>,
}

/// # Errors
/// The faults of [`users::subject`], `ValidationError`.
pub async fn list_access_keys(app: &Arc<App>, call: &Call, input: ListAccessKeysRequest) -> Result<Reply, ApiError> {
    let subject = users::subject(app, call, input.user_name.as_deref())?;
    let keys = access_keys::of(app, call, &subject)?;
    let page = validation::page(keys, |key| &key.id, input.max_items.as_deref(), input.marker.as_deref())?;
    let list: Vec<Value> = page.items.iter().map(|key| metadata(key, event_time(key.created))).collect();
    let mut output = json!({"AccessKeyMetadata": list});
    page.finish(&mut output);
    Ok(Reply::output(output))
}
