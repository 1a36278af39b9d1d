//! CreateUser.

use super::users::{self, limit_exceeded};
use super::validation::{self, MAX_USER_NAME_CHARS};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{User, unique_id};
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most users of an account.
const MAX_USERS: usize = 5000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUserRequest {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Option<Value>,
}

/// # Errors
/// `ValidationError`, `EntityAlreadyExists`, `LimitExceeded`; `NoSuchEntity` for a boundary and `InvalidInput` for tags,
/// as users have neither yet.
pub async fn create_user(app: &Arc<App>, call: &Call, input: CreateUserRequest) -> Result<Reply, ApiError> {
    let name = validation::required(&input.user_name, "userName")?;
    validation::name(name, "userName", MAX_USER_NAME_CHARS)?;
    let path = input.path.as_deref().unwrap_or("/");
    validation::path(path)?;
    if let Some(policy) = &input.permissions_boundary {
        return Err(users::no_such_entity(format!("Policy {policy} does not exist or is not attachable.")));
    }
    if input.tags.is_some_and(|tags| tags.as_array().is_none_or(|tags| !tags.is_empty())) {
        return Err(ApiError::new("InvalidInput", "Tags of users are not supported by OpenTrail yet."));
    }
    let lock = users::lock(app, call).await;
    let existing = app.catalog.list::<User>(&format!("{}/", call.account)).map_err(|error| catalog_failure(&error))?;
    // Names that differ only in case are the same name.
    if existing.iter().any(|user| user.name.eq_ignore_ascii_case(name)) {
        let message = format!("User with name {name} already exists.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    if existing.len() >= MAX_USERS {
        return Err(limit_exceeded(format!("Cannot exceed quota for UsersPerAccount: {MAX_USERS}")));
    }
    let user = User {
        account: call.account.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("AIDA"),
        created: call.now,
        policies: BTreeMap::new(),
    };
    let mut changes = Changes::new();
    changes.put(&user);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(users::response_elements(&user)),
        ..Reply::output(json!({"User": users::output(&user)}))
    })
}
