//! What searches have in common: the query, the time, whose history.

use super::{SERVICE, resource};
use crate::app::App;
use crate::authorisation::authorise;
use crate::call::Call;
use crate::dates::Timestamp;
use crate::handler;
use crate::service::{Operation, Reply};
use opentrail_history::{History, HistoryError, HistoryErrorKind, Order, Scope, Search};
use opentrail_query::{Field, Query, SyntaxError};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fields of one answer or count.
const MAX_FIELDS: usize = 50;
/// Searches that run at the same time; each uses a thread, and counts use several.
const MAX_SEARCHES: usize = 8;
/// How long a search waits for others.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);
/// Answers that are streamed at the same time.
const MAX_STREAMS: usize = 64;

/// The part of an input that every search has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Question {
    /// Everything if absent or empty.
    #[serde(default)]
    pub query: Option<String>,
    /// The first and the last second wanted.
    #[serde(default)]
    pub start_time: Option<Timestamp>,
    #[serde(default)]
    pub end_time: Option<Timestamp>,
    #[serde(default)]
    pub region: Option<String>,
    /// Instead of the caller's account alone.
    #[serde(default)]
    pub all_accounts: Option<bool>,
}

impl Question {
    /// The question to the history, for the newest events.
    ///
    /// # Errors
    /// `InvalidQueryException` with the place, `InvalidTimeRangeException`, or a denial.
    pub fn resolve(&self, app: &App, call: &Call, limit: usize) -> Result<Search, ApiError> {
        let scope = scope(app, call, self.all_accounts)?;
        let query = Query::parse(self.query.as_deref().unwrap_or_default()).map_err(|error| invalid_query(&error))?;
        let (start, end) = (self.start_time.map(|at| at.0), self.end_time.map(|at| at.0));
        if matches!((start, end), (Some(start), Some(end)) if start > end) {
            return Err(ApiError::new("InvalidTimeRangeException", "StartTime must not be after EndTime."));
        }
        Ok(Search { scope, region: self.region.clone(), query, start, end, after: None, limit, order: Order::NewestFirst })
    }
}

/// Whose history is meant.
///
/// # Errors
/// A denial: of all accounts, only callers of the default account who are allowed `opentrail:SearchAllAccounts` may ask.
pub(super) fn scope(app: &App, call: &Call, all: Option<bool>) -> Result<Scope, ApiError> {
    if all != Some(true) {
        return Ok(Scope::Account(call.account.clone()));
    }
    if call.account != app.settings.account_id {
        let message = format!("Only callers of account {} can search all accounts.", app.settings.account_id);
        return Err(ApiError::new("AccessDeniedException", message));
    }
    authorise(app, &SERVICE, &SEARCH_ALL_ACCOUNTS, call, &Value::Null)?;
    Ok(Scope::All)
}

/// Only an action of policies, not an operation.
static SEARCH_ALL_ACCOUNTS: Operation = Operation { resource, ..Operation::new("SearchAllAccounts", handler!(no_operation)) };

async fn no_operation(_: &Arc<App>, _: &Call, _: Value) -> Result<Reply, ApiError> {
    Err(ApiError::new("UnknownOperationException", "Unknown operation SearchAllAccounts"))
}

fn invalid_query(error: &SyntaxError) -> ApiError {
    ApiError::new("InvalidQueryException", error.to_string())
        .with_extra("Offset", error.span.start.to_string())
        .with_extra("Length", error.span.len().to_string())
        .with_extra("Shown", error.render())
}

/// Fields by their names in queries.
///
/// # Errors
/// `InvalidFieldException`.
pub(super) fn fields(names: Option<Vec<String>>) -> Result<Vec<Field>, ApiError> {
    let names = names.unwrap_or_default();
    if names.len() > MAX_FIELDS {
        return Err(ApiError::new("InvalidFieldException", format!("At most {MAX_FIELDS} fields can be named.")));
    }
    let field = |name: String| {
        let message = || format!("{name} is not a field of records; .{name} names it all the same.");
        Field::named(&name).ok_or_else(|| ApiError::new("InvalidFieldException", message()))
    };
    names.into_iter().map(field).collect()
}

/// A number within bounds.
///
/// # Errors
/// `ValidationException`.
pub(super) fn bounded(name: &str, value: Option<i64>, default: usize, most: usize) -> Result<usize, ApiError> {
    let Some(value) = value else { return Ok(default) };
    match usize::try_from(value) {
        Ok(value) if (1..=most).contains(&value) => Ok(value),
        _ => Err(ApiError::new("ValidationException", format!("{name} must be between 1 and {most}."))),
    }
}

/// Room for searches and streams.
#[derive(Debug)]
pub struct Searches {
    running: Semaphore,
    pub(super) streams: Arc<Semaphore>,
}

impl Searches {
    /// Room for one more stream.
    pub fn room_for_stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }
}

impl Default for Searches {
    fn default() -> Self {
        Self { running: Semaphore::new(MAX_SEARCHES), streams: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }
}

/// Asks the history on a thread of its own, when there is room.
///
/// # Errors
/// `ThrottlingException`, `QueryTooExpensiveException`, or that the history failed.
pub(super) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    question: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, ApiError> {
    let room = tokio::time::timeout(SEARCH_PATIENCE, app.searches.running.acquire()).await;
    let _room = room.map_err(|_| throttled())?.expect("the semaphore is never closed");
    let history = app.history.clone();
    match tokio::task::spawn_blocking(move || question(&history)).await {
        Ok(answer) => answer.map_err(|error| failure(&error)),
        Err(error) => {
            tracing::error!(%error, "a search did not finish");
            Err(ApiError::new("InternalFailure", "An internal error occurred.").with_status(500))
        }
    }
}

pub(super) fn throttled() -> ApiError {
    ApiError::new("ThrottlingException", "Too many searches are running. Try again.")
}

/// What a caller is told when the history could not answer.
pub(super) fn failure(error: &HistoryError) -> ApiError {
    match error.kind() {
        HistoryErrorKind::FixRequest => ApiError::new("QueryTooExpensiveException", error.to_string()),
        HistoryErrorKind::Unavailable | HistoryErrorKind::Damaged => {
            tracing::error!(%error, source = ?std::error::Error::source(error), "a search failed");
            ApiError::new("ServiceUnavailable", "The event history cannot be searched at the moment.").with_status(503)
        }
    }
}
