//! GetRole.

use super::input::Input;
use super::role::Role;
use super::{holders, roles};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get_role(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let role = holders::named::<Role>(app, call, input.required("RoleName")?)?;
    Ok(Reply::output(json!({"Role": roles::full_output(app, &role)?})))
}
