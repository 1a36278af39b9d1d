//! LookupEvents: the last 90 days of management events of a region, newest first.
//!
//! With `Settings::extended_lookup` several attributes are ANDed, events of all categories are found unless one is
//! named, and as far back as the history goes.

use super::lookup_token;
use crate::app::App;
use crate::call::Call;
use crate::dates::{Timestamp, record_times};
use crate::recording::lower_cased;
use crate::service::Reply;
use opentrail_history::{Attribute, Found, HistoryErrorKind, Lookup, lookup_resources};
use opentrail_model::facts::EventFacts;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// How far back events are found.
const RETENTION: Duration = Duration::days(90);
/// Most events of a page, and what a page has unless asked otherwise.
const MAX_RESULTS: i64 = 50;
/// Longest attribute value; some characters count twice.
const MAX_VALUE_CHARS: usize = 2000;
/// Most attributes of an extended lookup.
const MAX_ATTRIBUTES: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LookupEventsRequest {
    #[serde(default)]
    lookup_attributes: Option<Vec<LookupAttribute>>,
    #[serde(default)]
    start_time: Option<Timestamp>,
    #[serde(default)]
    end_time: Option<Timestamp>,
    #[serde(default)]
    event_category: Option<String>,
    #[serde(default)]
    max_results: Option<i64>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupAttribute {
    #[serde(default)]
    attribute_key: String,
    #[serde(default)]
    attribute_value: String,
}

/// # Errors
/// `ThrottlingException`, and one code for each parameter that is wrong.
pub async fn lookup_events(app: &Arc<App>, call: &Call, input: LookupEventsRequest) -> Result<Reply, ApiError> {
    let who = format!("{}/{}", call.account, call.region);
    if let Some(rate) = app.settings.lookup_rate
        && !app.lookup_limiter.take(&who, rate, call.now)
    {
        return Err(ApiError::new("ThrottlingException", "Rate exceeded"));
    }
    let question = question(call, &input);
    let (lookup, page) = lookup(call, input, &question, app.settings.extended_lookup)?;
    let searching = Arc::clone(app);
    let found = tokio::task::spawn_blocking(move || searching.history.lookup(&lookup)).await;
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "looking up events failed");
            return Err(failure(error.kind()));
        }
        Err(error) => {
            tracing::error!(%error, "looking up events did not finish");
            return Err(failure(HistoryErrorKind::Unavailable));
        }
    };
    let more = found.len() > page;
    let found = &found[..found.len().min(page)];
    let mut output = json!({"Events": found.iter().map(event).collect::<Vec<_>>()});
    if let Some(last) = found.last().filter(|_| more) {
        output["NextToken"] = lookup_token::write(&question, last.cursor(), call.now).into();
    }
    Ok(Reply::output(output))
}

fn failure(kind: HistoryErrorKind) -> ApiError {
    match kind {
        HistoryErrorKind::Unavailable | HistoryErrorKind::FixRequest => {
            ApiError::new("ServiceUnavailable", "The event history cannot be searched at the moment.").with_status(503)
        }
        HistoryErrorKind::Damaged => ApiError::new("InternalFailure", "An internal error occurred.").with_status(500),
    }
}

/// What a token is bound to.
fn question(call: &Call, input: &LookupEventsRequest) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.0.unix_timestamp_nanos().to_string());
    let (start, end) = (time(input.start_time), time(input.end_time));
    let mut parts = vec![&call.account, &call.region, &start, &end];
    parts.extend(&input.event_category);
    for attribute in input.lookup_attributes.iter().flatten() {
        parts.extend([&attribute.attribute_key, &attribute.attribute_value]);
    }
    lookup_token::question(&parts.into_iter().map(String::as_str).collect::<Vec<_>>())
}

/// The question to the history, which is for one event more than the page has, and the size of the page.
fn lookup(call: &Call, input: LookupEventsRequest, question: &str, extended: bool) -> Result<(Lookup, usize), ApiError> {
    let page = match input.max_results.unwrap_or(MAX_RESULTS) {
        results @ 1..=MAX_RESULTS => usize::try_from(results).unwrap_or(1),
        results => {
            let message =
                format!("A max results value of {results} is invalid. Specify max results between 1 and {MAX_RESULTS}.");
            return Err(ApiError::new("InvalidMaxResultsException", message));
        }
    };
    let (start, end) = (input.start_time.map(|at| at.0), input.end_time.map(|at| at.0));
    if matches!((start, end), (Some(start), Some(end)) if start > end) {
        return Err(super::reversed_times());
    }
    let category = category(input.event_category.as_deref(), extended)?;
    let attributes = attributes(input.lookup_attributes.unwrap_or_default(), category, extended)?;
    let after = match input.next_token.as_deref() {
        None | Some("") => None,
        Some(token) => Some(lookup_token::read(token, question, call.now)?),
    };
    let oldest: OffsetDateTime = call.now - RETENTION;
    let lookup = Lookup {
        account: call.account.clone(),
        region: call.region.clone(),
        category: category.map(str::to_owned),
        attributes,
        start: if extended { start } else { Some(start.map_or(oldest, |start| start.max(oldest))) },
        end,
        limit: page + 1,
        after,
    };
    Ok((lookup, page))
}

