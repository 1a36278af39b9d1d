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
mod reader;
mod retention;

pub use batch::{Datum, NO_UNIT, SampleBatch};
pub use chunk::KnownMetric;
pub use flush::FlushError;
pub use query::{ByUnit, MetricPage, MetricsWanted, Range, united};

use flush::{FOLLOWER, MetricFlush};
use head::{Fresh, Head};
use opentrail_catalog::{Catalog, CatalogError, Changes, FollowerCursor};
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
    /// All of the log before this position is in chunks.
    folded: Position,
    /// A flush was cut short by a crash that makes chunks complete up to here.
    unfinished: Option<Position>,
    /// When chunks were last written, epoch seconds.
    flushed_at: i64,
}

/// What memory holds of one metric, each part with the position up to which it was read from the log.
struct Snapshot {
    parts: Vec<(Position, Fresh)>,
}

impl MetricStore {
    /// Without a store there was nothing to be counted before: it begins at the log's end then.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn open(catalog: Catalog, intake: Intake) -> Result<Self, CatalogError> {
        let cursor = catalog.get::<FollowerCursor>(FOLLOWER)?;
        let folded = cursor.map_or_else(|| intake.log().end(), |cursor| cursor.position);
        let unfinished = catalog.read_once::<MetricFlush>(MetricFlush::KEY)?.map(|flush| flush.end);
        let flushed_at = intake.now().unix_timestamp();
        let heads = Heads { current: Head::at(folded), folded, unfinished, flushed_at, ..Heads::default() };
        Ok(Self(Arc::new(Inner { catalog, intake, heads: Mutex::new(heads) })))
    }

    /// Sees to it that the log is kept for the store from now on. To be called before samples come.
    ///
    /// # Errors
    /// If the catalog or the log fails.
    pub async fn begin(&self) -> Result<(), FlushError> {
        if self.0.catalog.get::<FollowerCursor>(FOLLOWER)?.is_none() {
            let mut changes = Changes::new();
            changes.put(&flush::cursor(self.position()));
            self.0.intake.submit(Vec::new(), changes.encode()).await?;
        }
        Ok(())
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

    fn heads<T>(&self, with: impl FnOnce(&mut Heads) -> T) -> T {
        with(&mut self.0.heads.lock().expect("no holder panics"))
    }

    /// Takes the samples of one entry of the log, which ends at `end`. Entries are taken in order and none twice.
    /// Returns whether [`Self::flush`] must be called before the next: a flush that was cut short is finished with
    /// exactly the samples it had.
    #[must_use]
    fn take(&self, batches: Vec<SampleBatch>, end: Position) -> bool {
        self.heads(|heads| {
            batches.into_iter().for_each(|batch| heads.current.add(batch));
            heads.current.end = end;
            heads.unfinished.is_some_and(|unfinished| end >= unfinished)
        })
    }

    /// Whether it is time to write chunks.
    fn is_due(&self) -> bool {
        let now = self.now();
        self.heads(|heads| {
            let waited = now - heads.flushed_at >= FLUSH_SECONDS;
            let behind = heads.current.end.saturating_sub(heads.folded);
            let far = behind >= if heads.current.is_empty() { IDLE_POSITIONS } else { FLUSH_POSITIONS };
            let full = heads.current.weight() >= FLUSH_WEIGHT;
            let failed = heads.flushing.is_some();
            heads.unfinished.is_none() && (far || full || failed || (waited && !heads.current.is_empty()))
        })
    }

    /// Writes chunks. For threads outside the async runtime; one at a time.
    ///
    /// # Errors
    /// If they could not be written; nothing is lost then.
    pub fn flush(&self) -> Result<(), FlushError> {
        let head = self.heads(|heads| {
            let end = heads.current.end;
            // One that failed is tried again before anything newer.
            if heads.flushing.is_none() {
                let head = std::mem::replace(&mut heads.current, Head::at(end));
                heads.flushing = Some(Arc::new(head));
            }
            heads.flushing.clone()
        });
        let Some(head) = head else { return Ok(()) };
        flush::flush(&self.0.catalog, &self.0.intake, &head, self.now())?;
        let now = self.now();
        self.heads(|heads| {
            heads.folded = head.end;
            heads.unfinished = None;
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
