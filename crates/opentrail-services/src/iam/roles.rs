//! How roles look in answers and records, and whom they may trust.

use super::role::Role;
use super::validation::percent_encoded;
use super::{boundaries, tags};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{Account, User};
use crate::dates::recorded;
use opentrail_catalog::{Catalog, CatalogError, Changes};
use opentrail_model::record::lower_first;
use opentrail_model::timestamp::event_time;
use opentrail_policy::{PolicyKind, PolicyText};
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// Most characters of a trust policy, white space not counted.
pub(super) const MAX_TRUST_CHARS: usize = 2048;

/// A role in listings.
pub(super) fn output(role: &Role) -> Value {
    described(role, event_time(role.created))
}

/// A role with what only GetRole and CreateRole tell.
///
/// # Errors
/// If the catalog fails.
pub(super) fn full_output(app: &App, role: &Role) -> Result<Value, ApiError> {
    let mut told = output(role);
    if let Some(arn) = &role.boundary {
        told["PermissionsBoundary"] = boundaries::output(arn);
    }
    if !role.tags.is_empty() {
        told["Tags"] = tags::output(&role.tags);
    }
    let used = app.last_used.of(&app.catalog, &role.id).map_err(|error| catalog_failure(&error))?;
    told["RoleLastUsed"] =
        used.map_or_else(|| json!({}), |used| json!({"LastUsedDate": event_time(used.at), "Region": used.region}));
    Ok(told)
}

/// A role in `responseElements`.
pub(super) fn response_elements(role: &Role) -> Value {
    json!({"role": lower_first(described(role, recorded(role.created)))})
}

fn described(role: &Role, created: String) -> Value {
    let mut told = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn(),
        "CreateDate": created,
        "AssumeRolePolicyDocument": percent_encoded(role.trust.as_str()),
        "MaxSessionDuration": role.max_session_seconds,
    });
    if let Some(description) = &role.description {
        told["Description"] = description.as_str().into();
    }
    told
}

/// Refuses trust policies that are too long or name users and roles that do not exist.
///
/// # Errors
/// `LimitExceeded`, `MalformedPolicyDocument`.
pub(super) fn check_trust(app: &App, call: &Call, trust: &PolicyText) -> Result<(), ApiError> {
    if trust.counted_chars() > MAX_TRUST_CHARS {
        return Err(super::users::limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {MAX_TRUST_CHARS}")));
    }
    for arn in trust.document(PolicyKind::Trust).principal_arns() {
        if !principal_exists(&app.catalog, call, arn).map_err(|error| catalog_failure(&error))? {
            let message = format!("Invalid principal in policy: \"AWS\":\"{arn}\"");
            return Err(ApiError::new("MalformedPolicyDocument", message));
        }
    }
    Ok(())
}

/// Users and roles of accounts that are here have to exist; of others nothing can be told.
fn principal_exists(catalog: &Catalog, call: &Call, arn: &str) -> Result<bool, CatalogError> {
    let Some(account) = crate::authorisation::account_of_arn(arn) else { return Ok(false) };
    if account != call.account && catalog.get::<Account>(account)?.is_none() {
        return Ok(true);
    }
    let Some((kind, name)) = arn.splitn(6, ':').nth(5).and_then(|rest| rest.split_once('/')) else { return Ok(true) };
    let key = format!("{account}/{}", name.rsplit('/').next().unwrap_or_default());
    Ok(match kind {
        "user" => catalog.get::<User>(&key)?.is_some_and(|user| user.arn() == arn),
        "role" => catalog.get::<Role>(&key)?.is_some_and(|role| role.arn() == arn),
        _ => true,
    })
}

/// Replaces the ARN of a user or role in all trust policies: by its new ARN; or by its id when it is deleted, so that one
/// that is made again under its name is not trusted in its place.
///
/// # Errors
/// If the catalog fails.
pub(super) fn replace_principal(catalog: &Catalog, arn: &str, by: &str, changes: &mut Changes) -> Result<(), CatalogError> {
    let written = Value::from(arn).to_string();
    for role in catalog.all::<Role>("")?.iter().filter(|role| role.trust.as_str().contains(&written)) {
        // A role that is deleted now needs no trust any more.
        if role.arn() != arn {
            let trust = PolicyText::from(role.trust.as_str().replace(&written, &Value::from(by).to_string()));
            changes.put(&Role { trust, ..role.clone() });
        }
    }
    Ok(())
}
