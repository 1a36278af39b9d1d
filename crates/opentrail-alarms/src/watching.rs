//! The long-lived tasks, together.

use crate::alarm::Alarms;
use crate::filter::{FilterFollower, FilterRegistry, close_minutes};
use crate::store::MetricStore;
use opentrail_catalog::{Catalog, CatalogError};
use opentrail_eventlog::Intake;
use opentrail_messaging::Topics;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether a minute is over that may need a default value.
const MINUTES: Duration = Duration::from_secs(1);
/// How often old samples and histories are removed.
const EXPIRY: Duration = Duration::from_secs(1800);

/// Metrics and alarms of a server.
#[derive(Clone)]
pub struct Watching {
    pub metrics: MetricStore,
    pub alarms: Alarms,
    catalog: Catalog,
    intake: Intake,
}

impl Watching {
    /// # Errors
    /// If the catalog fails.
    pub fn open(catalog: Catalog, intake: Intake, topics: Topics) -> Result<Self, CatalogError> {
        let metrics = MetricStore::open(catalog.clone(), intake.clone())?;
        let alarms = Alarms::open(catalog.clone(), intake.clone(), topics, metrics.clone())?;
        Ok(Self { metrics, alarms, catalog, intake })
    }

    /// What makes samples of log events; to be run as a follower of the log.
    pub fn filters(&self) -> FilterFollower {
        FilterFollower::new(self.catalog.clone())
    }

    /// Reads samples, looks at alarms, reports default values and removes what is too old, until `stop` turns true.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let (store, alarms, stopping) = (self.metrics.clone(), self.alarms.clone(), stop.clone());
        let reading = tokio::spawn(async move { store.follow(move |batch| alarms.touched(batch), stopping).await });
        let (alarms, stopping) = (self.alarms.clone(), stop.clone());
        let looking = tokio::spawn(async move { alarms.watch(stopping).await });
        let reporting = tokio::spawn(self.clone().report_defaults(stop.clone()));
        let expiring = tokio::spawn(self.expire(stop));
        for task in [reading, looking, reporting, expiring] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of metrics and alarms failed");
            }
        }
    }

    async fn report_defaults(self, mut stop: watch::Receiver<bool>) {
        let mut registry = FilterRegistry::default();
        while !rested(MINUTES, &mut stop).await {
            if let Err(error) = close_minutes(&self.catalog, &self.intake, &mut registry).await {
                tracing::warn!(%error, source = ?std::error::Error::source(&error), "default values of metric filters were not reported; it is tried again");
            }
        }
    }

    async fn expire(self, mut stop: watch::Receiver<bool>) {
        while !rested(EXPIRY, &mut stop).await {
            let (metrics, alarms) = (self.metrics.clone(), self.alarms.clone());
            let done = tokio::task::spawn_blocking(move || (metrics.expire(), alarms.expire_history())).await;
            match done {
                Ok((Ok(0), Ok(0))) => {}
                Ok((Ok(chunks), Ok(items))) => tracing::info!(chunks, items, "removed expired metrics and histories of alarms"),
                Ok((samples, history)) => {
                    tracing::warn!(?samples, ?history, "removing expired metrics failed; it is tried again");
                }
                Err(error) => tracing::error!(%error, "removing expired metrics was broken off"),
            }
        }
    }
}

/// Waits; `true` if it is time to stop.
async fn rested(time: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => false,
        _ = stop.wait_for(|stopping| *stopping) => true,
    }
}
