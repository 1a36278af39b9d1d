//! Reading the log into memory: samples as they become durable.

use super::batch::SampleBatch;
use super::{FlushError, MetricStore};
use memchr::memmem;
use opentrail_catalog::{CatalogError, Changes, Entity};
use opentrail_eventlog::{LogError, LogErrorKind, LogReader, LoggedEntry};
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether chunks are to be written, while nothing comes.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failure.
const AFTER_FAULT: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the event log failed")]
    Log(#[from] LogError),
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("samples could not be written into chunks")]
    Flush(#[from] FlushError),
    #[error("writing chunks was broken off")]
    Task(#[from] tokio::task::JoinError),
}

impl MetricStore {
    /// Reads the log until `stop` turns true, and tells `arrived` of all samples once they can be queried.
    pub async fn follow(&self, arrived: impl Fn(&SampleBatch) + Send, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let error = match self.read(&arrived, &mut stop).await {
                Ok(()) => return,
                Err(error) => error,
            };
            if matches!(&error, ReadError::Log(error) if error.kind() != LogErrorKind::Retry) {
                tracing::error!(%error, source = ?std::error::Error::source(&error), "the metric store stopped");
                return;
            }
            tracing::warn!(%error, source = ?std::error::Error::source(&error), "the metric store failed, will try again");
            tokio::select! {
                () = tokio::time::sleep(AFTER_FAULT) => {}
                _ = stop.wait_for(|stopping| *stopping) => {}
            }
        }
    }

    async fn read(&self, arrived: &(impl Fn(&SampleBatch) + Send), stop: &mut watch::Receiver<bool>) -> Result<(), ReadError> {
        let log = self.0.intake.log();
        let mut reader = log.reader(self.position().max(log.first()))?;
        loop {
            self.catch_up(&mut reader, arrived).await?;
            tokio::select! {
                ready = reader.wait() => ready?,
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stopping| *stopping) => return Ok(()),
            }
        }
    }

    /// Takes all there is.
    async fn catch_up(&self, reader: &mut LogReader, arrived: &(impl Fn(&SampleBatch) + Send)) -> Result<(), ReadError> {
        loop {
            if self.is_due() {
                self.flush_aside().await?;
            }
            let Some(entries) = reader.next_block()? else { return Ok(()) };
            for entry in &entries {
                let batches = batches_in(entry)?;
                let told = batches.clone();
                if self.take(batches, entry.end()) {
                    self.flush_aside().await?;
                }
                told.iter().for_each(arrived);
            }
        }
    }

    async fn flush_aside(&self) -> Result<(), ReadError> {
        let store = self.clone();
        Ok(tokio::task::spawn_blocking(move || store.flush()).await??)
    }

    /// Takes all there is in the log now. For tests and for whoever begins.
    ///
    /// # Errors
    /// If the log or the catalog fails.
    pub fn catch_up_blocking(&self) -> Result<Vec<SampleBatch>, FlushError> {
        let log = self.0.intake.log();
        let mut reader = log.reader(self.position().max(log.first()))?;
        let mut all = Vec::new();
        while let Some(entries) = reader.next_block()? {
            for entry in &entries {
                let batches = batches_in(entry)?;
                all.extend(batches.iter().cloned());
                if self.take(batches, entry.end()) {
                    self.flush()?;
                }
            }
        }
        Ok(all)
    }
}

/// The samples in an entry's changes.
fn batches_in(entry: &LoggedEntry) -> Result<Vec<SampleBatch>, CatalogError> {
    let changes = &entry.entry.changes;
    if memmem::find(changes, SampleBatch::TABLE.as_bytes()).is_none() {
        return Ok(Vec::new());
    }
    Ok(Changes::decode(changes)?.of::<SampleBatch>()?.into_iter().flatten().collect())
}
