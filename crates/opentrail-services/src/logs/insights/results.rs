//! GetQueryResults, StopQuery, DescribeQueries.

use super::super::faults::{invalid, missing};
use super::super::groups;
use super::queries::{QueryRun, QueryState};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Most rows of an answer.
const MAX_ROWS: usize = 10_000;
const MAX_DESCRIBED: i64 = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryRequest {
    query_id: Option<String>,
    next_token: Option<String>,
    max_items: Option<i64>,
}

impl QueryRequest {
    fn query(&self, app: &App, call: &Call) -> Result<Arc<QueryRun>, ApiError> {
        let id = self.query_id.as_deref().ok_or_else(|| missing("queryId"))?;
        let gone = || ApiError::new("ResourceNotFoundException", format!("Query with id {id} does not exist."));
        app.insights.find(&call.account, &call.region, id).ok_or_else(gone)
    }
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn get_query_results(app: &Arc<App>, call: &Call, input: QueryRequest) -> Result<Reply, ApiError> {
    let run = input.query(app, call)?;
    let from = match &input.next_token {
        Some(token) => token.parse::<usize>().map_err(|_| invalid("The specified nextToken is invalid."))?,
        None => 0,
    };
    let most = groups::limit(input.max_items, 10_000)?.min(MAX_ROWS);
    let state = run.state();
    let (rows, matched, next): (Vec<Value>, u64, Option<usize>) = match &state {
        QueryState::Complete(results) => {
            let rows = results.rows.iter().skip(from).take(most);
            let next = (results.rows.len() > from.saturating_add(most)).then_some(from.saturating_add(most));
            (rows.map(|row| shown(row)).collect(), results.matched, next)
        }
        _ => (Vec::new(), 0, None),
    };
    let mut output = json!({
        "queryLanguage": "CWLI",
        "results": rows,
        "statistics": {
            "recordsMatched": matched as f64,
            "recordsScanned": run.scanned.load(Ordering::Relaxed) as f64,
            "estimatedRecordsSkipped": 0.0,
            "bytesScanned": run.scanned_bytes.load(Ordering::Relaxed) as f64,
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": run.groups.len() as f64,
        },
        "status": state.name(),
    });
    if let Some(next) = next {
        output["nextToken"] = next.to_string().into();
    }
    Ok(Reply::output(output))
}

fn shown(row: &[(String, String)]) -> Value {
    row.iter().map(|(field, value)| json!({"field": field, "value": value})).collect()
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn stop_query(app: &Arc<App>, call: &Call, input: QueryRequest) -> Result<Reply, ApiError> {
    let run = input.query(app, call)?;
    if run.stop() {
        Ok(Reply::output(json!({"success": true})))
    } else {
        Err(invalid(format!("Query is not running: its status is {}.", run.state().name())))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRequest {
    log_group_name: Option<String>,
    status: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameterException`.
pub async fn describe_queries(app: &Arc<App>, call: &Call, input: DescribeRequest) -> Result<Reply, ApiError> {
    let most = groups::limit(input.max_results, MAX_DESCRIBED)?;
    let group = input.log_group_name.as_deref();
    let fits = |run: &&Arc<QueryRun>| {
        group.is_none_or(|group| run.groups.iter().any(|known| known == group))
            && input.status.as_deref().is_none_or(|status| run.state().name() == status)
    };
    let all = app.insights.list(&call.account, &call.region);
    // A token is the id of the last one.
    let behind = |run: &&Arc<QueryRun>| input.next_token.as_ref().is_some_and(|token| run.id != *token);
    let skipped = usize::from(input.next_token.is_some());
    let mut rest = all.iter().skip_while(behind).skip(skipped).filter(fits);
    let page: Vec<&Arc<QueryRun>> = rest.by_ref().take(most).collect();
    let queries: Vec<Value> = page
        .iter()
        .map(|run| {
            let sources: Vec<String> = run.groups.iter().map(|group| format!("\"{group}\"")).collect();
            let query = format!("SOURCE {} START={} END={} | {}", sources.join(","), run.start, run.end, run.text);
            json!({
                "queryLanguage": "CWLI",
                "queryId": run.id,
                "queryString": query,
                "status": run.state().name(),
                "createTime": run.created,
                "logGroupName": run.groups.first(),
            })
        })
        .collect();
    let mut output = json!({"queries": queries});
    if let (Some(last), Some(_)) = (page.last(), rest.next()) {
        output["nextToken"] = last.id.as_str().into();
    }
    Ok(Reply::output(output))
}
