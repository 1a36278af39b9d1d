//! ListTopics.

use super::faults::invalid;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Topics or subscriptions of a page.
pub(super) const PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnlyPage {
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

/// # Errors
/// `InvalidParameter` for a token that is not ours.
pub async fn list_topics(app: &Arc<App>, call: &Call, input: OnlyPage) -> Result<Reply, ApiError> {
    let after = read_token(&input.next_token)?;
    let found = app.topics.list(&call.account, &call.region, after.as_deref(), PAGE + 1);
    let shown: Vec<Value> = found.iter().take(PAGE).map(|topic| json!({"TopicArn": topic.arn()})).collect();
    let mut output = json!({"Topics": shown});
    if found.len() > PAGE {
        output["NextToken"] = token(&found[PAGE - 1].name).into();
    }
    Ok(Reply::output(output))
}

pub(super) fn token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

pub(super) fn read_token(given: &Option<String>) -> Result<Option<String>, ApiError> {
    let read = |token: &String| String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok();
    given.as_ref().filter(|token| !token.is_empty()).map(|token| read(token).ok_or_else(|| invalid("NextToken"))).transpose()
}
