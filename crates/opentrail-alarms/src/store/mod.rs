//! The metric store.
//!
//! ```text
//! SampleBatch in the log ──take──▶ Head (memory) ──flush, now and then──▶ Chunk* and KnownMetric (catalog)
//!                                    └───────────────┬──────────────────────────┘
//!                            samples · points · metrics ──▶ GetMetricStatistics, alarms, ListMetrics
//! ```
//!
//! Exactly once: a sample is in a chunk if it lies before the chunk's position in the log, else in memory.

mod batch;
mod chunk;
mod flush;
mod head;
mod query;
mod retention;

pub use batch::{Datum, NO_UNIT, SampleBatch};
pub use chunk::{KnownMetric, SEPARATOR};
pub use flush::{FlushError, MetricCursor};
pub use query::{ByUnit, MetricPage, MetricsWanted, Range, united};

use head::{Fresh, Head};
use opentrail_catalog::{Catalog, CatalogError};
use opentrail_eventlog::{Intake, Position};
use opentrail_metrics::Metric;
use std::sync::{Arc, Mutex};

/// How much, in numbers, memory holds before chunks are written.
const FLUSH_WEIGHT: usize = 1_000_000;
/// How long samples stay in memory only, in seconds. They are in the log all that time.
const FLUSH_SECONDS: i64 = 300;
/// How much of the log is read again after a restart at most, in positions.
const FLUSH_POSITIONS: u64 = 1_000_000;
/// The same while there are no samples in it.
const IDLE_POSITIONS: u64 = 20_000;

/// All metrics. Cheap to clone.
#[derive(Clone)]
pub struct MetricStore(Arc<Inner>);

struct Inner {
    catalog: Catalog,
    intake: Intake,
    heads: Mutex<Heads>,
}

#[derive(Default)]
struct Heads {
    current: Head,
    /// On its way into chunks.
    flushing: Option<Arc<Head>>,
    cursor: MetricCursor,
    /// When chunks were last written, epoch seconds.
    flushed_at: i64,
}

/// What memory holds of one metric, each part with the position up to which it was read from the log.
struct Snapshot {
    parts: Vec<(Position, Fresh)>,
}

impl MetricStore {
    /// # Errors
    /// If the catalog fails.
    pub fn open(catalog: Catalog, intake: Intake) -> Result<Self, CatalogError> {
        let cursor = catalog.read_once::<MetricCursor>(MetricCursor::KEY)?;
        let end = intake.log().first();
        let cursor = cursor.unwrap_or(MetricCursor { folded: end, flushing: None });
        let mut heads = Heads { cursor, flushed_at: intake.now().unix_timestamp(), ..Heads::default() };
        heads.current.end = cursor.folded;
        Ok(Self(Arc::new(Inner { catalog, intake, heads: Mutex::new(heads) })))
    }

    fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// Epoch seconds.
    pub fn now(&self) -> i64 {
        self.0.intake.now().unix_timestamp()
    }

    /// Where in the log reading goes on.
    pub fn position(&self) -> Position {
        self.heads(|heads| heads.current.end)
    }

    /// The log before this position is not needed any more.
    pub fn folded(&self) -> Position {
        self.heads(|heads| heads.cursor.folded)
    }

    fn heads<T>(&self, with: impl FnOnce(&mut Heads) -> T) -> T {
        with(&mut self.0.heads.lock().expect("no holder panics"))
    }

    /// Takes the samples of one entry of the log, which ends at `end`. Entries are taken in order and none twice.
    ///
    /// # Errors
    /// If chunks had to be written and could not be.
    pub fn take(&self, batches: Vec<SampleBatch>, end: Position) -> Result<(), FlushError> {
        let begun = self.heads(|heads| {
            batches.into_iter().for_each(|batch| heads.current.add(batch));
            heads.current.end = end;
            heads.cursor.flushing
        });
        // A flush that was cut short is finished with exactly the samples it had.
        if begun.is_some_and(|begun| end >= begun) { self.flush() } else { Ok(()) }
    }

    /// Writes chunks if it is time to.
    ///
    /// # Errors
    /// If they could not be written; nothing is lost then.
    pub fn flush_if_due(&self) -> Result<(), FlushError> {
        let now = self.now();
        let due = self.heads(|heads| {
            let waited = now - heads.flushed_at >= FLUSH_SECONDS;
            let behind = heads.current.end.saturating_sub(heads.cursor.folded);
            let far = behind >= if heads.current.is_empty() { IDLE_POSITIONS } else { FLUSH_POSITIONS };
            let full = heads.current.weight() >= FLUSH_WEIGHT;
            let unfinished = heads.flushing.is_some();
            heads.cursor.flushing.is_none() && (far || full || unfinished || (waited && !heads.current.is_empty()))
        });
        if due { self.flush() } else { Ok(()) }
    }

    /// Writes chunks. For threads outside the async runtime; one at a time.
    ///
    /// # Errors
    /// As [`Self::flush_if_due`].
    pub fn flush(&self) -> Result<(), FlushError> {
        let (head, cursor) = self.heads(|heads| {
            let end = heads.current.end;
            // One that failed is tried again before anything newer.
            if heads.flushing.is_none() {
                let head = std::mem::replace(&mut heads.current, Head { end, ..Head::default() });
                heads.flushing = Some(Arc::new(head));
            }
            (heads.flushing.clone(), heads.cursor)
        });
        let Some(head) = head else { return Ok(()) };
        flush::flush(&self.0.catalog, &self.0.intake, &head, cursor, self.now())?;
        let now = self.now();
        self.heads(|heads| {
            heads.cursor = MetricCursor { folded: head.end, flushing: None };
            heads.flushing = None;
            heads.flushed_at = now;
        });
        Ok(())
    }

    fn snapshot(&self, account: &str, region: &str, metric: &Metric) -> Snapshot {
        self.heads(|heads| {
            let part = |head: &Head| head.get(account, region, metric).map(|fresh| (head.end, fresh.clone()));
            let parts = [heads.flushing.as_deref().and_then(part), part(&heads.current)].into_iter().flatten().collect();
            Snapshot { parts }
        })
    }

    fn each_fresh(&self, account: &str, region: &str, mut visit: impl FnMut(&Metric, &Fresh)) {
        let (flushing, current) = self.heads(|heads| {
            let current: Vec<(Metric, Fresh)> =
                heads.current.metrics(account, region).map(|(metric, fresh)| (metric.clone(), fresh.clone())).collect();
            (heads.flushing.clone(), current)
        });
        for head in flushing.iter() {
            head.metrics(account, region).for_each(|(metric, fresh)| visit(metric, fresh));
        }
        current.iter().for_each(|(metric, fresh)| visit(metric, fresh));
    }
}

#[cfg(test)]
mod tests;
