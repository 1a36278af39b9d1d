//! StartQuery.

use super::super::faults::{constraint, invalid, limit_exceeded, missing};
use super::super::groups;
use super::queries::QueryRun;
use super::run;
use crate::app::App;
use crate::authorisation::authorise;
use crate::call::Call;
use crate::service::Reply;
use opentrail_insights::Query;
use opentrail_logs::LogGroup;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most groups of a query.
const MAX_GROUPS: usize = 50;
/// Most rows that can be asked for.
const MAX_LIMIT: i64 = 100_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartQueryRequest {
    query_string: Option<String>,
    query_language: Option<String>,
    /// Seconds since 1970, as the other.
    start_time: Option<i64>,
    end_time: Option<i64>,
    log_group_name: Option<String>,
    log_group_names: Option<Vec<String>>,
    log_group_identifiers: Option<Vec<String>>,
    limit: Option<i64>,
}

impl StartQueryRequest {
    /// The groups, however they are named.
    fn groups(&self) -> Result<Vec<String>, ApiError> {
        let given = [
            self.log_group_name.clone().map(|name| vec![name]),
            self.log_group_names.clone(),
            self.log_group_identifiers.clone(),
        ];
        let mut given = given.into_iter().flatten();
        let (Some(groups), None) = (given.next(), given.next()) else {
            return Err(invalid("You must specify exactly one of logGroupName, logGroupNames and logGroupIdentifiers."));
        };
        if groups.is_empty() || groups.len() > MAX_GROUPS {
            let must = format!("have length between 1 and {MAX_GROUPS}");
            return Err(constraint(&format!("[{} groups]", groups.len()), "logGroupNames", &must));
        }
        let mut names: Vec<String> = groups.iter().map(|group| groups::name_in(group).to_owned()).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Milliseconds since 1970, both included.
    fn times(&self) -> Result<(i64, i64), ApiError> {
        let start = self.start_time.ok_or_else(|| missing("startTime"))?;
        let end = self.end_time.ok_or_else(|| missing("endTime"))?;
        for (value, member) in [(start, "startTime"), (end, "endTime")] {
            if value < 0 {
                return Err(constraint(&value.to_string(), member, "have value greater than or equal to 0"));
            }
        }
        if end < start {
            return Err(invalid("Query's end date and time is before its start date and time."));
        }
        let ms = |seconds: i64| seconds.saturating_mul(1000).min(i64::MAX >> 17);
        Ok((ms(start), ms(end).saturating_add(999)))
    }
}

/// The ARN of the first group.
pub fn group_resource(_: &App, call: &Call, input: &Value) -> String {
    let given = [&input["logGroupName"], &input["logGroupNames"][0], &input["logGroupIdentifiers"][0]];
    let name = given.into_iter().find_map(Value::as_str).unwrap_or("*");
    format!("arn:aws:logs:{}:{}:log-group:{}", call.region, call.account, groups::name_in(name))
}

/// # Errors
/// `InvalidParameterException`, `MalformedQueryException`, `ResourceNotFoundException`, `LimitExceededException`,
/// `AccessDeniedException`.
pub async fn start_query(app: &Arc<App>, call: &Call, input: StartQueryRequest) -> Result<Reply, ApiError> {
    let text = input.query_string.clone().ok_or_else(|| missing("queryString"))?;
    if input.query_language.as_deref().is_some_and(|language| language != "CWLI") {
        return Err(invalid("OpenTrail understands queryLanguage CWLI."));
    }
    let times = input.times()?;
    let limit = match input.limit {
        Some(limit) if !(1..=MAX_LIMIT).contains(&limit) => {
            return Err(constraint(&limit.to_string(), "limit", &format!("have value between 1 and {MAX_LIMIT}")));
        }
        limit => limit.and_then(|limit| usize::try_from(limit).ok()),
    };
    let names = input.groups()?;
    let query: Query = text.parse().map_err(|fault| malformed(&fault))?;
    let operation = super::super::SERVICE.find("StartQuery").expect("the operation that is running");
    let mut groups: Vec<Arc<LogGroup>> = Vec::new();
    for name in &names {
        authorise(app, &super::super::SERVICE, operation, call, &json!({"logGroupName": name}))?;
        groups.push(group(app, call, name)?);
    }
    let place = (call.account.as_str(), call.region.as_str());
    let run = QueryRun::new(place, app.intake.event_id(), names, text, times, groups::now_ms(call));
    let run = Arc::new(run);
    if !app.insights.add(&run) {
        return Err(limit_exceeded());
    }
    let output = json!({"queryId": run.id});
    run::start(app, run, query, groups, limit);
    Ok(Reply::output(output))
}

fn group(app: &App, call: &Call, name: &str) -> Result<Arc<LogGroup>, ApiError> {
    groups::named(app, call, Some(name), None).map_err(|error| match error.code.as_str() {
        "ResourceNotFoundException" => {
            let id = &call.request_id;
            let service =
                format!("(Service: AWSLogs; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: {id})");
            let message = format!("Log group '{name}' does not exist for account ID '{}' {service}", call.account);
            ApiError::new("ResourceNotFoundException", message)
        }
        _ => error,
    })
}

fn malformed(fault: &opentrail_insights::QueryFault) -> ApiError {
    let location = json!({"startCharOffset": fault.start, "endCharOffset": fault.end});
    let body = json!({"queryCompileError": {"location": location, "message": fault.message}});
    ApiError::new("MalformedQueryException", format!("{} at character {}", fault.message, fault.start))
        .with_extra("__body", body.to_string())
}
