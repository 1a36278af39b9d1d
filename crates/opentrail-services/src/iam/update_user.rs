//! UpdateUser: a new name or path. Keys, password, MFA device and trust follow the user.

use super::access_keys;
use super::holders::{self, Renaming};
use super::input::Input;
use super::login_profiles;
use super::roles;
use super::users::{self, Subject};
use super::validation::MAX_USER_NAME_CHARS;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{AccessKey, User};
use crate::service::Reply;
use crate::signin::{LoginProfile, MfaOwner, device_of};
use opentrail_catalog::{Changes, Entity};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `EntityAlreadyExists`.
pub async fn update_user(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("UserName")?;
    let renaming = Renaming::of(&input, "NewUserName", MAX_USER_NAME_CHARS)?;
    let lock = users::lock(app, call).await;
    let old = holders::named::<User>(app, call, name)?;
    renaming.check::<User>(app, call, "User", &old.name)?;
    let user = User {
        name: renaming.name.unwrap_or(&old.name).to_owned(),
        path: renaming.path.unwrap_or(&old.path).to_owned(),
        ..User::clone(&old)
    };
    let mut changes = Changes::new();
    changes.delete::<User>(&old.key()).put(&user);
    if user.name != old.name {
        for key in access_keys::of(app, call, &Subject::User(Arc::clone(&old)))? {
            changes.put(&AccessKey { user: Some(user.name.clone()), ..key });
        }
        if let Some(profile) = login_profiles::find(app, call, &old.name)? {
            changes.delete::<LoginProfile>(&profile.key());
            changes.put(&LoginProfile { user: user.name.clone(), ..LoginProfile::clone(&profile) });
        }
        if let Some(device) = device_of(app, &call.account, Some(&old.name))? {
            let owner = device.owner.clone().map(|owner| MfaOwner { user: Some(user.name.clone()), ..owner });
            changes.put(&device.owned_by(owner));
        }
    }
    if user.arn() != old.arn() {
        let replaced = roles::replace_principal(&app.catalog, &old.arn(), &user.arn(), &mut changes);
        replaced.map_err(|error| catalog_failure(&error))?;
    }
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
