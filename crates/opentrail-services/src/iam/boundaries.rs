//! PutUserPermissionsBoundary, PutRolePermissionsBoundary and their opposites.

use super::holders::{self, Holder};
use super::inline_policies::changed;
use super::input::Input;
use super::managed_policies;
use super::role::Role;
use super::users;
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a boundary can be put on.
pub(super) trait Bounded: Holder {
    fn boundary_mut(&mut self) -> &mut Option<String>;
}

impl Bounded for User {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

impl Bounded for Role {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`, `PolicyNotAttachable`, `UnmodifiableEntity`.
pub async fn put<B: Bounded>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, arn) = (input.required(B::MEMBER)?, input.policy_arn("PermissionsBoundary")?);
    let lock = users::lock(app, call).await;
    let mut bounded = holders::modifiable::<B>(app, call, name)?;
    managed_policies::attachable(app, call, arn)?;
    *bounded.boundary_mut() = Some(arn.to_owned());
    Ok(changed(&bounded, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `UnmodifiableEntity`.
pub async fn delete<B: Bounded>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required(B::MEMBER)?;
    let lock = users::lock(app, call).await;
    let mut bounded = holders::modifiable::<B>(app, call, name)?;
    if bounded.boundary_mut().take().is_none() {
        let message = format!("The {} with name {name} does not have a permissions boundary.", B::KIND);
        return Err(users::no_such_entity(message));
    }
    Ok(changed(&bounded, lock))
}

/// The boundary that a new user or role is to have.
///
/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`, `PolicyNotAttachable`.
pub(super) fn requested(app: &App, call: &Call, input: &Input) -> Result<Option<String>, ApiError> {
    if !input.has("PermissionsBoundary") {
        return Ok(None);
    }
    let arn = input.policy_arn("PermissionsBoundary")?;
    managed_policies::attachable(app, call, arn)?;
    Ok(Some(arn.to_owned()))
}

/// A boundary in answers.
pub(super) fn output(arn: &str) -> Value {
    json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn})
}
