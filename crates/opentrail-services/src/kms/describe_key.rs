//! DescribeKey.

use super::grants::check_tokens;
use super::keys::{self, metadata};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::KeyRef;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<String>,
}

/// An AWS managed key is made if it is asked for by its alias and not there yet.
///
/// # Errors
/// `NotFoundException`, `InvalidArnException`.
pub async fn describe_key(app: &Arc<App>, call: &Call, input: DescribeKeyRequest) -> Result<Reply, ApiError> {
    check_tokens(app, &input.grant_tokens)?;
    let name = keys::required("keyId", input.key_id.as_deref())?;
    let name = KeyRef::parse(name, &call.account, &call.region).map_err(keys::fault)?;
    let key = if name.account == call.account {
        app.kms.find_or_make_aws_managed(&app.intake, &name).await
    } else {
        app.kms.find(&name)
    };
    let key = key.map_err(keys::fault)?;
    Ok(keys::about(&key, json!({"KeyMetadata": metadata(&key)})))
}
