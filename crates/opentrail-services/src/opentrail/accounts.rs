//! CreateAccount and ListAccounts: accounts of this server, each with root credentials of its own and everything apart.

use super::check_operator;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{AccessKey, Account};
use crate::organizations::{free_id, is_email};
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::arn::is_account_id;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most accounts of a server.
const MAX_ACCOUNTS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccountRequest {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
}

/// Tells the root user's access key, once.
///
/// # Errors
/// `ValidationException`, `AccountAlreadyExistsException`, `AccessDeniedException`.
pub async fn create_account(app: &Arc<App>, call: &Call, input: CreateAccountRequest) -> Result<Reply, ApiError> {
    check_operator(app, call)?;
    let invalid = |message: &str| ApiError::new("ValidationException", message);
    let fits = |name: &String| (1..=50).contains(&name.chars().count()) && name.chars().all(|c| (' '..='~').contains(&c));
    let name = input.name.filter(fits).ok_or_else(|| invalid("A name has 1 to 50 printable characters."))?;
    let email = input.email.filter(|email| is_email(email)).ok_or_else(|| invalid("The e-mail address is not valid."))?;
    if input.account_id.as_ref().is_some_and(|id| !is_account_id(id)) {
        return Err(invalid("An account id has twelve digits."));
    }
    let lock = app.catalog.lock("accounts").await;
    let existing = app.catalog.all::<Account>("").map_err(|error| catalog_failure(&error))?;
    let taken =
        |what: &str| ApiError::new("AccountAlreadyExistsException", format!("An account with this {what} exists already."));
    if existing.iter().any(|other| Some(&other.id) == input.account_id.as_ref()) {
        return Err(taken("id"));
    }
    if existing.iter().any(|other| other.email.eq_ignore_ascii_case(&email)) {
        return Err(taken("e-mail address"));
    }
    if existing.len() >= MAX_ACCOUNTS {
        return Err(ApiError::new("LimitExceededException", format!("A server has at most {MAX_ACCOUNTS} accounts.")));
    }
    let id = input.account_id.unwrap_or_else(|| free_id(&existing));
    let account = Account { name, email, ..Account::begin(&id, call.now) };
    let (key, secret) = AccessKey::generate(&app.seal, &id, None, call.now);
    let mut changes = Changes::new();
    changes.put(&account).put(&key);
    let mut told = described(&account);
    let recorded = opentrail_model::record::lower_first(told.clone());
    told["AccessKeyId"] = key.id.as_str().into();
    told["SecretAccessKey"] = secret.as_str().into();
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(json!({"account": recorded})),
        ..Reply::output(json!({"Account": told}))
    })
}

#[derive(Debug, Deserialize)]
pub struct ListAccountsRequest {}

/// # Errors
/// `AccessDeniedException`.
pub async fn list_accounts(app: &Arc<App>, call: &Call, _: ListAccountsRequest) -> Result<Reply, ApiError> {
    check_operator(app, call)?;
    let accounts = app.catalog.all::<Account>("").map_err(|error| catalog_failure(&error))?;
    let accounts: Vec<Value> = accounts.iter().map(described).collect();
    Ok(Reply::output(json!({"Accounts": accounts})))
}

fn described(account: &Account) -> Value {
    json!({
        "Id": account.id,
        "Name": account.name,
        "Email": account.email,
        "CreatedAt": event_time(account.created),
        "OrganizationId": account.membership.as_ref().map(|membership| membership.organization.clone()),
    })
}
