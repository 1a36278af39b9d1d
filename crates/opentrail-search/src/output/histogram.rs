//! How many events there were when.

use crate::limits;
use opentrail_model::timestamp;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// Counts events by time, and chooses the width of bars when all are known.
#[derive(Debug)]
pub struct Histogram {
    /// By seconds since 1970 of where a step begins.
    counts: BTreeMap<i64, u64>,
    step_seconds: i64,
    without_time: u64,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Widths of bars. Each is a multiple of every one a histogram counted by before.
const WIDTHS: [i64; 13] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
    3640 * DAY,
];

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), step_seconds: MINUTE, without_time: 0 }
    }
}

impl Histogram {
    pub fn add(&mut self, time: Option<OffsetDateTime>) {
        let Some(time) = time else {
            self.without_time += 1;
            return;
        };
        *self.counts.entry(floor(time.unix_timestamp(), self.step_seconds)).or_default() += 1;
        while self.counts.len() > limits::HISTOGRAM_TIMES {
            self.step_seconds = if self.step_seconds < HOUR { HOUR } else { self.step_seconds * 24 };
            self.counts = widened(&self.counts, self.step_seconds);
        }
    }

    /// Events whose time cannot be read.
    pub fn without_time(&self) -> u64 {
        self.without_time
    }

    /// Bars from the first event to the last, empty ones included: where each begins, and its count.
    pub fn bars(&self) -> Vec<(OffsetDateTime, u64)> {
        let (Some(first), Some(last)) = (self.counts.keys().next(), self.counts.keys().next_back()) else { return Vec::new() };
        let most = i64::try_from(limits::HISTOGRAM_BARS).unwrap_or(i64::MAX);
        let fits = |width: &i64| {
            *width >= self.step_seconds
                && *width % self.step_seconds == 0
                && (floor(*last, *width) - floor(*first, *width)) / *width < most
        };
        let width = WIDTHS.into_iter().find(fits).unwrap_or(WIDTHS[WIDTHS.len() - 1]);
        let counts = widened(&self.counts, width);
        let mut at = floor(*first, width);
        let mut bars = Vec::new();
        while at <= *last {
            let begins = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::seconds(at));
            bars.push((begins, counts.get(&at).copied().unwrap_or(0)));
            at += width;
        }
        bars
    }

    /// The bars' beginnings as text.
    pub fn labelled_bars(&self) -> Vec<(String, u64)> {
        self.bars().into_iter().map(|(begins, count)| (timestamp::event_time(begins), count)).collect()
    }
}

fn floor(seconds: i64, width: i64) -> i64 {
    seconds.div_euclid(width) * width
}

fn widened(counts: &BTreeMap<i64, u64>, width: i64) -> BTreeMap<i64, u64> {
    let mut wide = BTreeMap::new();
    for (at, count) in counts {
        *wide.entry(floor(*at, width)).or_default() += count;
    }
    wide
}
