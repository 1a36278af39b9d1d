//! Letting go of what is older than its grade is kept.

use super::MetricStore;
use super::chunk::{Chunk, KnownMetric, id_of};
use super::flush::FlushError;
use opentrail_catalog::{Changes, Entity};
use opentrail_metrics::ROLLUPS;

/// Metrics looked at at a time.
const PAGE: usize = 500;
/// Most chunks of a metric and grade looked at at a time.
const CHUNKS: usize = 1000;

impl MetricStore {
    /// Removes chunks that are too old, and metrics of which nothing is left. Returns how many. For threads outside the
    /// async runtime.
    ///
    /// # Errors
    /// If the catalog or the log fails.
    pub fn expire(&self) -> Result<usize, FlushError> {
        let mut removed = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.catalog().scan::<KnownMetric>("", after.as_deref(), PAGE)?;
            for known in &page {
                removed += self.expire_metric(known)?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key()),
                _ => return Ok(removed),
            }
        }
    }

    fn expire_metric(&self, known: &KnownMetric) -> Result<usize, FlushError> {
        let id = id_of(&known.account, &known.region, &known.metric);
        let (now, mut removed) = (self.now(), 0);
        let mut changes = Changes::new();
        for (grade, rollup) in ROLLUPS.iter().enumerate() {
            // The last chunk that has ended before what is kept begins.
            let first_kept = Chunk::bound(&id, grade, Chunk::start_of(grade, now - rollup.kept));
            for key in self.catalog().keys::<Chunk>(&Chunk::prefix(&id, grade), CHUNKS)? {
                if key >= first_kept {
                    break;
                }
                changes.delete::<Chunk>(&key);
                removed += 1;
            }
        }
        let longest = ROLLUPS[ROLLUPS.len() - 1].kept;
        if known.newest + KnownMetric::FRESHNESS < now - longest {
            changes.delete::<KnownMetric>(&known.key());
        }
        if !changes.is_empty() {
            self.0.intake.submit_blocking(Vec::new(), changes.encode())?;
        }
        Ok(removed)
    }
}
