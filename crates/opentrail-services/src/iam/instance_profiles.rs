//! Instance profiles: a role under a name that machines ask for. Nothing here runs machines; Terraform and audits keep
//! them like any other entity.

use super::inline_policies::changed;
use super::input::Input;
use super::role::Role;
use super::users::{self, limit_exceeded, no_such_entity};
use super::{holders, roles, tags, validation};
use crate::app::{App, catalog_failure};
use crate::authorisation;
use crate::call::Call;
use crate::credentials::unique_id;
use crate::dates::recorded;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_model::record::lower_first;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;

/// Most instance profiles of an account.
pub(super) const MAX_PROFILES: usize = 1000;

/// An instance profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceProfile {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AIPA…`
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// Name of the role, at most one.
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl InstanceProfile {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:instance-profile{}{}", self.account, self.path, self.name)
    }
}

impl Entity for InstanceProfile {
    const TABLE: &'static str = "instance_profile";
    fn key(&self) -> String {
        format!("{}/{}", self.account, self.name)
    }
}

/// # Errors
/// `ValidationError`, `EntityAlreadyExists`, `LimitExceeded`, `InvalidInput`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, path, tags) = (input.name("InstanceProfileName")?, input.path()?, tags::of(&input)?);
    let lock = users::lock(app, call).await;
    let existing = all(app, call)?;
    if existing.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
        let message = format!("Instance Profile {name} already exists.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    if existing.len() >= MAX_PROFILES {
        return Err(limit_exceeded(format!("Cannot exceed quota for InstanceProfilesPerAccount: {MAX_PROFILES}")));
    }
    let profile = InstanceProfile {
        account: call.account.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("AIPA"),
        created: call.now,
        role: None,
        tags,
    };
    let output = json!({"InstanceProfile": described(app, call, &profile, event_time)?});
    let elements = lower_first(json!({"InstanceProfile": described(app, call, &profile, recorded)?}));
    Ok(Reply { output, response_elements: Some(elements), ..changed(&profile, lock) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let profile = named(app, call, &input)?;
    Ok(Reply::output(json!({"InstanceProfile": described(app, call, &profile, event_time)?})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let lock = users::lock(app, call).await;
    let profile = named(app, call, &input)?;
    if profile.role.is_some() {
        return Err(users::delete_conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let mut changes = Changes::new();
    changes.delete::<InstanceProfile>(&profile.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// Passing the role on is asked for by itself.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`, `LimitExceeded`, `AccessDenied`.
pub async fn add_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let role = input.required("RoleName")?;
    let lock = users::lock(app, call).await;
    let profile = named(app, call, &input)?;
    let role = holders::named::<Role>(app, call, role)?;
    authorisation::pass_role(app, &super::SERVICE, call, &role.arn(), "ec2.amazonaws.com")?;
    if profile.role.is_some() {
        return Err(limit_exceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1".into()));
    }
    Ok(changed(&InstanceProfile { role: Some(role.name.clone()), ..InstanceProfile::clone(&profile) }, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn remove_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let role = input.required("RoleName")?;
    let lock = users::lock(app, call).await;
    let profile = named(app, call, &input)?;
    if profile.role.as_deref() != Some(role) {
        return Err(no_such_entity(format!("The role with name {role} cannot be found.")));
    }
    Ok(changed(&InstanceProfile { role: None, ..InstanceProfile::clone(&profile) }, lock))
}

/// # Errors
/// `ValidationError`.
pub async fn list(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let prefix = input.path_prefix()?;
    page(app, call, &input, |profile| profile.path.starts_with(prefix))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list_for_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let role = holders::named::<Role>(app, call, input.required("RoleName")?)?;
    page(app, call, &input, |profile| profile.role.as_ref() == Some(&role.name))
}

fn page(app: &App, call: &Call, input: &Input, fits: impl Fn(&InstanceProfile) -> bool) -> Result<Reply, ApiError> {
    let all = all(app, call)?;
    let found: Vec<&InstanceProfile> = all.iter().filter(|profile| fits(profile)).collect();
    let page = validation::page_of(found, |profile| &profile.name, input)?;
    let told = page.items.iter().map(|profile| described(app, call, profile, event_time));
    let mut output = json!({"InstanceProfiles": told.collect::<Result<Vec<Value>, _>>()?});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

/// The ARN that policies are asked about.
pub(super) fn resource(app: &App, call: &Call, input: &Value) -> String {
    let name = input["InstanceProfileName"].as_str().unwrap_or_default();
    let stored = app.catalog.get::<InstanceProfile>(&format!("{}/{name}", call.account)).ok().flatten();
    let path = input["Path"].as_str().unwrap_or("/");
    stored.map_or_else(|| format!("arn:aws:iam::{}:instance-profile{path}{name}", call.account), |profile| profile.arn())
}

pub(super) fn all(app: &App, call: &Call) -> Result<Arc<Vec<InstanceProfile>>, ApiError> {
    app.catalog.all(&format!("{}/", call.account)).map_err(|error| catalog_failure(&error))
}

pub(super) fn named(app: &App, call: &Call, input: &Input) -> Result<Arc<InstanceProfile>, ApiError> {
    let name = input.name("InstanceProfileName")?;
    let found = app.catalog.get::<InstanceProfile>(&format!("{}/{name}", call.account));
    let found = found.map_err(|error| catalog_failure(&error))?;
    found.ok_or_else(|| no_such_entity(format!("Instance Profile {name} cannot be found.")))
}

pub(super) fn described(
    app: &App,
    call: &Call,
    profile: &InstanceProfile,
    date: fn(OffsetDateTime) -> String,
) -> Result<Value, ApiError> {
    let role = match &profile.role {
        Some(name) => holders::find::<Role>(app, call, name)?.map(|role| roles::output(&role)),
        None => None,
    };
    Ok(json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn(),
        "CreateDate": date(profile.created),
        "Roles": role.into_iter().collect::<Vec<Value>>(),
        "Tags": tags::output(&profile.tags),
    }))
}
