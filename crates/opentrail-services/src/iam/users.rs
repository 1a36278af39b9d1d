//! Whom an operation is about, and how users look in answers and records.

use crate::app::App;
use crate::call::{Call, Caller};
use crate::credentials::User;
use crate::dates::recorded;
use crate::iam::{boundaries, holders, tags};
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
    holders::named::<User>(app, call, name)
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
        (None, Caller::AssumedRole { .. } | Caller::FederatedUser { .. }) => {
            Err(ApiError::new("ValidationError", "Must specify userName when calling with non-User credentials"))
        }
        (None, _) => Err(ApiError::new("AccessDenied", "Access denied").with_status(403)),
    }
}

/// The ARN that policies are asked about: that of the user as it is stored, path and all.
pub(super) fn subject_arn(app: &App, call: &Call, input: &Value) -> String {
    match input["UserName"].as_str() {
        Some(_) => holders::resource::<User>(app, call, input),
        None => call.caller.arn(),
    }
}

/// A user in an answer.
pub(super) fn output(user: &User) -> Value {
    described(user, event_time(user.created))
}

/// A user with what only GetUser and CreateUser tell.
pub(super) fn full_output(user: &User) -> Value {
    let mut told = output(user);
    if let Some(arn) = &user.boundary {
        told["PermissionsBoundary"] = boundaries::output(arn);
    }
    if !user.tags.is_empty() {
        told["Tags"] = tags::output(&user.tags);
    }
    told
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
