//! Complete: names of fields, or values of one, that begin with a text: for whoever types a query.

use super::question::{ask, bounded, fields, scope};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use crate::service::Reply;
use opentrail_history::{History, HistoryError, Scope};
use opentrail_query::Field;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Most answers, and how many there are unless asked otherwise.
const MAX_RESULTS: usize = 100;
const DEFAULT_RESULTS: usize = 20;
/// Names that are looked at to find those that the caller's own records have.
const NAMES_LOOKED_AT: usize = 60;
/// Longest text that is completed, in bytes.
const MAX_PREFIX_BYTES: usize = 1_024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CompleteRequest {
    /// The field whose values are wanted; names of fields without one.
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    max_results: Option<i64>,
    #[serde(default)]
    all_accounts: Option<bool>,
}

/// # Errors
/// `InvalidFieldException`, `ValidationException` and what searches have in common.
pub async fn complete(app: &Arc<App>, call: &Call, input: CompleteRequest) -> Result<Reply, ApiError> {
    let limit = bounded("MaxResults", input.max_results, DEFAULT_RESULTS, MAX_RESULTS)?;
    if input.prefix.len() > MAX_PREFIX_BYTES {
        return Err(ApiError::new("ValidationException", format!("Prefix must be at most {MAX_PREFIX_BYTES} bytes.")));
    }
    let scope = scope(app, call, input.all_accounts)?;
    let Some(name) = input.field else {
        let accounts = app.catalog.all::<Account>("").map_err(|error| catalog_failure(&error))?;
        let shared = accounts.iter().any(|account| account.id != app.settings.account_id);
        let names = ask(app, &call.account, move |history| names(history, &scope, &input.prefix, limit, shared)).await?;
        return Ok(Reply::output(json!({"Fields": names})));
    };
    let field = fields(Some(vec![name]))?.remove(0);
    let values = ask(app, &call.account, move |history| history.values(&scope, &field, &input.prefix, limit)).await?;
    let values: Vec<_> = values.iter().map(|(value, count)| json!({"Value": value, "Count": count})).collect();
    Ok(Reply::output(json!({"Values": values})))
}

/// Names that begin with the text, those with most values first. Where several accounts share the index, only names that
/// occur in the scope, as names of parameters may tell something.
fn names(history: &History, scope: &Scope, prefix: &str, limit: usize, shared: bool) -> Result<Vec<String>, HistoryError> {
    let begins = |name: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let mut found: Vec<_> = history.field_names()?.into_iter().filter(|field| begins(&field.name)).collect();
    found.sort_unstable_by(|a, b| b.values.cmp(&a.values).then_with(|| a.name.cmp(&b.name)));
    found.truncate(NAMES_LOOKED_AT);
    let mut names = Vec::new();
    for field in found {
        if names.len() == limit {
            break;
        }
        let own = |path: &Field| history.values(scope, path, "", 1).map(|values| !values.is_empty());
        let Some(path) = Field::path(&field.name) else { continue };
        if !shared || matches!(scope, Scope::All) || own(&path)? {
            names.push(path.name().to_owned());
        }
    }
    Ok(names)
}
