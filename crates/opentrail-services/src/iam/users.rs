//! Whom an operation is about, and how users look in answers and records.

use crate::app::{App, catalog_failure};
use crate::call::{Call, Caller};
use crate::credentials::User;
use crate::dates::recorded;
use crate::iam::validation::{self, MAX_NAME_CHARS};
use opentrail_catalog::NamedLock;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The input of operations that take nothing but a user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedUser {
    #[serde(default)]
    pub(super) user_name: Option<String>,
}

/// Held while a decision about an account's users is made and until it is recorded.
pub(super) async fn lock(app: &App, call: &Call) -> NamedLock {
    app.catalog.lock(&format!("iam {}", call.account)).await
}

/// A user by name.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub(super) fn named(app: &App, call: &Call, name: &str) -> Result<Arc<User>, ApiError> {
    validation::name(name, "userName", MAX_NAME_CHARS)?;
    find(app, call, name)?.ok_or_else(|| no_such_entity(format!("The user with name {name} cannot be found.")))
}

fn find(app: &App, call: &Call, name: &str) -> Result<Option<Arc<User>>, ApiError> {
    app.catalog.get::<User>(&format!("{}/{name}", call.account)).map_err(|error| catalog_failure(&error))
}

/// Whom an operation is about that may be about the caller.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// The account's root user.
    Root,
    User(Arc<User>),
}

impl Subject {
    /// The name that access keys are kept under; the root user has none.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::User(user) => Some(&user.name),
        }
    }
}

/// The user that is named, or the caller.
///
/// # Errors
/// As [`named`]; `AccessDenied` if the caller is nobody.
pub(super) fn subject(app: &App, call: &Call, given: Option<&str>) -> Result<Subject, ApiError> {
    match (given, &call.caller) {
        (Some(name), _) => named(app, call, name).map(Subject::User),
        (None, Caller::User { name, .. }) => named(app, call, name).map(Subject::User),
        (None, Caller::Root { .. }) => Ok(Subject::Root),
        (None, _) => Err(ApiError::new("AccessDenied", "Access denied").with_status(403)),
    }
}

/// The ARN that policies are asked about: that of the user as it is stored, path and all.
pub(super) fn subject_arn(app: &App, call: &Call, input: &Value) -> String {
    match input["UserName"].as_str() {
        Some(name) => {
            let stored = find(app, call, name).ok().flatten();
            stored.map_or_else(|| format!("arn:aws:iam::{}:user/{name}", call.account), |user| user.arn())
        }
        None => call.caller.arn(),
    }
}

/// The ARN that a new user would have.
pub(super) fn new_user_arn(_: &App, call: &Call, input: &Value) -> String {
    let (path, name) = (input["Path"].as_str().unwrap_or("/"), input["UserName"].as_str().unwrap_or_default());
    format!("arn:aws:iam::{}:user{path}{name}", call.account)
}

/// What ListUsers asks about.
pub(super) fn path_arn(_: &App, call: &Call, input: &Value) -> String {
    format!("arn:aws:iam::{}:user{}", call.account, input["PathPrefix"].as_str().unwrap_or("/"))
}

/// A user in an answer.
pub(super) fn output(user: &User) -> Value {
    described(user, event_time(user.created))
}

/// A user in `responseElements`.
pub(super) fn response_elements(user: &User) -> Value {
    json!({"user": opentrail_model::record::lower_first(described(user, recorded(user.created)))})
}

fn described(user: &User, created: String) -> Value {
    json!({
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn(),
        "CreateDate": created,
    })
}

pub(super) fn no_such_entity(message: String) -> ApiError {
    ApiError::new("NoSuchEntity", message).with_status(404)
}

pub(super) fn limit_exceeded(message: String) -> ApiError {
    ApiError::new("LimitExceeded", message).with_status(409)
}

pub(super) fn delete_conflict(message: &str) -> ApiError {
    ApiError::new("DeleteConflict", message).with_status(409)
}
