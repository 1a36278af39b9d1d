//! ListRoles.

use super::input::Input;
use super::role::Role;
use super::{holders, roles, validation};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// # Errors
/// `ValidationError`.
pub async fn list_roles(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let prefix = input.path_prefix()?;
    let all = holders::all::<Role>(app, call)?;
    let found: Vec<&Role> = all.iter().filter(|role| role.path.starts_with(prefix)).collect();
    let page = validation::page_of(found, |role| &role.name, &input)?;
    let mut output = json!({"Roles": page.items.iter().map(|role| roles::output(role)).collect::<Vec<Value>>()});
    page.finish(&mut output);
    Ok(Reply::output(output))
}
