//! Which group and stream an input means.

use super::faults::{constraint, invalid, missing, no_group, no_stream};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use opentrail_catalog::NamedLock;
use opentrail_logs::{LogGroup, LogStream, is_group_name, is_stream_name};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// Most items of a page of groups, streams or filters.
pub const MAX_PAGE: i64 = 50;

/// The lock that changes of an account's groups in a region hold.
pub async fn lock(app: &App, call: &Call) -> NamedLock {
    app.catalog.lock(&lock_name(&call.account, &call.region)).await
}

/// The name of that lock.
pub fn lock_name(account: &str, region: &str) -> String {
    format!("logs {account} {region}")
}

/// The lock that writers of a stream hold.
pub async fn lock_stream(app: &App, group: &LogGroup, name: &str) -> NamedLock {
    app.catalog.lock(&stream_lock(group, name)).await
}

/// The name of that lock.
pub fn stream_lock(group: &LogGroup, name: &str) -> String {
    format!("log stream {} {name}", group.id)
}

/// The name in a name, an ARN, or an ARN with `:*`.
pub fn name_in(identifier: &str) -> &str {
    let name = match identifier.strip_prefix("arn:") {
        Some(rest) => rest.splitn(6, ':').nth(5).unwrap_or_default(),
        None => identifier,
    };
    name.strip_suffix(":*").unwrap_or(name).split(":log-stream:").next().unwrap_or(name)
}

/// The group that `logGroupName` names, or `logGroupIdentifier`, of which only one may be given.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub fn named(app: &App, call: &Call, name: Option<&str>, identifier: Option<&str>) -> Result<Arc<LogGroup>, ApiError> {
    let name = match (name, identifier) {
        (Some(_), Some(_)) => {
            let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            return Err(ApiError::new("ValidationException", message));
        }
        (Some(name), None) => name,
        (None, Some(identifier)) => name_in(identifier),
        (None, None) => return Err(missing("logGroupName")),
    };
    check_name(name)?;
    let key = LogGroup::key_of(&call.account, &call.region, name);
    app.catalog.get::<LogGroup>(&key).map_err(|error| catalog_failure(&error))?.ok_or_else(no_group)
}

/// # Errors
/// `InvalidParameterException`.
pub fn check_name(name: &str) -> Result<(), ApiError> {
    if name.chars().count() > 512 {
        return Err(invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512."));
    }
    if is_group_name(name) {
        Ok(())
    } else {
        Err(constraint(name, "logGroupName", "satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"))
    }
}

/// # Errors
/// `InvalidParameterException`.
pub fn check_stream_name(name: Option<&str>) -> Result<&str, ApiError> {
    let name = name.ok_or_else(|| missing("logStreamName"))?;
    if name.chars().count() > 512 {
        return Err(invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512."));
    }
    if is_stream_name(name) {
        Ok(name)
    } else {
        Err(constraint(name, "logStreamName", "satisfy regular expression pattern: [^:*]*"))
    }
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub fn stream(app: &App, group: &LogGroup, name: Option<&str>) -> Result<Arc<LogStream>, ApiError> {
    let key = LogStream::key_of(&group.id, check_stream_name(name)?);
    app.catalog.get::<LogStream>(&key).map_err(|error| catalog_failure(&error))?.ok_or_else(no_stream)
}

/// A page's size, within 1 to `most`.
///
/// # Errors
/// `InvalidParameterException`.
pub fn limit(given: Option<i64>, most: i64) -> Result<usize, ApiError> {
    let limit = given.unwrap_or(most);
    let must = match limit {
        ..1 => Some("have value greater than or equal to 1".to_owned()),
        _ if limit > most => Some(format!("have value less than or equal to {most}")),
        _ => None,
    };
    match must {
        Some(must) => Err(constraint(&limit.to_string(), "limit", &must)),
        None => Ok(usize::try_from(limit).unwrap_or(1)),
    }
}

/// A page of what is sorted by name, and the token of the next: the last name of this page.
pub fn page<T>(
    items: impl Iterator<Item = T>,
    token: Option<&str>,
    limit: usize,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut rest = items.skip_while(|item| token.is_some_and(|token| name(item).as_str() <= token));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = page.last().filter(|_| rest.next().is_some()).map(name);
    (page, next)
}

/// The ARN policies are asked about, for operations on one group.
pub fn arn_of(_: &App, call: &Call, input: &Value) -> String {
    let members = ["logGroupName", "logGroupIdentifier", "resourceArn"];
    let identifier = members.iter().find_map(|member| input[member].as_str()).unwrap_or_default();
    format!("arn:aws:logs:{}:{}:log-group:{}", call.region, call.account, name_in(identifier))
}

/// The same for operations on one stream.
pub fn stream_arn_of(app: &App, call: &Call, input: &Value) -> String {
    format!("{}:log-stream:{}", arn_of(app, call, input), input["logStreamName"].as_str().unwrap_or_default())
}

/// For operations on all groups.
pub fn any_arn(_: &App, call: &Call, _: &Value) -> String {
    format!("arn:aws:logs:{}:{}:log-group:*", call.region, call.account)
}

/// For operations on no group.
pub fn anything(_: &App, _: &Call, _: &Value) -> String {
    "*".into()
}

/// Milliseconds since 1970.
pub fn now_ms(call: &Call) -> i64 {
    i64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Runs what reads much off the threads that answer.
///
/// # Errors
/// If it panicked.
pub async fn reading<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        tracing::error!(%error, "reading log events failed");
        ApiError::new("ServiceUnavailableException", "The service cannot complete the request.").with_status(500)
    })
}
