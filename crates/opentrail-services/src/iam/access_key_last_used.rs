//! GetAccessKeyLastUsed.

use super::access_keys;
use super::input::Input;
use super::users::no_such_entity;
use super::validation;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{AccessKey, User};
use crate::service::Reply;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `NoSuchEntity`; a key of another account is no better than none.
pub async fn get_access_key_last_used(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let id = input.required("AccessKeyId")?;
    validation::access_key_id(id)?;
    let key = app.catalog.get::<AccessKey>(id).map_err(|error| catalog_failure(&error))?;
    let key = key.filter(|key| key.account == call.account);
    let key = key.ok_or_else(|| no_such_entity(access_keys::not_found(id)))?;
    let used = app.last_used.of(&app.catalog, id).map_err(|error| catalog_failure(&error))?;
    let told = used.map_or_else(
        || json!({"ServiceName": "N/A", "Region": "N/A"}),
        |used| json!({"LastUsedDate": event_time(used.at), "ServiceName": used.service, "Region": used.region}),
    );
    let mut output = json!({"AccessKeyLastUsed": told});
    if let Some(user) = &key.user {
        output["UserName"] = user.as_str().into();
    }
    Ok(Reply::output(output))
}

/// The ARN that policies are asked about: that of the key's user.
pub(super) fn resource(app: &App, call: &Call, input: &Value) -> String {
    let key = app.catalog.get::<AccessKey>(input["AccessKeyId"].as_str().unwrap_or_default()).ok().flatten();
    let name = key.filter(|key| key.account == call.account).and_then(|key| key.user.clone());
    let user = name.and_then(|name| app.catalog.get::<User>(&format!("{}/{name}", call.account)).ok().flatten());
    user.map_or_else(|| format!("arn:aws:iam::{}:user/*", call.account), |user| user.arn())
}
