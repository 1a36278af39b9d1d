//! Marks: where log files end.
//!
//! A mark says "files delivered at this time hold the events before this position". Marks are durable before any file
//! that rests on them is written, so a replay closes files at the same places.

use crate::DeliveryError;
use crate::state::DeliveryState;
use opentrail_catalog::{Catalog, Changes, Entity};
use opentrail_eventlog::{Intake, Position};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A closing point for all trails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Events before this position belong to the mark or to earlier ones.
    pub end: Position,
    /// Delivery time that file names carry, milliseconds since 1970.
    pub at_ms: i64,
}

impl Mark {
    /// Keys sort by position.
    pub fn key_of(end: Position) -> String {
        format!("{end:020}")
    }
}

impl Entity for Mark {
    const TABLE: &'static str = "mark";
    fn key(&self) -> String {
        Self::key_of(self.end)
    }
}

/// Decides when to mark.
pub(crate) struct Marker {
    pub catalog: Catalog,
    pub intake: Intake,
    pub interval: Duration,
    pub max_bytes: u64,
    /// End of the newest mark.
    pub marked: Position,
    /// Events and bytes that the log had taken since its opening when that mark was made, without imports.
    last_events: u64,
    last_bytes: u64,
    next_tick_ms: i64,
}

impl Marker {
    pub(crate) fn new(catalog: Catalog, intake: Intake, interval: Duration, max_bytes: u64) -> Result<Self, DeliveryError> {
        let marked = catalog.list::<Mark>("")?.last().map_or(0, |mark| mark.end);
        // Events from before this start may lie behind the newest mark.
        let last_events = u64::MAX;
        let mut marker = Self { catalog, intake, interval, max_bytes, marked, last_events, last_bytes: 0, next_tick_ms: 0 };
        marker.next_tick_ms = marker.tick_after(marker.now_ms());
        Ok(marker)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.intake.now().unix_timestamp_nanos() / 1_000_000).expect("milliseconds fit for 290 million years")
    }

    /// The next multiple of the interval on the wall clock.
    fn tick_after(&self, now_ms: i64) -> i64 {
        let interval = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        (now_ms / interval + 1).saturating_mul(interval)
    }

    /// Marks if it is time to (or `force`), there is something new, and a trail to deliver it for.
    pub(crate) async fn step(&mut self, states: &[DeliveryState], force: bool) -> Result<(), DeliveryError> {
        let now_ms = self.now_ms();
        let stats = self.intake.log().stats();
        let bytes = stats.bytes.saturating_sub(stats.imported_bytes);
        let full = bytes.saturating_sub(self.last_bytes) >= self.max_bytes;
        let due = now_ms >= self.next_tick_ms;
        if !(due || full || force) {
            return Ok(());
        }
        let at_ms = if due { now_ms.max(self.next_tick_ms) } else { now_ms };
        self.next_tick_ms = self.tick_after(now_ms);
        let end = self.intake.log().end();
        let reading = || states.iter().filter(|state| state.deleted.is_none()).map(|state| state.cursor);
        let mut changes = Changes::new();
        if let Some(slowest) = reading().min() {
            for passed in self.catalog.scan::<Mark>("", None, 1000)?.iter().take_while(|mark| mark.end <= slowest) {
                changes.delete::<Mark>(&passed.key());
            }
        }
        // The log counts events once they are before its end, so what was counted above lies before `end`.
        let new = stats.events != self.last_events && end > self.marked && reading().any(|cursor| cursor < end);
        if new {
            changes.put(&Mark { end, at_ms });
        }
        if !changes.is_empty() {
            self.intake.submit(Vec::new(), changes.encode()).await?;
        }
        if new {
            (self.marked, self.last_events, self.last_bytes) = (end, stats.events, bytes);
        }
        Ok(())
    }
}
