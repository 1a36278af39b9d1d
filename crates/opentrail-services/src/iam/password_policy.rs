//! UpdateAccountPasswordPolicy, GetAccountPasswordPolicy, DeleteAccountPasswordPolicy.

use super::input::Input;
use super::users::{self, no_such_entity};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::recording::lower_cased;
use crate::service::Reply;
use crate::signin::PasswordPolicy;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is not said goes back to its default, as in AWS.
///
/// # Errors
/// `ValidationError`.
pub async fn update(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let policy = PasswordPolicy {
        account: call.account.clone(),
        minimum_length: input.number("MinimumPasswordLength", 6..=128)?.unwrap_or(6),
        require_symbols: input.flag("RequireSymbols")?,
        require_numbers: input.flag("RequireNumbers")?,
        require_uppercase: input.flag("RequireUppercaseCharacters")?,
        require_lowercase: input.flag("RequireLowercaseCharacters")?,
        allow_users_to_change: input.flag("AllowUsersToChangePassword")?,
        max_age_days: input.number("MaxPasswordAge", 1..=1095)?,
        reuse_prevention: input.number("PasswordReusePrevention", 1..=24)?,
        hard_expiry: input.flag("HardExpiry")?,
    };
    let lock = users::lock(app, call).await;
    let mut changes = Changes::new();
    changes.put(&policy);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `NoSuchEntity` while none is set.
pub async fn get(app: &Arc<App>, call: &Call, _: Input) -> Result<Reply, ApiError> {
    let policy = existing(app, call)?;
    let mut output = json!({
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.require_symbols,
        "RequireNumbers": policy.require_numbers,
        "RequireUppercaseCharacters": policy.require_uppercase,
        "RequireLowercaseCharacters": policy.require_lowercase,
        "AllowUsersToChangePassword": policy.allow_users_to_change,
        "ExpirePasswords": policy.max_age_days.is_some(),
        "HardExpiry": policy.hard_expiry,
    });
    if let Some(days) = policy.max_age_days {
        output["MaxPasswordAge"] = days.into();
    }
    if let Some(count) = policy.reuse_prevention {
        output["PasswordReusePrevention"] = count.into();
    }
    Ok(Reply::output(json!({"PasswordPolicy": output})))
}

/// # Errors
/// `NoSuchEntity` while none is set.
pub async fn delete(app: &Arc<App>, call: &Call, _: Input) -> Result<Reply, ApiError> {
    let lock = users::lock(app, call).await;
    existing(app, call)?;
    let mut changes = Changes::new();
    changes.delete::<PasswordPolicy>(&call.account);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

fn existing(app: &App, call: &Call) -> Result<Arc<PasswordPolicy>, ApiError> {
    let policy = app.catalog.get::<PasswordPolicy>(&call.account).map_err(|error| catalog_failure(&error))?;
    policy.ok_or_else(|| no_such_entity(format!("The Password Policy with domain name {} cannot be found.", call.account)))
}

/// `requestParameters`: numbers and flags typed.
pub(super) fn parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    for value in parameters.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        let typed = match value.as_str() {
            Some("true") => Value::Bool(true),
            Some("false") => Value::Bool(false),
            Some(text) => text.parse::<u32>().map_or_else(|_| Value::from(text), Value::from),
            None => continue,
        };
        *value = typed;
    }
    parameters
}
