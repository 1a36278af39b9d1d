//! CreateAccountAlias, DeleteAccountAlias, ListAccountAliases: an account has at most one, and it is nobody else's.

use super::input::Input;
use super::users::no_such_entity;
use super::validation::{self, broken};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// An account's alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountAlias {
    pub alias: String,
    pub account: String,
}

impl Entity for AccountAlias {
    const TABLE: &'static str = "account_alias";
    fn key(&self) -> String {
        self.alias.clone()
    }
}

/// A new alias takes the place of the old one.
///
/// # Errors
/// `ValidationError`, `EntityAlreadyExists`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let alias = alias(&input)?;
    // Aliases are unique over all accounts.
    let lock = app.catalog.lock("account aliases").await;
    let taken = app.catalog.get::<AccountAlias>(alias).map_err(|error| catalog_failure(&error))?;
    if taken.is_some_and(|taken| taken.account != call.account) {
        let message = format!("The account alias {alias} already exists.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    let mut changes = Changes::new();
    if let Some(old) = of(app, call)? {
        changes.delete::<AccountAlias>(&old);
    }
    changes.put(&AccountAlias { alias: alias.to_owned(), account: call.account.clone() });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let alias = alias(&input)?;
    let lock = app.catalog.lock("account aliases").await;
    if of(app, call)?.as_deref() != Some(alias) {
        return Err(no_such_entity(format!("The account alias {alias} cannot be found.")));
    }
    let mut changes = Changes::new();
    changes.delete::<AccountAlias>(alias);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `ValidationError`.
pub async fn list(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let aliases: Vec<String> = of(app, call)?.into_iter().collect();
    let page = validation::page_of(aliases, String::as_str, &input)?;
    let mut output = json!({"AccountAliases": page.items});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

/// The alias of the caller's account.
fn of(app: &App, call: &Call) -> Result<Option<String>, ApiError> {
    let all = app.catalog.all::<AccountAlias>("").map_err(|error| catalog_failure(&error))?;
    Ok(all.iter().find(|alias| alias.account == call.account).map(|alias| alias.alias.clone()))
}

fn alias(input: &Input) -> Result<&str, ApiError> {
    let alias = input.required("AccountAlias")?;
    validation::length(alias, "accountAlias", 3, 63)?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_account = alias.len() == 12 && alias.bytes().all(|byte| byte.is_ascii_digit());
    let edges = alias.starts_with('-') || alias.ends_with('-') || alias.contains("--");
    if alias.bytes().all(is_plain) && !edges && !is_account {
        return Ok(alias);
    }
    Err(broken(
        alias,
        "accountAlias",
        "Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$",
    ))
}
