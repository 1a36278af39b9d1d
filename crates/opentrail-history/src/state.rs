//! The parts of the history as searches see them: segments, and live parts beside them.

use crate::disk::segment::Segment;
use crate::live::Live;
use opentrail_eventlog::Position;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use time::{Date, OffsetDateTime, Time};

/// Shared by the sink, which replaces what is in it, and searches, which take a look.
#[derive(Default)]
pub(crate) struct State {
    parts: RwLock<Arc<AllParts>>,
    /// Everything below is searchable.
    pub end: AtomicU64,
    /// Everything below is in segments.
    pub flushed: AtomicU64,
    /// The latest time heard of, less the retention: what is older is not shown. Epoch seconds.
    pub oldest_shown: AtomicI64,
}

#[derive(Default, Clone)]
pub(crate) struct AllParts {
    pub segments: Vec<Arc<Segment>>,
    pub live: Vec<Arc<LivePart>>,
}

/// The live part of a day; also while it is being written to disk.
pub(crate) struct LivePart {
    pub day: Date,
    live: RwLock<Live>,
}

impl LivePart {
    pub fn new(day: Date, live: Live) -> Self {
        Self { day, live: RwLock::new(live) }
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn first_second(&self) -> i64 {
        first_second(self.day)
    }
}

pub(crate) fn first_second(day: Date) -> i64 {
    OffsetDateTime::new_utc(day, Time::MIDNIGHT).unix_timestamp()
}

impl State {
    pub fn parts(&self) -> Arc<AllParts> {
        Arc::clone(&self.parts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the parts by others made of them.
    pub fn change(&self, change: impl FnOnce(&mut AllParts)) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = AllParts::clone(&parts);
        change(&mut changed);
        *parts = Arc::new(changed);
    }

    pub fn end(&self) -> Position {
        self.end.load(Ordering::Acquire)
    }

    /// How many events there are.
    pub fn count(&self) -> u64 {
        let parts = self.parts();
        let segments: u64 = parts.segments.iter().map(|segment| u64::from(segment.description.rows)).sum();
        segments + parts.live.iter().map(|part| u64::from(part.read().len())).sum::<u64>()
    }
}
