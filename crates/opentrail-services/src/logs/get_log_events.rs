//! GetLogEvents.

use super::faults::{invalid, unreadable};
use super::groups;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_logs::{GetQuery, MAX_PAGE_EVENTS, Token, get_events};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetLogEventsRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    #[serde(default)]
    start_from_head: bool,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn get_log_events(app: &Arc<App>, call: &Call, input: GetLogEventsRequest) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, i64::try_from(MAX_PAGE_EVENTS).unwrap_or(i64::MAX))?;
    let token = input.next_token.as_deref().map(str::parse::<Token>).transpose().map_err(|error| invalid(error.to_string()))?;
    let group = groups::named(app, call, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let stream = groups::stream(app, &group, input.log_stream_name.as_deref())?;
    let app = Arc::clone(app);
    let read = move || {
        let query = GetQuery {
            group_id: &group.id,
            stream_id: &stream.id,
            start: input.start_time,
            end: input.end_time,
            limit,
            token,
            start_from_head: input.start_from_head,
        };
        get_events(&app.catalog, &query)
    };
    let got = groups::reading(read).await?.map_err(|error| unreadable(&error))?;
    let events: Vec<_> = got
        .events
        .into_iter()
        .map(|event| json!({"timestamp": event.timestamp(), "message": event.message, "ingestionTime": event.id.ingestion}))
        .collect();
    Ok(Reply::output(json!({
        "events": events,
        "nextForwardToken": got.forward.to_string(),
        "nextBackwardToken": got.backward.to_string(),
    })))
}
