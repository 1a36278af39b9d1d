//! The engine: the marker and one task per trail.

use crate::keys::SigningKeys;
use crate::mark_range::RangeFile;
use crate::marker::Marker;
use crate::state::DeliveryState;
use crate::task;
use crate::{Announcer, DeliveryError};
use opentrail_catalog::{Catalog, Entity};
use opentrail_eventlog::{Event, Intake};
use opentrail_model::service_event::{Occasion, service_event};
use opentrail_model::trail::Trail;
use opentrail_storage::{BucketFault, LogBuckets, TrailBinding};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// When files are closed and digests written.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    pub interval: Duration,
    /// Bytes of log after which files are closed early; bounds the size of a file.
    pub max_bytes: u64,
    pub digest_interval: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub files: AtomicU64,
    pub records: AtomicU64,
    pub raw_bytes: AtomicU64,
    pub digests: AtomicU64,
    pub refused: AtomicU64,
    pub lost_records: AtomicU64,
    pub unreadable_records: AtomicU64,
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryStats {
    pub files: u64,
    pub records: u64,
    pub raw_bytes: u64,
    pub digests: u64,
    /// Puts that a bucket refused.
    pub refused: u64,
    /// Records given up because their bucket was unusable for too long.
    pub lost_records: u64,
    /// Records left out because they are not JSON objects.
    pub unreadable_records: u64,
}

/// What every trail's task works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub catalog: Catalog,
    pub intake: Intake,
    pub buckets: Arc<dyn LogBuckets>,
    pub announcer: Arc<dyn Announcer>,
    pub keys: SigningKeys,
    pub regions: Arc<Vec<String>>,
    pub config: Arc<DeliveryConfig>,
    pub stats: Arc<Counters>,
    pub stop: watch::Receiver<bool>,
    pub poll: Duration,
}

impl Context {
    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.intake.now().unix_timestamp_nanos() / 1_000_000).expect("milliseconds fit for 290 million years")
    }

    /// The trail as its bucket sees it: with the settings that its files were made under, but the KMS key it has now, so
    /// that files held back by a key that is gone go out under its successor.
    pub(crate) fn binding(&self, trail: &Trail) -> Result<TrailBinding, BucketFault> {
        let now: Option<Arc<Trail>> = self.catalog.get(&trail.key()).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the catalog failed");
            BucketFault::new("InternalError", "the trail's settings could not be read")
        })?;
        let now = now.filter(|now| now.incarnation == trail.incarnation);
        let kms_key = now.map_or_else(|| trail.kms_key_id.clone(), |now| now.kms_key_id.clone());
        Ok(TrailBinding { kms_key, ..TrailBinding::of(trail) })
    }
}

/// The running delivery. Dropping it stops the tasks after their current step.
pub struct Delivery {
    stats: Arc<Counters>,
    commands: mpsc::Sender<oneshot::Sender<()>>,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

impl Delivery {
    /// Starts the marker and a task for every trail that has something to deliver, now or later.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn start(
        catalog: Catalog,
        intake: Intake,
        buckets: Arc<dyn LogBuckets>,
        announcer: Arc<dyn Announcer>,
        keys: SigningKeys,
        regions: Vec<String>,
        config: DeliveryConfig,
    ) -> Result<Self, DeliveryError> {
        let (stop, stopping) = watch::channel(false);
        let poll =
            (config.interval.min(config.digest_interval) / 10).clamp(Duration::from_millis(20), Duration::from_millis(250));
        let marker = Marker::new(catalog.clone(), intake.clone(), config.interval, config.max_bytes)?;
        let context = Context {
            catalog,
            intake,
            buckets,
            announcer,
            keys,
            regions: Arc::new(regions),
            config: Arc::new(config),
            stats: Arc::default(),
            stop: stopping,
            poll,
        };
        let stats = Arc::clone(&context.stats);
        let (commands, inbox) = mpsc::channel(4);
        let supervisor = tokio::spawn(supervise(context, marker, inbox));
        Ok(Self { stats, commands, stop, supervisor })
    }

