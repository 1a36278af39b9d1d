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
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fields of one answer or count.
const MAX_FIELDS: usize = 50;
/// Bytes of records in one answer, unless one record alone has more.
pub(super) const MAX_ANSWER_BYTES: usize = 8 << 20;
/// Searches that run at the same time, of all accounts and of one; each uses a thread, and counts use several.
const MAX_SEARCHES: usize = 8;
const MAX_SEARCHES_OF_ACCOUNT: usize = 6;
/// Searches of one account that wait besides.
const MAX_WAITING_OF_ACCOUNT: usize = 32;
/// How long a search waits for others.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);
/// Answers that are streamed at the same time, of all accounts and of one.
const MAX_STREAMS: usize = 64;
const MAX_STREAMS_OF_ACCOUNT: usize = 48;

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
        let (region, order) = (self.region.clone(), Order::NewestFirst);
        Ok(Search { scope, region, query, start, end, after: None, limit, max_bytes: MAX_ANSWER_BYTES, order })
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

/// Room for searches and streams: of everybody together, and of each account, so that none keeps the others out.
#[derive(Debug)]
pub struct Searches {
    all: Rooms,
    of_accounts: Mutex<HashMap<String, Rooms>>,
}

#[derive(Debug, Clone)]
struct Rooms {
    /// Searches that run or wait.
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// Holds a search's or stream's place until it is dropped.
#[derive(Debug)]
pub struct Room {
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Default for Searches {
    fn default() -> Self {
        Self { all: Rooms::new(MAX_SEARCHES, Semaphore::MAX_PERMITS, MAX_STREAMS), of_accounts: Mutex::default() }
    }
}

impl Rooms {
    fn new(running: usize, admitted: usize, streams: usize) -> Self {
        let room = |size| Arc::new(Semaphore::new(size));
        Self { admitted: room(admitted), running: room(running), streams: room(streams) }
    }
}

impl Searches {
    fn of(&self, account: &str) -> Rooms {
        let mut accounts = self.of_accounts.lock().expect("no holder panics");
        let admitted = MAX_SEARCHES_OF_ACCOUNT + MAX_WAITING_OF_ACCOUNT;
        let rooms = || Rooms::new(MAX_SEARCHES_OF_ACCOUNT, admitted, MAX_STREAMS_OF_ACCOUNT);
        accounts.entry(account.to_owned()).or_insert_with(rooms).clone()
    }

    /// Room for a search of the account, once there is some.
    ///
    /// # Errors
    /// `ThrottlingException` at once if too many of the account wait, or after some time.
    async fn search(&self, account: &str) -> Result<Room, ApiError> {
        let own = self.of(account);
        let admitted = own.admitted.try_acquire_owned().map_err(|_| throttled())?;
        let running = async {
            let own = own.running.acquire_owned().await.expect("the semaphore is never closed");
            let all = Arc::clone(&self.all.running).acquire_owned().await.expect("the semaphore is never closed");
            Room { _permits: vec![admitted, own, all] }
        };
        tokio::time::timeout(SEARCH_PATIENCE, running).await.map_err(|_| throttled())
    }

    /// Room for a stream of the account.
    ///
    /// # Errors
    /// `ThrottlingException`.
    pub fn stream(&self, account: &str) -> Result<Room, ApiError> {
        let own = self.of(account).streams.try_acquire_owned();
        let all = Arc::clone(&self.all.streams).try_acquire_owned();
        let (Ok(own), Ok(all)) = (own, all) else { return Err(throttled()) };
        Ok(Room { _permits: vec![own, all] })
    }
}

/// Asks the history for an account, on a thread of its own, when there is room.
///
/// # Errors
/// `ThrottlingException`, `QueryTooExpensiveException`, or that the history failed.
pub(super) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    account: &str,
    question: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, ApiError> {
    let room = app.searches.search(account).await?;
    let history = app.history.clone();
    // The thread holds the place: a caller who goes away does not make room for another search while it runs on.
    let run = move || {
        let _room = room;
        question(&history)
    };
    match tokio::task::spawn_blocking(run).await {
        Ok(answer) => answer.map_err(|error| failure(&error)),
        Err(error) => {
            tracing::error!(%error, "a search did not finish");
            Err(ApiError::new("InternalFailure", "An internal error occurred.").with_status(500))
        }
    }
}

fn throttled() -> ApiError {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, code};
    use serde_json::json;

    #[tokio::test]
    async fn an_account_does_not_keep_others_out() {
        let searches = Searches::default();
        let running: Vec<Room> = {
            let mut rooms = Vec::new();
            for _ in 0..MAX_SEARCHES_OF_ACCOUNT {
                rooms.push(searches.search("a").await.expect("room"));
            }
            rooms
        };
        let mut waiting = Vec::new();
        for _ in 0..MAX_WAITING_OF_ACCOUNT {
            let mut search = Box::pin(searches.search("a"));
            assert!(futures_are_pending(&mut search).await);
            waiting.push(search);
        }
        assert_eq!(searches.search("a").await.expect_err("too many").code, "ThrottlingException");
        let others = searches.search("b").await.expect("room");
        drop((running, others));
        waiting.remove(0).await.expect("room after others");
        let streams: Vec<Room> = (0..MAX_STREAMS_OF_ACCOUNT).map(|_| searches.stream("a").expect("room")).collect();
        assert_eq!(searches.stream("a").expect_err("too many").code, "ThrottlingException");
        searches.stream("b").expect("room");
        drop(streams);
        searches.stream("a").expect("room again");
    }

    /// Whether it waits for something.
    async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            let polled = std::pin::Pin::new(&mut *future).poll(context);
            std::task::Poll::Ready(polled.is_pending())
        })
        .await
    }

    #[tokio::test]
    async fn too_many_searches_of_an_account_are_refused() {
        let bench = Bench::new();
        let call = bench.call();
        let rooms = bench.app.searches.of(&call.account);
        let all = u32::try_from(MAX_SEARCHES_OF_ACCOUNT + MAX_WAITING_OF_ACCOUNT).expect("few");
        let held = Arc::clone(&rooms.admitted).acquire_many_owned(all).await.expect("open");
        for operation in ["Search", "CountBy", "Histogram"] {
            let input = json!({"Query": "*", "Fields": ["event"]});
            assert_eq!(code(bench.run(&SERVICE, bench.call(), operation, input).await), "ThrottlingException", "{operation}");
        }
        drop(held);
        bench.run(&SERVICE, call, "Search", json!({"Query": "*"})).await.expect("there is room again");
    }
}
