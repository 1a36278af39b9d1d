//! ConfirmSubscription.

use super::faults::{flag, invalid, required};
use super::subjects;
use crate::app::App;
use crate::call::{Call, Caller};
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// How long a token confirms, in milliseconds.
const TOKEN_LIFE_MS: u64 = 2 * 86_400_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmSubscriptionRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    authenticate_on_unsubscribe: Option<String>,
}

/// # Errors
/// `InvalidParameter`, `NotFound`.
pub async fn confirm_subscription(app: &Arc<App>, call: &Call, input: ConfirmSubscriptionRequest) -> Result<Reply, ApiError> {
    let token = required(&input.token, "token")?;
    let authenticate =
        input.authenticate_on_unsubscribe.as_deref().map(|value| flag("AuthenticateOnUnsubscribe", value)).transpose()?;
    let topic = subjects::topic(app, &input.topic_arn)?;
    let lock = subjects::lock(app, &topic.account).await;
    let subscription = app.topics.by_token(&topic.arn(), token).ok_or_else(|| invalid("Token"))?;
    let mut changes = Changes::new();
    if !subscription.confirmed {
        let now_ms = u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        if subscription.created_ms + TOKEN_LIFE_MS <= now_ms {
            return Err(invalid("Token"));
        }
        let signed = !matches!(call.caller, Caller::Anonymous);
        let mut confirmed = (*subscription).clone();
        confirmed.confirmed = true;
        confirmed.authenticated = signed;
        confirmed.authenticate_on_unsubscribe = signed && authenticate == Some(true);
        changes.put(&confirmed);
    }
    let output = json!({"SubscriptionArn": subscription.arn()});
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(output) })
}
