//! Aliases: CreateAlias, UpdateAlias, DeleteAlias, ListAliases.

use super::access::{Via, permit_via};
use super::keys::{self, constraint, validation};
use super::page::PageRequest;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::dates::epoch_ms;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity, NamedLock};
use opentrail_kms::{AWS_ALIAS_PREFIX, Alias, Key, KeyManager, alias_arn};
use opentrail_model::record::Resource;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest alias, in characters.
const MAX_ALIAS_CHARS: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasRequest {
    #[serde(default)]
    alias_name: Option<String>,
    #[serde(default)]
    target_key_id: Option<String>,
}

impl AliasRequest {
    fn name(&self) -> Result<&str, ApiError> {
        let name = keys::required("aliasName", self.alias_name.as_deref())?;
        let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte));
        if !fits || name.is_empty() {
            return Err(constraint("aliasName", "satisfy regular expression pattern: ^[a-zA-Z0-9/_-]+$"));
        }
        if name.len() > MAX_ALIAS_CHARS {
            return Err(constraint("aliasName", &format!("have length less than or equal to {MAX_ALIAS_CHARS}")));
        }
        if !name.starts_with("alias/") || name == "alias/" {
            return Err(validation(
                "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
            ));
        }
        if name.starts_with(AWS_ALIAS_PREFIX) {
            return Err(ApiError::new("NotAuthorizedException", "").with_status(400));
        }
        Ok(name)
    }

    /// The key the alias is to name: of the caller's account, by id or ARN, and the caller may give it names.
    fn target(&self, app: &App, call: &Call, action: &str) -> Result<Arc<Key>, ApiError> {
        let target = keys::required("targetKeyId", self.target_key_id.as_deref())?;
        if target.contains("alias/") {
            return Err(validation("Aliases must refer to keys. Not aliases"));
        }
        let key = keys::find(app, call, Some(target))?;
        if key.account != call.account || key.manager == KeyManager::Aws {
            return Err(validation("Alias must refer to a customer managed key of this account."));
        }
        permit_via(&app.catalog, call, Via::None, &key, action, None).map_err(keys::fault)?;
        keys::not_pending_deletion(&key)?;
        Ok(key)
    }
}

fn stored(app: &App, call: &Call, name: &str) -> Result<Option<Arc<Alias>>, ApiError> {
    let found = app.catalog.get::<Alias>(&Alias::key_of(&call.account, &call.region, name));
    found.map_err(|error| catalog_failure(&error))
}

fn missing(call: &Call, name: &str) -> ApiError {
    let arn = alias_arn(&call.region, &call.account, name);
    ApiError::new("NotFoundException", format!("Alias {arn} is not found."))
}

fn changed(alias: &Alias, key: &Key, changes: Changes, lock: NamedLock) -> Reply {
    let named = Resource {
        account: Some(alias.account.clone()),
        kind: Some("AWS::KMS::Alias".into()),
        arn: Some(alias.arn()),
        arn_prefix: None,
    };
    Reply { output: Value::Null, changes, lock: Some(lock), resources: vec![named, keys::resource(key)], ..Reply::default() }
}

/// # Errors
/// `ValidationException`, `NotAuthorizedException` for `alias/aws/`, `AlreadyExistsException`, the faults of the key.
pub async fn create_alias(app: &Arc<App>, call: &Call, input: AliasRequest) -> Result<Reply, ApiError> {
    let name = input.name()?;
    let lock = app.kms.lock(&call.account, &call.region).await;
    let key = input.target(app, call, "kms:CreateAlias")?;
    if stored(app, call, name)?.is_some() {
        let arn = alias_arn(&call.region, &call.account, name);
        return Err(ApiError::new("AlreadyExistsException", format!("An alias with the name {arn} already exists")));
    }
    let now_ms = keys::now_ms(call);
    let alias = Alias {
        account: call.account.clone(),
        region: call.region.clone(),
        name: name.into(),
        key_id: key.id.clone(),
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    let mut changes = Changes::new();
    changes.put(&alias);
    Ok(changed(&alias, &key, changes, lock))
}

/// # Errors
/// As [`create_alias`]; `NotFoundException` without such an alias.
pub async fn update_alias(app: &Arc<App>, call: &Call, input: AliasRequest) -> Result<Reply, ApiError> {
    let name = input.name()?;
    let lock = app.kms.lock(&call.account, &call.region).await;
    let key = input.target(app, call, "kms:UpdateAlias")?;
    let alias = stored(app, call, name)?.ok_or_else(|| missing(call, name))?;
    let earlier = app.catalog.get::<Key>(&Key::key_of(&call.account, &call.region, &alias.key_id));
    if let Some(earlier) = earlier.map_err(|error| catalog_failure(&error))? {
        permit_via(&app.catalog, call, Via::None, &earlier, "kms:UpdateAlias", None).map_err(keys::fault)?;
    }
    let alias = Alias { key_id: key.id.clone(), updated_ms: keys::now_ms(call), ..Alias::clone(&alias) };
    let mut changes = Changes::new();
    changes.put(&alias);
    Ok(changed(&alias, &key, changes, lock))
}

/// # Errors
/// `NotFoundException`, `AccessDeniedException` if the key's policy does not let the caller.
pub async fn delete_alias(app: &Arc<App>, call: &Call, input: AliasRequest) -> Result<Reply, ApiError> {
    let name = input.name()?;
    let lock = app.kms.lock(&call.account, &call.region).await;
    let alias = stored(app, call, name)?.ok_or_else(|| missing(call, name))?;
    let key = keys::find(app, call, Some(&alias.key_id))?;
    permit_via(&app.catalog, call, Via::None, &key, "kms:DeleteAlias", None).map_err(keys::fault)?;
    let mut changes = Changes::new();
    changes.delete::<Alias>(&alias.key());
    Ok(changed(&alias, &key, changes, lock))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(flatten)]
    page: PageRequest,
}

/// # Errors
/// `ValidationException`, `InvalidMarkerException`, `NotFoundException` for a key that is not there.
pub async fn list_aliases(app: &Arc<App>, call: &Call, input: ListAliasesRequest) -> Result<Reply, ApiError> {
    let aliases = app.catalog.list::<Alias>(&format!("{}/{}/", call.account, call.region));
    let mut aliases = aliases.map_err(|error| catalog_failure(&error))?;
    if let Some(key_id) = &input.key_id {
        let key = keys::find(app, call, Some(key_id))?;
        aliases.retain(|alias| alias.key_id == key.id);
    }
    let entry = |alias: Alias| {
        let shown = json!({
            "AliasName": alias.name,
            "AliasArn": alias.arn(),
            "TargetKeyId": alias.key_id,
            "CreationDate": epoch_ms(alias.created_ms),
            "LastUpdatedDate": epoch_ms(alias.updated_ms),
        });
        (alias.name, shown)
    };
    Ok(Reply::output(input.page.answer("Aliases", 50, 100, aliases.into_iter().map(entry).collect())?))
}
