//! From memory into chunks.
//!
//! A flush can take several entries of the log. Each chunk says up to which position of the log it is complete, and the
//! first entry says up to which position the flush goes: after a crash the same samples are read again up to there, and
//! chunks that have them already are passed over.

use super::chunk::{Chunk, KnownMetric, id_of};
use super::head::{Fresh, FreshUnit, Head};
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity, FollowerCursor};
use opentrail_eventlog::{Intake, LogError, Position};
use opentrail_metrics::{Metric, ROLLUPS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many bytes of chunks go into one entry of the log.
const ENTRY_BYTES: usize = 3 * 1024 * 1024;

/// A flush that takes more than one entry of the log, and up to which position it makes chunks complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricFlush {
    pub end: Position,
}

impl Entity for MetricFlush {
    const TABLE: &'static str = "metric_flush";

    fn key(&self) -> String {
        Self::KEY.into()
    }
}

impl MetricFlush {
    pub const KEY: &'static str = "one";
}

/// The name that the log is kept for the store under.
pub const FOLLOWER: &str = "metric store";

pub fn cursor(position: Position) -> FollowerCursor {
    FollowerCursor { name: FOLLOWER.into(), position }
}

/// Why samples could not be written into chunks.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the chunks could not be recorded")]
    Log(#[from] LogError),
}

/// Writes what `head` holds. `now` is in epoch seconds. For threads outside the async runtime.
pub(super) fn flush(catalog: &Catalog, intake: &Intake, head: &Head, now: i64) -> Result<(), FlushError> {
    let mut flush = Flush { catalog, intake, changes: Changes::new(), bytes: 0, end: head.end, now };
    flush.changes.put(&MetricFlush { end: head.end });
    for (scope, metric, fresh) in head.iter() {
        if let Some((account, region)) = scope.split_once('/') {
            flush.metric(account, region, metric, fresh)?;
        }
    }
    flush.changes.put(&cursor(head.end)).delete::<MetricFlush>(MetricFlush::KEY);
    flush.submit()
}

struct Flush<'f> {
    catalog: &'f Catalog,
    intake: &'f Intake,
    changes: Changes,
    bytes: usize,
    end: Position,
    now: i64,
}

impl Flush<'_> {
    fn metric(&mut self, account: &str, region: &str, metric: &Metric, fresh: &Fresh) -> Result<(), FlushError> {
        let id = id_of(account, region, metric);
        for (unit, samples) in &fresh.units {
            for grade in 0..ROLLUPS.len() {
                self.grade(&id, unit, samples, grade)?;
            }
        }
        let newest = fresh.newest().unwrap_or_default();
        let known = self.catalog.read_once::<KnownMetric>(&KnownMetric::key_of(account, region, metric))?;
        if known.as_ref().is_none_or(|known| known.newest + KnownMetric::FRESHNESS <= newest) {
            let (account, region) = (account.to_owned(), region.to_owned());
            self.put(&KnownMetric { account, region, metric: metric.clone(), newest }, 1024)?;
        }
        Ok(())
    }

    fn grade(&mut self, id: &str, unit: &str, samples: &FreshUnit, grade: usize) -> Result<(), FlushError> {
        let oldest = self.now - ROLLUPS[grade].kept;
        let slots = samples.of_grade(grade, oldest, i64::MAX);
        let starts: BTreeSet<i64> = slots.keys().map(|at| Chunk::start_of(grade, *at)).collect();
        for start in starts {
            let kept = self.catalog.read_once::<Chunk>(&Chunk::key_of(id, grade, start, unit))?;
            let mut chunk = kept.unwrap_or_else(|| Chunk::new(id, grade, start, unit));
            if chunk.upto >= self.end {
                // Written by a flush that a crash cut short.
                continue;
            }
            chunk.upto = self.end;
            for (at, sample) in slots.range(start..chunk.end()) {
                chunk.slots.entry(*at).or_default().add(sample);
            }
            chunk.slots = chunk.slots.split_off(&oldest);
            let numbers: usize = chunk.slots.values().map(|sample| 5 + 2 * sample.different_values()).sum();
            self.put(&chunk, 128 + 12 * numbers)?;
        }
        Ok(())
    }

    fn put<E: Entity>(&mut self, entity: &E, bytes: usize) -> Result<(), FlushError> {
        self.changes.put(entity);
        self.bytes += bytes;
        if self.bytes >= ENTRY_BYTES { self.submit() } else { Ok(()) }
    }

    fn submit(&mut self) -> Result<(), FlushError> {
        self.bytes = 0;
        self.intake.submit_blocking(Vec::new(), std::mem::take(&mut self.changes).encode())?;
        Ok(())
    }
}
