//! What can be asked of the history in the query language, and the answers' shapes.

use crate::lookup::{Cursor, Found};
use opentrail_query::Query;
use time::OffsetDateTime;

/// A question in the query language.
#[derive(Debug, Clone)]
pub struct Search {
    pub scope: Scope,
    /// Only events recorded for this Region.
    pub region: Option<String>,
    pub query: Query,
    /// The first second wanted; fractions are cut off.
    pub start: Option<OffsetDateTime>,
    /// The last second wanted; fractions are cut off.
    pub end: Option<OffsetDateTime>,
    /// Only events after this one in the order of the answer. In [`Order::Arrival`] only its position counts.
    pub after: Option<Cursor>,
    /// Most events to answer. Counts and histograms take all.
    pub limit: usize,
    /// Bytes of records in an answer, unless one alone has more.
    pub max_bytes: usize,
    pub order: Order,
}

/// Whose history is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    Account(String),
}

/// The order of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By time, then position, both descending.
    NewestFirst,
    /// By position, ascending: what came since is after what is known.
    Arrival,
}

impl Search {
    /// The newest `limit` events that match, of everybody and of all times.
    pub fn newest(query: Query, limit: usize) -> Self {
        Self {
            scope: Scope::All,
            region: None,
            query,
            start: None,
            end: None,
            after: None,
            limit,
            max_bytes: usize::MAX,
            order: Order::NewestFirst,
        }
    }
}

/// Some events of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub events: Vec<Found>,
    /// Whether there are further ones, which come after the last of these.
    pub more: bool,
}

/// How often values occur.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// The most frequent first, equals by value.
    pub rows: Vec<CountRow>,
    /// How many rows there are beyond these, as far as they were kept apart.
    pub more: u64,
    /// Occurrences that are in no row of these.
    pub others: u64,
    /// Events that matched.
    pub events: u64,
}

/// One combination of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    /// One for each field; empty where the event has none. Of a single field each of an event's values counts for
    /// itself; of several fields, those of one are joined.
    pub values: Vec<String>,
    pub count: u64,
}

/// How many events there were when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Where each bar begins, epoch seconds, and its count; from the first event to the last, empty ones included.
    pub bars: Vec<(i64, u64)>,
    /// How long a bar is.
    pub width_seconds: i64,
    /// Events that matched.
    pub events: u64,
}

/// Lengths of bars: those that people read easily.
const WIDTHS: [i64; 16] = [
    1,
    10,
    60,
    300,
    900,
    1_800,
    3_600,
    10_800,
    21_600,
    43_200,
    86_400,
    7 * 86_400,
    28 * 86_400,
    364 * 86_400,
    3_640 * 86_400,
    36_400 * 86_400,
];

/// The shortest bars of which at most `most` reach from the first second to the last.
pub(crate) fn bar_width(first: i64, last: i64, most: usize) -> i64 {
    let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
    let fits = |width: &i64| last.div_euclid(*width) - first.div_euclid(*width) < most;
    WIDTHS.into_iter().find(fits).unwrap_or(WIDTHS[WIDTHS.len() - 1])
}

/// A field that records have, for completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    /// Keys joined by dots, as the records spell them.
    pub name: String,
    /// About how many values of it there are.
    pub values: u64,
}
