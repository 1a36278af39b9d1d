//! SetRootPassword: what the root user of an account signs in to the console with.

use crate::app::{App, catalog_failure};
use crate::call::{Call, Caller};
use crate::credentials::Account;
use crate::recording::lower_cased;
use crate::service::Reply;
use crate::signin::{MAX_PASSWORD_CHARS, RootPassword, hashed};
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Shortest password of a root user.
const MIN_CHARS: usize = 12;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetRootPasswordRequest {
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

/// For the caller's own account, by its root user; for any account, by the one that runs the server.
///
/// # Errors
/// `ValidationException`, `AccessDeniedException`, `AccountNotFoundException`.
pub async fn set_root_password(app: &Arc<App>, call: &Call, input: SetRootPasswordRequest) -> Result<Reply, ApiError> {
    let account = input.account_id.unwrap_or_else(|| call.account.clone());
    let is_own_root = account == call.account && matches!(call.caller, Caller::Root { .. });
    if !is_own_root {
        super::check_operator(app, call)?;
    }
    let password = input.password.unwrap_or_default();
    if !(MIN_CHARS..=MAX_PASSWORD_CHARS).contains(&password.chars().count()) {
        let message = format!("The password of a root user has {MIN_CHARS} to {MAX_PASSWORD_CHARS} characters.");
        return Err(ApiError::new("ValidationException", message));
    }
    if app.catalog.get::<Account>(&account).map_err(|error| catalog_failure(&error))?.is_none() {
        return Err(ApiError::new("AccountNotFoundException", format!("There is no account {account}.")));
    }
    let mut changes = Changes::new();
    changes.put(&RootPassword { account: account.clone(), hash: hashed(&password).await? });
    Ok(Reply { changes, owner_account: Some(account), ..Reply::output(json!({})) })
}

/// `requestParameters` without the password.
pub(super) fn parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    if let Some(members) = parameters.as_object_mut() {
        members.remove("password");
    }
    parameters
}
