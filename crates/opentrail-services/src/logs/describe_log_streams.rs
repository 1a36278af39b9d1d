//! DescribeLogStreams.

use super::faults::{constraint, invalid};
use super::groups::{self, MAX_PAGE};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_logs::{LogGroup, LogStream};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeLogStreamsRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ValidationException`, `ResourceNotFoundException`.
pub async fn describe_log_streams(app: &Arc<App>, call: &Call, input: DescribeLogStreamsRequest) -> Result<Reply, ApiError> {
    let group = groups::named(app, call, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let by_time = match input.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") => true,
        Some(other) => return Err(constraint(other, "orderBy", "satisfy enum value set: [LogStreamName, LastEventTime]")),
    };
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    if by_time && !prefix.is_empty() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let mut streams =
        app.catalog.list::<LogStream>(&LogStream::key_of(&group.id, prefix)).map_err(|error| catalog_failure(&error))?;
    if by_time {
        streams.sort_by(|a, b| a.last_event.cmp(&b.last_event).then_with(|| a.name.cmp(&b.name)));
    }
    if input.descending {
        streams.reverse();
    }
    // A token names the last stream of the page before, whatever the order.
    let start = match &input.next_token {
        None => 0,
        Some(token) => match streams.iter().position(|stream| stream.name == *token) {
            Some(place) => place + 1,
            None => return Err(invalid("The specified nextToken is invalid.")),
        },
    };
    let page: Vec<&LogStream> = streams.iter().skip(start).take(limit).collect();
    let mut output = json!({"logStreams": page.iter().map(|stream| shown(&group, stream)).collect::<Vec<_>>()});
    if start + page.len() < streams.len()
        && let Some(last) = page.last()
    {
        output["nextToken"] = last.name.clone().into();
    }
    Ok(Reply::output(output))
}

fn shown(group: &LogGroup, stream: &LogStream) -> Value {
    let mut output = json!({
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "arn": format!("{}:log-stream:{}", group.arn(), stream.name),
        "storedBytes": 0,
    });
    let times = [
        ("firstEventTimestamp", stream.first_event),
        ("lastEventTimestamp", stream.last_event),
        ("lastIngestionTime", stream.last_ingestion),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            output[member] = time.into();
        }
    }
    if stream.last_event.is_some() {
        output["uploadSequenceToken"] = format!("{:056}", stream.last_ingestion.unwrap_or_default()).into();
    }
    output
}
