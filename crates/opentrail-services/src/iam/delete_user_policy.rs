//! DeleteUserPolicy.

use super::get_user_policy::NamedPolicy;
use super::users;
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// # Errors
/// The faults of [`NamedPolicy::find`].
pub async fn delete_user_policy(app: &Arc<App>, call: &Call, input: NamedPolicy) -> Result<Reply, ApiError> {
    let lock = users::lock(app, call).await;
    let (user, policy) = input.find(app, call)?;
    let mut user = User::clone(&user);
    user.policies.remove(policy);
    let mut changes = Changes::new();
    changes.put(&user);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}
