//! Removing what no index knows any more: expired and purged messages, those of deleted queues, blocked names.

use crate::queues::{DeletedQueue, Delivery, Message, NAME_BLOCKED_MS, Queues, remove};
use opentrail_catalog::{CatalogError, Changes};
use opentrail_eventlog::LogError;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the sweeper looks.
const PERIOD: Duration = Duration::from_secs(5);
/// Messages removed by one entry.
const BATCH: usize = 1000;

/// Why sweeping stopped for now. What was not removed is removed later.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("the catalog could not be read")]
    Catalog(#[from] CatalogError),
    #[error("the removal could not be logged")]
    Log(#[from] LogError),
}

impl Queues {
    /// Sweeps until the queues are closed.
    pub async fn sweep_until_closed(&self) {
        let mut closing = self.0.closing.subscribe();
        loop {
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "sweeping the queues failed; it is tried again");
            }
        }
    }

    /// One round. Returns how many messages were removed.
    ///
    /// # Errors
    /// See [`SweepError`].
    pub async fn sweep(&self) -> Result<usize, SweepError> {
        if self.0.sweeping.swap(true, Ordering::AcqRel) {
            return Ok(0);
        }
        let done = self.sweep_all().await;
        self.0.sweeping.store(false, Ordering::Release);
        done
    }

    async fn sweep_all(&self) -> Result<usize, SweepError> {
        let mut removed = 0;
        for cell in self.0.cells() {
            let (id, garbage) = {
                let mut index = cell.index.lock().expect("no holder panics");
                index.advance(self.now_ms());
                (index.queue.id.clone(), std::mem::take(&mut index.garbage))
            };
            for batch in garbage.chunks(BATCH) {
                removed += batch.len();
                if let Err(error) = self.remove_all(&id, batch).await {
                    // What is removed twice is removed once.
                    cell.index.lock().expect("no holder panics").garbage.extend(garbage);
                    return Err(error);
                }
            }
        }
        removed += self.sweep_orphans().await?;
        self.unblock_names().await?;
        Ok(removed)
    }

    async fn remove_all(&self, queue: &str, sequences: &[u64]) -> Result<(), SweepError> {
        let mut changes = Changes::new();
        sequences.iter().for_each(|sequence| remove(&mut changes, queue, *sequence));
        self.submit(&changes).await
    }

    async fn submit(&self, changes: &Changes) -> Result<(), SweepError> {
        if !changes.is_empty() {
            self.0.intake.submit(Vec::new(), changes.encode()).await?;
        }
        Ok(())
    }

    async fn sweep_orphans(&self) -> Result<usize, SweepError> {
        let orphans = std::mem::take(&mut *self.0.orphans.lock().expect("no holder panics"));
        let mut removed = 0;
        for (done, queue) in orphans.iter().enumerate() {
            let swept = self.sweep_orphan(queue).await;
            match swept {
                Ok(count) => removed += count,
                Err(error) => {
                    self.0.orphans.lock().expect("no holder panics").extend_from_slice(&orphans[done..]);
                    return Err(error);
                }
            }
        }
        Ok(removed)
    }

    async fn sweep_orphan(&self, queue: &str) -> Result<usize, SweepError> {
        let prefix = format!("{queue}/");
        let mut removed = 0;
        loop {
            let messages = self.0.catalog.keys::<Message>(&prefix, BATCH)?;
            let deliveries = self.0.catalog.keys::<Delivery>(&prefix, BATCH)?;
            if messages.is_empty() && deliveries.is_empty() {
                return Ok(removed);
            }
            let mut changes = Changes::new();
            for key in &messages {
                changes.delete::<Message>(key);
            }
            for key in &deliveries {
                changes.delete::<Delivery>(key);
            }
            self.submit(&changes).await?;
            removed += messages.len();
        }
    }

    async fn unblock_names(&self) -> Result<(), SweepError> {
        let now = self.now_ms();
        let mut changes = Changes::new();
        for deleted in self.0.catalog.all::<DeletedQueue>("")?.iter() {
            if deleted.deleted_ms + NAME_BLOCKED_MS <= now {
                changes.delete::<DeletedQueue>(&deleted.queue);
            }
        }
        self.submit(&changes).await
    }
}
