//! ListUsers.

use super::{users, validation};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersRequest {
    #[serde(default)]
    path_prefix: Option<String>,
    #[serde(default)]
    max_items: Option<String>,
    #[serde(default)]
    marker: Option<String>,
}

/// # Errors
/// `ValidationError`.
pub async fn list_users(app: &Arc<App>, call: &Call, input: ListUsersRequest) -> Result<Reply, ApiError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    validation::path_prefix(prefix)?;
    let mut users = app.catalog.list::<User>(&format!("{}/", call.account)).map_err(|error| catalog_failure(&error))?;
    users.retain(|user| user.path.starts_with(prefix));
    let page = validation::page(users, |user| &user.name, input.max_items.as_deref(), input.marker.as_deref())?;
    let mut output = json!({"Users": page.items.iter().map(users::output).collect::<Vec<Value>>()});
    page.finish(&mut output);
    Ok(Reply::output(output))
}
