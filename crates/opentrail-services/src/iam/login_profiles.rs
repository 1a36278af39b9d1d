//! Passwords for the console: CreateLoginProfile, GetLoginProfile, UpdateLoginProfile, DeleteLoginProfile, ChangePassword.

use super::input::Input;
use super::users::{self, Subject, no_such_entity};
use crate::app::{App, catalog_failure};
use crate::authorisation::{Question, Standing, denied};
use crate::call::{Call, Caller};
use crate::credentials::User;
use crate::dates::recorded;
use crate::recording::lower_cased;
use crate::service::Reply;
use crate::signin::{LoginProfile, PasswordPolicy, acceptable, hashed, remembered, verified};
use opentrail_catalog::Changes;
use opentrail_model::record::lower_first;
use opentrail_model::timestamp::event_time;
use opentrail_policy::Decision;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `EntityAlreadyExists`, `PasswordPolicyViolation`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let password = input.required("Password")?.to_owned();
    let reset_required = input.flag("PasswordResetRequired")?;
    let lock = users::lock(app, call).await;
    let user = owner(app, call, &input)?;
    if find(app, call, &user.name)?.is_some() {
        let message = format!("Login Profile for user {} already exists.", user.name);
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    check(app, call, None, &password).await?;
    let profile = LoginProfile {
        account: call.account.clone(),
        user: user.name.clone(),
        created: call.now,
        hash: hashed(&password).await?,
        changed: call.now,
        reset_required,
        former: Vec::new(),
    };
    let mut changes = Changes::new();
    changes.put(&profile);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(json!({"loginProfile": lower_first(described(&profile, recorded(profile.created)))})),
        ..Reply::output(json!({"LoginProfile": described(&profile, event_time(profile.created))}))
    })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let user = owner(app, call, &input)?;
    let profile = existing(app, call, &user.name)?;
    Ok(Reply::output(json!({"LoginProfile": described(&profile, event_time(profile.created))})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `PasswordPolicyViolation`.
pub async fn update(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let password = input.text("Password")?.map(str::to_owned);
    let lock = users::lock(app, call).await;
    let user = owner(app, call, &input)?;
    let mut profile = LoginProfile::clone(&*existing(app, call, &user.name)?);
    if let Some(password) = &password {
        check(app, call, Some(&profile), password).await?;
        profile = profile.changed_to(hashed(password).await?, call.now, remembered(app, &call.account)?);
    }
    if input.has("PasswordResetRequired") {
        profile.reset_required = input.flag("PasswordResetRequired")?;
    }
    let mut changes = Changes::new();
    changes.put(&profile);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let lock = users::lock(app, call).await;
    let user = owner(app, call, &input)?;
    existing(app, call, &user.name)?;
    let mut changes = Changes::new();
    changes.delete::<LoginProfile>(&LoginProfile::key_of(&call.account, &user.name));
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// A user changes its own password, if a policy of its own or the account's password policy lets it.
///
/// # Errors
/// `InvalidUserType`, `AccessDenied` also for a wrong old password, `NoSuchEntity`, `PasswordPolicyViolation`.
pub async fn change_password(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let Caller::User { name, .. } = &call.caller else {
        return Err(ApiError::new("InvalidUserType", "Only IAM users can change their own password"));
    };
    let (old, new) = (input.required("OldPassword")?.to_owned(), input.required("NewPassword")?.to_owned());
    let policy = app.catalog.get::<PasswordPolicy>(&call.account).map_err(|error| catalog_failure(&error))?;
    if !policy.is_some_and(|policy| policy.allow_users_to_change) {
        may_change(app, call)?;
    }
    let lock = users::lock(app, call).await;
    let profile = existing(app, call, name)?;
    let key = format!("{}/{name}", call.account);
    let wrong = || ApiError::new("AccessDenied", "The old password was incorrect.").with_status(403);
    // An access key alone must not make guessing faster than the console does.
    if app.sign_in_throttle.wait(&key, &call.source_ip, call.now).is_some() {
        return Err(wrong());
    }
    if !verified(profile.hash.clone(), &old).await {
        app.sign_in_throttle.failed(&key, &call.source_ip, call.now);
        return Err(wrong());
    }
    check(app, call, Some(&profile), &new).await?;
    let changed = LoginProfile::clone(&profile).changed_to(hashed(&new).await?, call.now, remembered(app, &call.account)?);
    let mut changes = Changes::new();
    changes.put(&LoginProfile { reset_required: false, ..changed });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

fn may_change(app: &App, call: &Call) -> Result<(), ApiError> {
    let standing = Standing::of(&app.catalog, &call.caller).map_err(|error| catalog_failure(&error))?;
    let context = standing.context(call.policy_context());
    let (resource, principal) = (call.caller.arn(), call.caller.principal());
    let question = Question {
        action: "iam:ChangePassword",
        resource: &resource,
        resource_account: &call.account,
        resource_policy: None,
        grants: None,
        context: &context,
    };
    match standing.decide(&principal, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(denied(&super::SERVICE, reason, &question.request(&principal))),
    }
}

/// `requestParameters` without passwords.
pub(super) fn parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    if let Some(members) = parameters.as_object_mut() {
        for secret in ["password", "oldPassword", "newPassword"] {
            members.remove(secret);
        }
        if let Some(flag) = members.get_mut("passwordResetRequired") {
            *flag = (flag == "true" || flag == true).into();
        }
        if members.is_empty() {
            return Value::Null;
        }
    }
    parameters
}

fn owner(app: &App, call: &Call, input: &Input) -> Result<Arc<User>, ApiError> {
    match users::subject(app, call, input.text("UserName")?)? {
        Subject::User(user) => Ok(user),
        Subject::Root => Err(ApiError::new("ValidationError", "Must specify userName when calling with non-User credentials")),
    }
}

pub(super) fn find(app: &App, call: &Call, user: &str) -> Result<Option<Arc<LoginProfile>>, ApiError> {
    let key = LoginProfile::key_of(&call.account, user);
    app.catalog.get::<LoginProfile>(&key).map_err(|error| catalog_failure(&error))
}

fn existing(app: &App, call: &Call, user: &str) -> Result<Arc<LoginProfile>, ApiError> {
    find(app, call, user)?.ok_or_else(|| no_such_entity(format!("Login Profile for User {user} cannot be found.")))
}

async fn check(app: &App, call: &Call, profile: Option<&LoginProfile>, password: &str) -> Result<(), ApiError> {
    match acceptable(app, &call.account, profile, password).await? {
        Some(problem) => Err(ApiError::new("PasswordPolicyViolation", problem)),
        None => Ok(()),
    }
}

fn described(profile: &LoginProfile, created: String) -> Value {
    json!({"UserName": profile.user, "CreateDate": created, "PasswordResetRequired": profile.reset_required})
}
