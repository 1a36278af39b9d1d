//! CreateAccessKey: the only time a secret is told, and it is not recorded.

use super::access_keys::{self, metadata};
use super::users::{self, NamedUser, limit_exceeded};
use crate::app::App;
use crate::call::Call;
use crate::credentials::AccessKey;
use crate::dates::recorded;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_model::record::lower_first;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// Most keys of a user, and of the root user.
pub(super) const MAX_KEYS: usize = 2;

/// # Errors
/// The faults of [`users::subject`], `LimitExceeded`.
pub async fn create_access_key(app: &Arc<App>, call: &Call, input: NamedUser) -> Result<Reply, ApiError> {
    let lock = users::lock(app, call).await;
    let subject = users::subject(app, call, input.user_name.as_deref())?;
    if access_keys::of(app, call, &subject)?.len() >= MAX_KEYS {
        return Err(limit_exceeded(format!("Cannot exceed quota for AccessKeysPerUser: {MAX_KEYS}")));
    }
    let (key, secret) = AccessKey::generate(&app.seal, &call.account, subject.name(), call.now);
    let mut told = metadata(&key, event_time(key.created));
    told["SecretAccessKey"] = secret.as_str().into();
    let mut changes = Changes::new();
    changes.put(&key);
    Ok(Reply {
        changes,
        lock: Some(lock),
        response_elements: Some(json!({"accessKey": lower_first(metadata(&key, recorded(key.created)))})),
        ..Reply::output(json!({"AccessKey": told}))
    })
}