/// Names of categories in requests, and in records.
const CATEGORIES: [(&str, &str); 5] = [
    ("insight", INSIGHT),
    ("management", "Management"),
    ("data", "Data"),
    ("networkactivity", "NetworkActivity"),
    ("activityauditlog", "ActivityAuditLog"),
];
const INSIGHT: &str = "Insight";

/// The category of the events asked for; `None` for all.
fn category(given: Option<&str>, extended: bool) -> Result<Option<&'static str>, ApiError> {
    let invalid = |message: String| Err(ApiError::new("InvalidEventCategoryException", message));
    match given {
        None if extended => Ok(None),
        None => Ok(Some("Management")),
        Some("insight") => Ok(Some(INSIGHT)),
        Some(other) if extended => match CATEGORIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(other)) {
            Some((_, category)) => Ok(Some(category)),
            None => {
                let names = CATEGORIES.map(|(name, _)| name).join(", ");
                invalid(format!("Event category {other} is invalid. Valid values are {names}."))
            }
        },
        Some(other) => invalid(format!("Event category {other} is invalid. The only valid value is insight.")),
    }
}

fn attributes(given: Vec<LookupAttribute>, category: Option<&str>, extended: bool) -> Result<Vec<(Attribute, String)>, ApiError> {
    if given.len() > 1 && !extended {
        return Err(invalid_attribute("Only one lookup attribute can be specified.".into()));
    }
    if given.len() > MAX_ATTRIBUTES {
        return Err(invalid_attribute(format!("At most {MAX_ATTRIBUTES} lookup attributes can be specified.")));
    }
    given.into_iter().map(|given| attribute(given, category == Some(INSIGHT) && !extended)).collect()
}

fn invalid_attribute(message: String) -> ApiError {
    ApiError::new("InvalidLookupAttributesException", message)
}

fn attribute(given: LookupAttribute, insight: bool) -> Result<(Attribute, String), ApiError> {
    let LookupAttribute { attribute_key, attribute_value } = given;
    let attribute = match attribute_key.as_str() {
        "EventId" => Attribute::EventId,
        "EventName" => Attribute::EventName,
        "EventSource" => Attribute::EventSource,
        "ReadOnly" if !insight => Attribute::ReadOnly,
        "Username" if !insight => Attribute::Username,
        "ResourceType" if !insight => Attribute::ResourceType,
        "ResourceName" if !insight => Attribute::ResourceName,
        "AccessKeyId" if !insight => Attribute::AccessKeyId,
        other => return Err(invalid_attribute(format!("Lookup attribute {other} is invalid."))),
    };
    let length: usize = attribute_value.chars().map(|c| if "_ ,\n".contains(c) { 2 } else { 1 }).sum();
    if length == 0 || length > MAX_VALUE_CHARS {
        let message = format!("The value of lookup attribute {attribute_key} must have 1 to {MAX_VALUE_CHARS} characters.");
        return Err(invalid_attribute(message));
    }
    Ok((attribute, attribute_value))
}

/// One element of `Events`. Members that the record has nothing for are left out.
fn event(found: &Found) -> Value {
    let facts = EventFacts::read(&found.record).unwrap_or_default();
    let record: Value = serde_json::from_slice(&found.record).unwrap_or_default();
    let resources = lookup_resources(&record);
    let resources = resources.into_iter().map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name}));
    let mut event = json!({
        "EventTime": found.time,
        "Resources": resources.collect::<Vec<_>>(),
        "CloudTrailEvent": String::from_utf8_lossy(&found.record),
    });
    let optional = [
        ("EventId", facts.event_id.as_deref()),
        ("EventName", facts.event_name.as_deref()),
        ("EventSource", facts.event_source.as_deref()),
        ("AccessKeyId", facts.access_key_id.as_deref()),
        ("Username", facts.username()),
        ("ReadOnly", facts.read_only.map(|read_only| if read_only { "true" } else { "false" })),
    ];
    for (member, value) in optional {
        if let Some(value) = value {
            event[member] = value.into();
        }
    }
    event
}

/// `requestParameters`, times in words.
pub(super) fn parameters(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    record_times(&mut parameters, &["startTime", "endTime"]);
    parameters
}
