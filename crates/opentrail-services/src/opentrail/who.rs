//! Who: the person or workload behind an event, and what was done with its credentials.

use super::question::{ask, scope};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_history::{History, HistoryError, Scope, Search};
use opentrail_lineage::{Activity, Clue, Event, Records, TraceError, made_with, trace};
use opentrail_query::{Field, Query};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use time::OffsetDateTime;

/// Operations counted of a session.
const OPERATIONS: usize = 10;
/// Bars by which the first event of a session is found, and events of one bar that are looked through.
const BARS: usize = 1_000;
const EVENTS_OF_A_BAR: usize = 5_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WhoRequest {
    #[serde(default)]
    event_id: String,
    #[serde(default)]
    all_accounts: Option<bool>,
}

/// # Errors
/// `EventNotFoundException`, `ValidationException` and what searches have in common.
pub async fn who(app: &Arc<App>, call: &Call, input: WhoRequest) -> Result<Reply, ApiError> {
    if input.event_id.is_empty() {
        return Err(ApiError::new("ValidationException", "EventId is missing."));
    }
    let scope = scope(app, call, input.all_accounts)?;
    let traced = ask(app, &call.account, move |history| {
        let mut records = Indexed { history, scope };
        match trace(&mut records, &input.event_id) {
            Ok(lineage) => Ok(Some(lineage)),
            Err(TraceError::NoSuchEvent(_)) => Ok(None),
            Err(TraceError::Records(error)) => Err(error),
        }
    })
    .await?;
    let lineage = traced.ok_or_else(|| ApiError::new("EventNotFoundException", "There is no such event in the history."))?;
    Ok(Reply::output(json!({"Lineage": lineage})))
}

/// The history as a place to look events up.
struct Indexed<'a> {
    history: &'a History,
    scope: Scope,
}

impl Indexed<'_> {
    fn search(&self, query: Query, limit: usize) -> Search {
        let scope = self.scope.clone();
        Search { scope, ..Search::newest(query, limit) }
    }

    fn activity_of(&self, key: &str) -> Result<Activity, HistoryError> {
        let names = [Field::named("eventName").expect("a member of records")];
        let counts = self.history.count_by(&self.search(made_with(key), 0), &names, OPERATIONS)?;
        let failed = Query::parse("errorCode:*").expect("a query").and(made_with(key));
        let errors = self.history.count_by(&self.search(failed, 0), &names, 0)?.events;
        let last = self.history.search(&self.search(made_with(key), 1))?.events.into_iter().next();
        Ok(Activity {
            events: counts.events,
            errors,
            first: self.first_of(key)?,
            last: last.and_then(|found| time_text(&found.record)),
            operations: counts.rows.into_iter().map(|row| (row.values.join(" "), row.count)).collect(),
        })
    }

    /// The history answers newest first; the oldest is in the first bar of a histogram.
    fn first_of(&self, key: &str) -> Result<Option<String>, HistoryError> {
        let histogram = self.history.histogram(&self.search(made_with(key), 0), BARS)?;
        let Some((begins, _)) = histogram.bars.first() else { return Ok(None) };
        let at = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let (start, end) = (at(*begins), at(begins + histogram.width_seconds.max(1) - 1));
        let bar = Search { start, end, ..self.search(made_with(key), EVENTS_OF_A_BAR) };
        let events = self.history.search(&bar)?.events;
        Ok(events.last().and_then(|found| time_text(&found.record)))
    }
}

fn time_text(record: &[u8]) -> Option<String> {
    Event::read(record).map(|event| event.time_text)
}

impl Records for Indexed<'_> {
    type Error = HistoryError;

    fn find(&mut self, clue: &Clue, limit: usize) -> Result<Vec<Event>, HistoryError> {
        let page = self.history.search(&self.search(clue.query(), limit))?;
        Ok(page.events.iter().filter_map(|found| Event::read(&found.record)).collect())
    }

    fn activity(&mut self, keys: &[String]) -> Result<Vec<Activity>, HistoryError> {
        keys.iter().map(|key| self.activity_of(key)).collect()
    }
}
