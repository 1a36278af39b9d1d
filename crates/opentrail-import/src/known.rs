//! Which events the history holds already.

use crate::batch::Candidate;
use crate::limits;
use crate::record::Identity;
use opentrail_history::{History, HistoryError, Order, Scope, Search};
use opentrail_query::{Clause, Field, Query, Term, Test};
use serde_json::Value;

/// Members that narrow down where an event without an id can be found.
const TELLING: [&str; 9] = [
    "eventName",
    "eventSource",
    "requestID",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "userIdentity.arn",
    "userIdentity.accessKeyId",
    "userIdentity.principalId",
];

/// For each candidate, whether the account has it.
pub(crate) fn known<'c>(
    history: &History,
    account: &str,
    candidates: impl Iterator<Item = &'c Candidate>,
) -> Result<Vec<bool>, HistoryError> {
    let candidates: Vec<&Candidate> = candidates.collect();
    let with_id = candidates.iter().filter_map(|candidate| match &candidate.identity {
        Identity::EventId(id) => Some((candidate.time, id.as_str())),
        Identity::Content(_) => None,
    });
    let mut by_id = history.contains_event_ids(account, &with_id.collect::<Vec<_>>())?.into_iter();
    let is_known = |candidate: &Candidate| match &candidate.identity {
        Identity::EventId(_) => Ok(by_id.next().unwrap_or(false)),
        Identity::Content(_) => holds(history, account, candidate),
    };
    candidates.into_iter().map(is_known).collect()
}

/// Whether the account has an event without an id that says the same, byte for byte.
fn holds(history: &History, account: &str, candidate: &Candidate) -> Result<bool, HistoryError> {
    let search = Search {
        scope: Scope::Account(account.to_owned()),
        region: Some(candidate.event.region.clone()),
        query: alike(&candidate.event.record),
        start: candidate.time,
        end: candidate.time,
        after: None,
        limit: limits::ALIKE_EVENTS,
        max_bytes: usize::MAX,
        order: Order::NewestFirst,
    };
    let page = history.search(&search)?;
    Ok(page.events.iter().any(|found| found.record == candidate.event.record))
}

/// A query that events with this record match, and few others.
fn alike(record: &[u8]) -> Query {
    let record: Value = serde_json::from_slice(record).unwrap_or_default();
    let same = TELLING.iter().filter_map(|name| {
        let value = name.split('.').try_fold(&record, |value, key| value.get(key))?.as_str()?;
        let field = Field::named(name)?;
        (!value.is_empty()).then(|| Clause::Term(Term::Field(field, Test::Equals(value.to_owned()))))
    });
    Query { root: Clause::and(same) }
}
