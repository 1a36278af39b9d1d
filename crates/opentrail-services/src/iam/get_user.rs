//! GetUser: a user, or the caller.

use super::users::{self, NamedUser, Subject};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use crate::service::Reply;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// The faults of [`users::subject`].
pub async fn get_user(app: &Arc<App>, call: &Call, input: NamedUser) -> Result<Reply, ApiError> {
    let user = match users::subject(app, call, input.user_name.as_deref())? {
        Subject::User(user) => users::full_output(&user),
        Subject::Root => {
            let account = app.catalog.get::<Account>(&call.account).map_err(|error| catalog_failure(&error))?;
            let created = account.map_or(call.now, |account| account.created);
            json!({"UserId": call.account, "Arn": call.caller.arn(), "CreateDate": event_time(created)})
        }
    };
    Ok(Reply::output(json!({"User": user})))
}
