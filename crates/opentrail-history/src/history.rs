//! Searching: pages of events, newest first or as they arrive.

use crate::error::HistoryError;
use crate::live::paths::Reserved;
use crate::lookup::{Cursor, Found};
use crate::part::{Part, Work};
use crate::plan::{Place as At, Plan};
use crate::search::{FieldName, Order, Page, Scope, Search};
use crate::state::State;
use crate::visit::{AnyPart, Candidate, Place, Question, Window, candidates, newest_rows, window};
use opentrail_eventlog::Position;
use opentrail_query::matching::{Matcher, Scratch};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use time::OffsetDateTime;

/// Finds events. Cheap to clone; any number of threads may search while the sink writes.
#[derive(Clone)]
pub struct History {
    state: Arc<State>,
}

/// Events that were found and not read yet, and the parts they are in.
type Places = (Vec<Candidate>, Vec<Place>);

/// The condition that a search in the query language comes to.
pub(crate) fn plan_of(q: &Search) -> Plan {
    let mut members = vec![Plan::of(&q.query.root)];
    let partition = At::Reserved(Reserved::Partition);
    match (&q.scope, &q.region) {
        (Scope::All, None) => {}
        (Scope::Account(account), None) => members.push(Plan::Begins(partition, format!("{account}/").into_bytes())),
        (Scope::Account(account), Some(region)) => {
            members.push(Plan::Exact(partition, format!("{account}/{region}").into_bytes()));
        }
        (Scope::All, Some(region)) => members.push(Plan::Ends(partition, format!("/{region}").into_bytes())),
    }
    Plan::and(members)
}

pub(crate) fn window_of(state: &State, q: &Search) -> Window {
    let seconds = |at: Option<OffsetDateTime>| at.map(OffsetDateTime::unix_timestamp);
    window(state, seconds(q.start), seconds(q.end))
}

/// Whether a record matches, for where the index cannot tell.
pub(crate) fn matches(matcher: &Matcher, record: &[u8]) -> bool {
    matcher.matches(record, &mut Scratch::default()) == Ok(true)
}

impl History {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The log position up to which everything is searchable.
    pub fn end(&self) -> Position {
        self.state.end()
    }

    /// The log position up to which everything is on disk: what is before it the history no longer needs in the log.
    pub fn flushed(&self) -> Position {
        self.state.flushed.load(Ordering::Acquire)
    }

    /// How many events are indexed.
    pub fn count(&self) -> u64 {
        self.state.count()
    }

    /// Events that match, in the order asked for.
    ///
    /// # Errors
    /// If a segment cannot be read, or the question is too expensive.
    pub fn search(&self, q: &Search) -> Result<Page, HistoryError> {
        let plan = plan_of(q);
        let matcher = Matcher::new(&q.query);
        let decides = |record: &[u8]| matches(&matcher, record);
        let question = Question { plan: &plan, window: window_of(&self.state, q), decides: &decides, terms: q.query.terms() };
        let limit = q.limit.saturating_add(1);
        let (parts, mut places) = match q.order {
            Order::NewestFirst => self.newest(&question, q.after, limit)?,
            Order::Arrival => self.arrived(&question, q.after, limit)?,
        };
        let found = places.len();
        places.truncate(q.limit);
        let events = read(&parts, &places, q.max_bytes)?;
        Ok(Page { more: events.len() < found, events })
    }

    /// Where the newest events are that answer, newest first.
    pub(crate) fn newest(&self, question: &Question<'_>, after: Option<Cursor>, limit: usize) -> Result<Places, HistoryError> {
        if limit == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut window = question.window;
        window.end = after.map_or(window.end, |after| after.time.min(window.end));
        let parts = candidates(&self.state, window);
        let mut work = Work::new();
        let mut kept: BinaryHeap<Reverse<Place>> = BinaryHeap::new();
        for (number, candidate) in parts.iter().enumerate() {
            let full = kept.len() >= limit;
            if full && kept.peek().is_some_and(|Reverse(oldest)| candidate.newest < oldest.time) {
                break;
            }
            newest_rows(question, candidate, after, &mut work, &mut |time, position, row| {
                let place = Place { time, position, part: number, row };
                if kept.len() >= limit {
                    if kept.peek().is_some_and(|Reverse(oldest)| place < *oldest) {
                        return false;
                    }
                    kept.pop();
                }
                kept.push(Reverse(place));
                true
            })?;
        }
        let newest = kept.into_sorted_vec().into_iter().map(|Reverse(place)| place).collect();
        Ok((parts, newest))
    }

