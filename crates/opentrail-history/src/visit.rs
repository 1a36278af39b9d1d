//! Goes through the parts in which a question can find something, newest first.

use crate::disk::layout::Section;
use crate::disk::segment::Segment;
use crate::error::HistoryError;
use crate::evaluate::{Answer, evaluate};
use crate::limits::{READ_WORK, RECORD_KIB_TERM_WORK, RECORD_KIB_WORK, RECORD_WORK};
use crate::lookup::Cursor;
use crate::part::{Part, Work};
use crate::plan::Plan;
use crate::rows::RowSet;
use crate::state::{LivePart, State};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A part that may hold answers, and when its events were.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub oldest: i64,
    pub newest: i64,
    pub first_position: u64,
    pub last_position: u64,
    pub part: AnyPart,
}

#[derive(Clone)]
pub(crate) enum AnyPart {
    Segment(Arc<Segment>),
    Live(Arc<LivePart>),
}

/// Seconds wanted, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub start: i64,
    pub end: i64,
}

/// The parts that have events in the window, newest first.
pub(crate) fn candidates(state: &State, window: Window) -> Vec<Candidate> {
    let parts = state.parts();
    let segments = parts.segments.iter().map(|segment| Candidate {
        oldest: segment.description.oldest,
        newest: segment.description.newest,
        first_position: segment.description.first_position,
        last_position: segment.description.last_position,
        part: AnyPart::Segment(Arc::clone(segment)),
    });
    let live = parts.live.iter().filter_map(|part| {
        let live = part.read();
        Some(Candidate {
            oldest: live.oldest?,
            newest: live.newest?,
            first_position: *live.positions.first()?,
            last_position: *live.positions.last()?,
            part: AnyPart::Live(Arc::clone(part)),
        })
    });
    let mut all: Vec<Candidate> =
        live.chain(segments).filter(|part| part.oldest <= window.end && part.newest >= window.start).collect();
    all.sort_by_key(|part| std::cmp::Reverse((part.newest, part.last_position)));
    all
}

/// What is asked of each part.
pub(crate) struct Question<'a> {
    pub plan: &'a Plan,
    pub window: Window,
    /// Decides where the index cannot.
    pub decides: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// How many terms that looks at.
    pub terms: usize,
}

/// The rows of a part that answer a question.
pub(crate) struct Answered {
    pub rows: RowSet,
    pub total: u32,
}

impl Question<'_> {
    fn answer(&self, part: &dyn Part, work: &mut Work) -> Result<Answer, HistoryError> {
        evaluate(self.plan, part, work)
    }

    /// The rows that answer, those left to the record decided.
    pub fn rows(&self, part: &dyn Part, work: &mut Work) -> Result<Answered, HistoryError> {
        let total = part.rows();
        let window = part.rows_between(self.window.start, self.window.end)?;
        let Answer { yes, maybe } = self.answer(part, work)?;
        let (mut rows, maybe) = (yes.and(window.clone()), maybe.and(window));
        if !maybe.is_none() {
            let decided = self.decided(part, &maybe, total, work)?;
            rows = rows.or(RowSet::of(decided, total), total);
        }
        Ok(Answered { rows, total })
    }

    fn decided(&self, part: &dyn Part, maybe: &RowSet, total: u32, work: &mut Work) -> Result<Vec<u32>, HistoryError> {
        let mut undecided = Vec::new();
        maybe.each(0, total, |row| {
            undecided.push(row);
            true
        });
        let mut decided = Vec::new();
        for row in undecided {
            if self.holds(part, row, work)? {
                decided.push(row);
            }
        }
        Ok(decided)
    }

    /// Whether the record of a row says that it answers.
    fn holds(&self, part: &dyn Part, row: u32, work: &mut Work) -> Result<bool, HistoryError> {
        work.take(RECORD_WORK)?;
        let record = part.record(row)?;
        let of_kib = RECORD_KIB_WORK + RECORD_KIB_TERM_WORK * self.terms as u64;
        work.take(record.len().div_ceil(1024) as u64 * of_kib)?;
        Ok((self.decides)(&record))
    }
}

/// An event found, by where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub time: i64,
    pub position: u64,
    pub part: usize,
    pub row: u32,
}

