//! ListUserPolicies: the names of a user's inline policies.

use super::{users, validation};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoliciesRequest {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    max_items: Option<String>,
    #[serde(default)]
    marker: Option<String>,
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list_user_policies(app: &Arc<App>, call: &Call, input: ListUserPoliciesRequest) -> Result<Reply, ApiError> {
    let name = validation::required(&input.user_name, "userName")?;
    let user = users::named(app, call, name)?;
    let names = user.policies.keys().cloned().collect();
    let page = validation::page(names, String::as_str, input.max_items.as_deref(), input.marker.as_deref())?;
    let mut output = json!({"PolicyNames": page.items});
    page.finish(&mut output);
    Ok(Reply::output(output))
}