    /// Where the first events are that answer after a position, by position.
    fn arrived(&self, question: &Question<'_>, after: Option<Cursor>, limit: usize) -> Result<Places, HistoryError> {
        let after = after.map_or(0, |after| after.position);
        let mut parts = candidates(&self.state, question.window);
        parts.retain(|part| part.last_position > after);
        parts.sort_by_key(|part| part.first_position);
        let mut work = Work::new();
        let mut kept: BinaryHeap<(u64, i64, usize, u32)> = BinaryHeap::new();
        for (number, candidate) in parts.iter().enumerate() {
            let full = kept.len() >= limit;
            if full && kept.peek().is_some_and(|(last, ..)| *last < candidate.first_position) {
                break;
            }
            let (positions, times) = (candidate.part.positions()?, candidate.part.times()?);
            let answered = candidate.part.with(|part| question.rows(part, &mut work))?;
            work.take(positions.len() as u64 / 4)?;
            let shown = u32::try_from(positions.len()).unwrap_or(u32::MAX).min(answered.total);
            answered.rows.each(0, shown, |row| {
                let position = positions[row as usize];
                if position > after {
                    kept.push((position, times.get(row as usize).copied().unwrap_or(0), number, row));
                    if kept.len() > limit {
                        kept.pop();
                    }
                }
                true
            });
        }
        let first = kept.into_sorted_vec().into_iter();
        let places = first.map(|(position, time, part, row)| Place { time, position, part, row }).collect();
        Ok((parts, places))
    }

    /// Which of these events the account has, by event id. The event's time, if it is known, saves work.
    ///
    /// Events count as soon as they are searchable, see [`History::end`].
    ///
    /// # Errors
    /// If a segment cannot be read.
    pub fn contains_event_ids(&self, account: &str, ids: &[(Option<OffsetDateTime>, &str)]) -> Result<Vec<bool>, HistoryError> {
        let parts = candidates(&self.state, Window { start: i64::MIN, end: i64::MAX });
        let mut known = vec![false; ids.len()];
        for candidate in &parts {
            candidate.part.with(|part| -> Result<(), HistoryError> {
                let Some(path) = part.path_named(b"eventID") else { return Ok(()) };
                for ((time, id), known) in ids.iter().zip(&mut known) {
                    let elsewhen = time.is_some_and(|at| !(candidate.oldest..=candidate.newest).contains(&at.unix_timestamp()));
                    if !*known && !elsewhen {
                        *known = has_event(part, path, account, id)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(known)
    }

    /// The fields that records have, by name.
    ///
    /// # Errors
    /// None yet; parts on disk are known without reading them.
    pub fn field_names(&self) -> Result<Vec<FieldName>, HistoryError> {
        let mut names = BTreeMap::<String, u64>::new();
        let mut add = |name: &[u8], values: usize| {
            if values == 0 {
                return;
            }
            *names.entry(String::from_utf8_lossy(name).into_owned()).or_default() += values as u64;
        };
        let parts = self.state.parts();
        for segment in &parts.segments {
            for path in segment.description.paths.iter().filter(|path| !path.reserved) {
                add(&path.name, path.texts.len() + path.uuids.len());
            }
        }
        for part in &parts.live {
            for path in part.read().paths.all().iter().filter(|path| !path.reserved) {
                add(&path.name, path.leaves.len());
            }
        }
        Ok(names.into_iter().map(|(name, values)| FieldName { name, values }).collect())
    }
}

/// Whether the part has an event of the account with this id.
fn has_event(part: &dyn Part, path: u32, account: &str, id: &str) -> Result<bool, HistoryError> {
    // A look-up of one value is bounded by itself.
    let mut work = Work::new();
    let mut rows = crate::rows::Union::new(part.rows());
    let mut lists = Vec::new();
    part.find_leaf(path, id.as_bytes(), &mut work, &mut |leaf| {
        if leaf.value == id.as_bytes() {
            lists.push(leaf.rows);
        }
        ControlFlow::Continue(())
    })?;
    if lists.is_empty() {
        return Ok(false);
    }
    for list in lists {
        part.add_rows(list, &mut work, &mut rows)?;
    }
    let of_account = Plan::Begins(At::Reserved(Reserved::Partition), format!("{account}/").into_bytes());
    let of_account = crate::evaluate::evaluate(&of_account, part, &mut work)?;
    Ok(!rows.into_set().and(of_account.yes).is_none())
}

/// Reads events; of records that are together larger than so many bytes only the first, but at least one.
pub(crate) fn read(parts: &[Candidate], places: &[Place], max_bytes: usize) -> Result<Vec<Found>, HistoryError> {
    let mut found = Vec::new();
    let mut bytes = 0usize;
    for place in places {
        let record = match &parts[place.part].part {
            AnyPart::Segment(segment) => segment.record(place.row)?,
            AnyPart::Live(part) => part.read().record(place.row)?,
        };
        bytes = bytes.saturating_add(record.len());
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        found.push(Found { time: place.time, position: place.position, record });
    }
    Ok(found)
}
