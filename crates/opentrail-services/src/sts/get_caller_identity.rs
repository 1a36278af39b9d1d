//! GetCallerIdentity: cannot be denied to anybody who is somebody.

use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// No parameters.
#[derive(Debug, Deserialize)]
pub struct GetCallerIdentityRequest {}

/// # Errors
/// `AccessDenied` to a caller without an account.
pub async fn get_caller_identity(_: &Arc<App>, call: &Call, _: GetCallerIdentityRequest) -> Result<Reply, ApiError> {
    let (Some(account), Some(user_id)) = (call.caller.account(), call.caller.user_id()) else {
        return Err(ApiError::new("AccessDenied", "Access denied").with_status(403));
    };
    Ok(Reply::output(json!({"Arn": call.caller.arn(), "UserId": user_id, "Account": account})))
}
