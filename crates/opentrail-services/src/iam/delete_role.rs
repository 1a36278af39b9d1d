//! DeleteRole: only once nothing hangs on the role any more.

use super::input::Input;
use super::instance_profiles::InstanceProfile;
use super::role::Role;
use super::{holders, roles, users};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict`, `UnmodifiableEntity`.
pub async fn delete_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("RoleName")?;
    let lock = users::lock(app, call).await;
    let role = holders::modifiable::<Role>(app, call, name)?;
    let profiles = app.catalog.all::<InstanceProfile>(&format!("{}/", call.account));
    if profiles.map_err(|error| catalog_failure(&error))?.iter().any(|profile| profile.role.as_ref() == Some(&role.name)) {
        return Err(users::delete_conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    holders::check_bare(&role)?;
    let mut changes = Changes::new();
    changes.delete::<Role>(&role.key());
    roles::replace_principal(&app.catalog, &role.arn(), &role.id, &mut changes).map_err(|error| catalog_failure(&error))?;
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
