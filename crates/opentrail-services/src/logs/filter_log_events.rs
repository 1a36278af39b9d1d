//! FilterLogEvents.

use super::faults::{constraint, invalid, unreadable};
use super::groups;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_logs::{EventId, FilterQuery, LogStream, MAX_PAGE_EVENTS, filter_events};
use opentrail_patterns::{FilterPattern, FilterSet};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Most streams that a request may name.
const MAX_STREAM_NAMES: usize = 100;
/// From when on the newest may come first: 2024-01-01.
const NEWEST_FIRST_SINCE: i64 = 1_704_067_200_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterLogEventsRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn filter_log_events(app: &Arc<App>, call: &Call, input: FilterLogEventsRequest) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, i64::try_from(MAX_PAGE_EVENTS).unwrap_or(i64::MAX))?;
    let newest_first = input.start_from_head == Some(false);
    if newest_first && input.start_time.is_none_or(|start| start < NEWEST_FIRST_SINCE) {
        return Err(invalid("startFromHead=false requires a startTime of 2024-01-01T00:00:00Z or later."));
    }
    let from = input.next_token.as_deref().map(str::parse::<EventId>).transpose();
    let from = from.map_err(|()| invalid("The specified nextToken is invalid."))?;
    let pattern: FilterPattern =
        input.filter_pattern.as_deref().unwrap_or_default().parse().map_err(|error| invalid(format!("{error}")))?;
    let group = groups::named(app, call, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let streams = streams(app, &group.id, &input)?;
    let app = Arc::clone(app);
    let names: Vec<String> = streams.iter().map(|stream| stream.name.clone()).collect();
    let read = move || {
        let filter = FilterSet::new([pattern.into()]);
        let wanted = |message: &str| !filter.matches(message).is_empty();
        let query = FilterQuery {
            group_id: &group.id,
            streams: &streams,
            start: input.start_time,
            end: input.end_time,
            limit,
            from,
            newest_first,
            wanted: &wanted,
        };
        filter_events(&app.catalog, &query)
    };
    let found = groups::reading(read).await?.map_err(|error| unreadable(&error))?;
    let events: Vec<_> = found
        .events
        .into_iter()
        .map(|(stream, event)| {
            json!({
                "logStreamName": names[stream],
                "timestamp": event.timestamp(),
                "message": event.message,
                "ingestionTime": event.id.ingestion,
                "eventId": event.id.to_string(),
            })
        })
        .collect();
    let mut output = json!({"events": events, "searchedLogStreams": []});
    if let Some(next) = found.next {
        output["nextToken"] = next.to_string().into();
    }
    Ok(Reply::output(output))
}

/// The streams that are asked for.
fn streams(app: &App, group_id: &str, input: &FilterLogEventsRequest) -> Result<Vec<LogStream>, ApiError> {
    let prefix = input.log_stream_name_prefix.as_deref();
    let Some(names) = &input.log_stream_names else {
        let key = LogStream::key_of(group_id, prefix.unwrap_or_default());
        return app.catalog.list(&key).map_err(|error| catalog_failure(&error));
    };
    if prefix.is_some() {
        return Err(invalid("LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters."));
    }
    if names.is_empty() || names.len() > MAX_STREAM_NAMES {
        let must = format!("have length between 1 and {MAX_STREAM_NAMES}");
        return Err(constraint(&format!("[{} names]", names.len()), "logStreamNames", &must));
    }
    let stream = |name: &String| {
        let name = groups::check_stream_name(Some(name))?;
        app.catalog.get::<LogStream>(&LogStream::key_of(group_id, name)).map_err(|error| catalog_failure(&error))
    };
    let found = names.iter().map(stream).collect::<Result<Vec<_>, ApiError>>()?;
    Ok(found.into_iter().flatten().map(|stream| LogStream::clone(&stream)).collect())
}
