//! CreateUser.

use super::input::Input;
use super::validation::MAX_USER_NAME_CHARS;
use super::{boundaries, holders, tags, users};
use crate::app::App;
use crate::call::Call;
use crate::credentials::{User, unique_id};
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// Most users of an account.
pub(super) const MAX_USERS: usize = 5000;

/// # Errors
/// `ValidationError`, `EntityAlreadyExists`, `LimitExceeded`, `InvalidInput`; `NoSuchEntity` for a boundary.
pub async fn create_user(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.name_within("UserName", MAX_USER_NAME_CHARS)?;
    let (path, tags) = (input.path()?, tags::of(&input)?);
    let lock = users::lock(app, call).await;
    holders::check_new::<User>(app, call, "User", name, ("UsersPerAccount", MAX_USERS))?;
    let user = User {
        path: path.to_owned(),
        boundary: boundaries::requested(app, call, &input)?,
        tags,
        ..User::new(&call.account, name, unique_id("AIDA"), call.now)
    };
    let mut changes = Changes::new();
    changes.put(&user);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(users::response_elements(&user)),
        ..Reply::output(json!({"User": users::full_output(&user)}))
    })
}
