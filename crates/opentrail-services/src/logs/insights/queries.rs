//! The queries that run, and the results of those that ran.

use opentrail_insights::Results;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Queries that read at a time.
const MAX_RUNNING: usize = 4;
/// Queries of an account that are not done.
const MAX_UNFINISHED: usize = 100;
/// Queries that are remembered, and the bytes of their results.
const MAX_KEPT: usize = 1000;
const MAX_KEPT_BYTES: usize = 256 * 1024 * 1024;
/// How long results are kept, in milliseconds.
const KEPT_MS: i64 = 7 * 86_400_000;

/// All queries. One per process.
pub struct InsightsQueries {
    /// The oldest first.
    kept: Mutex<VecDeque<Arc<QueryRun>>>,
    pub(super) turns: Arc<Semaphore>,
    closed: AtomicBool,
}

impl Default for InsightsQueries {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: Arc::new(Semaphore::new(MAX_RUNNING)), closed: AtomicBool::new(false) }
    }
}

/// A query and how far it is.
pub struct QueryRun {
    pub id: String,
    pub account: String,
    pub region: String,
    pub groups: Vec<String>,
    pub text: String,
    /// Milliseconds since 1970, both included.
    pub start: i64,
    pub end: i64,
    /// Milliseconds since 1970.
    pub created: i64,
    pub scanned: AtomicU64,
    pub scanned_bytes: AtomicU64,
    stopped: AtomicBool,
    state: Mutex<QueryState>,
}

/// Where a query is.
#[derive(Clone)]
pub enum QueryState {
    Scheduled,
    Running,
    Complete(Arc<Results>),
    Failed,
    Cancelled,
    Timeout,
}

impl QueryState {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Complete(_) => "Complete",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Timeout => "Timeout",
        }
    }

    fn is_done(&self) -> bool {
        !matches!(self, Self::Scheduled | Self::Running)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Complete(results) => results.rows.iter().flatten().map(|(name, value)| 48 + name.len() + value.len()).sum(),
            _ => 0,
        }
    }
}

impl QueryRun {
    pub fn new(place: (&str, &str), id: String, groups: Vec<String>, text: String, times: (i64, i64), created: i64) -> Self {
        Self {
            id,
            account: place.0.into(),
            region: place.1.into(),
            groups,
            text,
            start: times.0,
            end: times.1,
            created,
            scanned: AtomicU64::new(0),
            scanned_bytes: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            state: Mutex::new(QueryState::Scheduled),
        }
    }

    pub fn state(&self) -> QueryState {
        self.state.lock().expect("no holder panics").clone()
    }

    /// Goes on to a state, unless it is done.
    pub fn set(&self, next: QueryState) {
        let mut state = self.state.lock().expect("no holder panics");
        if !state.is_done() {
            *state = next;
        }
    }

    /// Ends it, if it is not done. Whether it was not.
    pub fn stop(&self) -> bool {
        let was_going = !self.state().is_done();
        self.stopped.store(true, Ordering::Relaxed);
        self.set(QueryState::Cancelled);
        was_going
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl InsightsQueries {
    /// Takes a query in; `false` if the account has too many that are not done.
    pub fn add(&self, query: &Arc<QueryRun>) -> bool {
        let mut kept = self.kept.lock().expect("no holder panics");
        let unfinished = kept.iter().filter(|known| known.account == query.account && !known.state().is_done()).count();
        if unfinished >= MAX_UNFINISHED || self.closed.load(Ordering::Relaxed) {
            return false;
        }
        let mut bytes: usize = kept.iter().map(|known| known.state().bytes()).sum();
        while let Some(oldest) = kept.front() {
            let state = oldest.state();
            let too_much = kept.len() >= MAX_KEPT || bytes > MAX_KEPT_BYTES || oldest.created < query.created - KEPT_MS;
            if !too_much || !state.is_done() {
                break;
            }
            bytes = bytes.saturating_sub(state.bytes());
            kept.pop_front();
        }
        kept.push_back(Arc::clone(query));
        true
    }

    /// The query of this id, if it is of this account and region.
    pub fn find(&self, account: &str, region: &str, id: &str) -> Option<Arc<QueryRun>> {
        let kept = self.kept.lock().expect("no holder panics");
        kept.iter().find(|query| query.id == id && query.account == account && query.region == region).cloned()
    }

    /// The queries of an account and region, newest first.
    pub fn list(&self, account: &str, region: &str) -> Vec<Arc<QueryRun>> {
        let kept = self.kept.lock().expect("no holder panics");
        kept.iter().rev().filter(|query| query.account == account && query.region == region).cloned().collect()
    }

    /// Ends all queries, now and from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for query in self.kept.lock().expect("no holder panics").iter() {
            query.stop();
        }
    }
}
