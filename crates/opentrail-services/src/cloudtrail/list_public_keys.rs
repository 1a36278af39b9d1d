//! ListPublicKeys: the keys that verify digests of the region, all on one page.

use crate::app::App;
use crate::call::Call;
use crate::dates::{Timestamp, epoch, record_times};
use crate::recording::lower_cased;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPublicKeysRequest {
    #[serde(default)]
    start_time: Option<Timestamp>,
    #[serde(default)]
    end_time: Option<Timestamp>,
    #[serde(default)]
    next_token: Option<String>,
}

/// # Errors
/// `InvalidTimeRangeException`; `InvalidTokenException` for any token.
pub async fn list_public_keys(app: &Arc<App>, call: &Call, input: ListPublicKeysRequest) -> Result<Reply, ApiError> {
    super::refuse_token(input.next_token.as_deref())?;
    let from = input.start_time.map_or(call.now, |start| start.0);
    let to = input.end_time.map_or(call.now, |end| end.0);
    if from > to {
        return Err(super::reversed_times());
    }
    let keys = app.signing_keys.list(&call.region, from, to).map_err(|error| {
        tracing::error!(%error, "listing signing keys failed");
        ApiError::new("InternalFailure", "An internal error occurred.").with_status(500)
    })?;
    let list = keys.iter().map(|key| {
        json!({
            "Value": key.value,
            "ValidityStartTime": epoch(key.valid_from),
            "ValidityEndTime": epoch(key.valid_to),
            "Fingerprint": key.fingerprint,
        })
    });
    Ok(Reply::output(json!({"PublicKeyList": list.collect::<Vec<_>>()})))
}

/// `requestParameters`, times in words.
pub(super) fn parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    record_times(&mut parameters, &["startTime", "endTime"]);
    parameters
}