/// Shows the newest rows of a part that answer the question, from the newest on, until `take` answers false.
pub(crate) fn newest_rows(
    question: &Question<'_>,
    candidate: &Candidate,
    after: Option<Cursor>,
    work: &mut Work,
    take: &mut dyn FnMut(i64, u64, u32) -> bool,
) -> Result<(), HistoryError> {
    let admitted = |time, position| after.is_none_or(|after| (time, position) < (after.time, after.position));
    match &candidate.part {
        AnyPart::Live(part) => {
            let live = part.read();
            let Answer { yes, maybe } = question.answer(&*live, work)?;
            let mut found: Vec<(i64, u64, u32, bool)> = Vec::new();
            for (rows, sure) in [(yes, true), (maybe, false)] {
                rows.each(0, live.len(), |row| {
                    let (time, position) = (live.times[row as usize], live.positions[row as usize]);
                    if (question.window.start..=question.window.end).contains(&time) && admitted(time, position) {
                        found.push((time, position, row, sure));
                    }
                    true
                });
            }
            found.sort_unstable_by(|a, b| b.cmp(a));
            work.take(found.len() as u64 * 4)?;
            for (time, position, row, sure) in found {
                if (sure || question.holds(&*live, row, work)?) && !take(time, position, row) {
                    break;
                }
            }
            Ok(())
        }
        AnyPart::Segment(segment) => newest_of_segment(question, segment, after, work, take),
    }
}

fn newest_of_segment(
    question: &Question<'_>,
    segment: &Segment,
    after: Option<Cursor>,
    work: &mut Work,
    take: &mut dyn FnMut(i64, u64, u32) -> bool,
) -> Result<(), HistoryError> {
    let latest = after.map_or(question.window.end, |after| after.time.min(question.window.end));
    let from = segment.first_row_at(latest)?;
    let Answer { yes, maybe } = question.answer(segment, work)?;
    let all = if maybe.is_none() { yes.clone() } else { yes.clone().or(maybe.clone(), segment.rows()) };
    let mut keys = Keys { segment, at: 0, times: Vec::new(), positions: Vec::new() };
    let mut failed = None;
    let unsure = !maybe.is_none();
    all.each(from, segment.rows(), |row| {
        let mut go = || {
            work.take(2)?;
            let (time, position) = keys.of(row, work)?;
            if time < question.window.start {
                return Ok(false);
            }
            let passed = after.is_none_or(|after| (time, position) < (after.time, after.position));
            let answers = passed && (!unsure || yes.contains(row) || question.holds(segment, row, work)?);
            Ok(!answers || take(time, position, row))
        };
        go().unwrap_or_else(|error| {
            failed = Some(error);
            false
        })
    });
    failed.map_or(Ok(()), Err)
}

/// Times and positions of rows that come in ascending order, read some at a time.
struct Keys<'a> {
    segment: &'a Segment,
    at: u32,
    times: Vec<u32>,
    positions: Vec<u32>,
}

/// Rows whose times and positions are read together.
const KEYS_READ: u32 = 128;

impl Keys<'_> {
    fn of(&mut self, row: u32, work: &mut Work) -> Result<(i64, u64), HistoryError> {
        if row < self.at || row - self.at >= self.times.len() as u32 {
            work.take(2 * READ_WORK)?;
            let range = row..(row + KEYS_READ).min(self.segment.description.rows);
            self.times = self.segment.numbers(Section::Times, range.clone())?;
            self.positions = self.segment.numbers(Section::Positions, range)?;
            self.at = row;
        }
        let index = (row - self.at) as usize;
        let description = &self.segment.description;
        Ok((
            description.first_second + i64::from(self.times[index]),
            description.first_position + u64::from(self.positions[index]),
        ))
    }
}

impl AnyPart {
    /// Calls `use_it` with the part.
    pub fn with<T>(&self, use_it: impl FnOnce(&dyn Part) -> T) -> T {
        match self {
            Self::Segment(segment) => use_it(&**segment),
            Self::Live(part) => use_it(&*part.read()),
        }
    }

    /// Times of all rows.
    pub fn times(&self) -> Result<Vec<i64>, HistoryError> {
        match self {
            Self::Segment(segment) => {
                let first = segment.description.first_second;
                let times = segment.numbers(Section::Times, 0..segment.description.rows)?;
                Ok(times.into_iter().map(|time| first + i64::from(time)).collect())
            }
            Self::Live(part) => Ok(part.read().times.clone()),
        }
    }

    /// Positions of all rows.
    pub fn positions(&self) -> Result<Vec<u64>, HistoryError> {
        match self {
            Self::Segment(segment) => {
                let first = segment.description.first_position;
                let positions = segment.numbers(Section::Positions, 0..segment.description.rows)?;
                Ok(positions.into_iter().map(|position| first + u64::from(position)).collect())
            }
            Self::Live(part) => Ok(part.read().positions.clone()),
        }
    }
}

/// Whether a live part grew while it was looked at does not matter: rows are only added.
pub(crate) fn window(state: &State, start: Option<i64>, end: Option<i64>) -> Window {
    let oldest = state.oldest_shown.load(Ordering::Relaxed);
    Window { start: start.unwrap_or(i64::MIN).max(oldest), end: end.unwrap_or(i64::MAX) }
}