    pub fn stats(&self) -> DeliveryStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DeliveryStats {
            files: load(&self.stats.files),
            records: load(&self.stats.records),
            raw_bytes: load(&self.stats.raw_bytes),
            digests: load(&self.stats.digests),
            refused: load(&self.stats.refused),
            lost_records: load(&self.stats.lost_records),
            unreadable_records: load(&self.stats.unreadable_records),
        }
    }

    /// Closes all open files now and delivers them. Gives up waiting after `patience`; what is left is delivered after
    /// the next start. Returns whether all was delivered.
    pub async fn flush(&self, patience: Duration) -> bool {
        let (done, finished) = oneshot::channel();
        self.commands.send(done).await.is_ok()
            && tokio::time::timeout(patience, finished).await.is_ok_and(|result| result.is_ok())
    }

    /// Stops after the current steps.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.supervisor.await {
            tracing::error!(%error, "the delivery supervisor failed");
        }
    }
}

async fn supervise(context: Context, mut marker: Marker, mut inbox: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut tasks: HashMap<String, JoinHandle<()>> = HashMap::new();
    let mut stop = context.stop.clone();
    loop {
        if let Err(error) = supervise_once(&context, &mut marker, &mut tasks, false).await {
            tracing::error!(%error, "the delivery supervisor failed, will try again");
        }
        let command = tokio::select! {
            () = tokio::time::sleep(context.poll) => None,
            command = inbox.recv() => command,
            () = stopped(&mut stop) => break,
        };
        if let Some(done) = command {
            flush(&context, &mut marker, &mut tasks, done).await;
        }
    }
    for (trail, task) in tasks {
        if let Err(error) = task.await {
            tracing::error!(trail, %error, "a delivery task failed");
        }
    }
}

/// Ends when delivery is to stop, or nobody is left to stop it.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopping| *stopping).await;
}

async fn supervise_once(
    context: &Context,
    marker: &mut Marker,
    tasks: &mut HashMap<String, JoinHandle<()>>,
    force: bool,
) -> Result<Vec<DeliveryState>, DeliveryError> {
    let states = context.catalog.list::<DeliveryState>("")?;
    tasks.retain(|_, task| !task.is_finished());
    for state in &states {
        tasks.entry(state.trail_id.clone()).or_insert_with(|| tokio::spawn(task::run(context.clone(), state.trail_id.clone())));
    }
    marker.step(&states, force).await?;
    Ok(states)
}

async fn flush(context: &Context, marker: &mut Marker, tasks: &mut HashMap<String, JoinHandle<()>>, done: oneshot::Sender<()>) {
    let started = Instant::now();
    let mut force = true;
    while !done.is_closed() && started.elapsed() < Duration::from_secs(60) {
        match supervise_once(context, marker, tasks, force).await {
            Ok(states) if !force && states.iter().all(|state| state.cursor >= marker.marked || state.deleted.is_some()) => {
                let _ = done.send(());
                return;
            }
            Ok(_) => force = false,
            Err(error) => tracing::error!(%error, "flushing deliveries failed, will try again"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Giving up is itself an event.
pub(crate) fn loss_event(context: &Context, file: &RangeFile, records: u64, fault: &BucketFault) -> Event {
    let occasion = Occasion {
        at: context.intake.now(),
        event_id: context.intake.event_id(),
        account: file.account.clone(),
        region: file.region.clone(),
    };
    let details = json!({
        "trailARN": file.trail.arn(), "s3Bucket": file.trail.bucket, "lostRecords": records,
        "errorCode": fault.code, "errorMessage": fault.message,
    });
    let record = service_event(occasion, "LogFileDeliveryAbandoned", details);
    Event { account: file.account.clone(), region: file.region.clone(), record: record.to_json().into() }
}
