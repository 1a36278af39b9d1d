//! DeleteUser: only once nothing hangs on the user any more.

use super::access_keys;
use super::users::{self, NamedUser, Subject, delete_conflict};
use super::{holders, login_profiles, roles, validation};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use crate::signin::device_of;
use opentrail_catalog::{Changes, Entity};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict`.
pub async fn delete_user(app: &Arc<App>, call: &Call, input: NamedUser) -> Result<Reply, ApiError> {
    let name = validation::required(&input.user_name, "userName")?;
    let lock = users::lock(app, call).await;
    let user = users::named(app, call, name)?;
    if !access_keys::of(app, call, &Subject::User(Arc::clone(&user)))?.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
    }
    if login_profiles::find(app, call, name)?.is_some() {
        return Err(delete_conflict("Cannot delete entity, must delete login profile first."));
    }
    if device_of(app, &call.account, Some(name))?.is_some() {
        return Err(delete_conflict("Cannot delete entity, must delete MFA device first."));
    }
    holders::check_bare(&*user)?;
    if !user.groups.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
    }
    let mut changes = Changes::new();
    changes.delete::<User>(&user.key());
    roles::replace_principal(&app.catalog, &user.arn(), &user.id, &mut changes).map_err(|error| catalog_failure(&error))?;
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
