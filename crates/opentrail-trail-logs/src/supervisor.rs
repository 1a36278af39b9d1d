//! Starts a follower for each trail that has a log group, and clears up after trails that are gone.

use crate::writer::TrailWriter;
use opentrail_catalog::{Changes, Entity, FollowerCursor, follow};
use opentrail_delivery::{LogGroupSettings, LogGroupStatus};
use opentrail_services::App;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often it is looked for trails that got a group.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub delivered: AtomicU64,
    pub oversize: AtomicU64,
    pub refused: AtomicU64,
    pub lost: AtomicU64,
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrailLogStats {
    /// Events written into log groups.
    pub delivered: u64,
    /// Events left out because they are larger than 256 KB.
    pub oversize: u64,
    /// Attempts that a group or role refused.
    pub refused: u64,
    /// Events given up.
    pub lost: u64,
}

/// The running delivery into log groups.
pub struct TrailLogs {
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self, trail: &str) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(trail, %error, "a delivery into a log group failed");
        }
    }
}

impl TrailLogs {
    pub fn start(app: Arc<App>) -> Self {
        let counters = Arc::<Counters>::default();
        let (stop, stopping) = watch::channel(false);
        let supervisor = tokio::spawn(supervise(app, Arc::clone(&counters), stopping));
        Self { counters, stop, supervisor }
    }

    pub fn stats(&self) -> TrailLogStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrailLogStats {
            delivered: load(&self.counters.delivered),
            oversize: load(&self.counters.oversize),
            refused: load(&self.counters.refused),
            lost: load(&self.counters.lost),
        }
    }

    /// Ends once each follower has finished its stretch. What is left is written after the next start.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.supervisor.await {
            tracing::error!(%error, "the supervisor of deliveries into log groups failed");
        }
    }
}

async fn supervise(app: Arc<App>, counters: Arc<Counters>, mut stop: watch::Receiver<bool>) {
    let mut running: HashMap<String, Running> = HashMap::new();
    loop {
        if let Err(error) = look(&app, &counters, &mut running).await {
            tracing::error!(%error, "looking for trails with log groups failed, will try again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stopping| *stopping) => break,
        }
    }
    for (trail, follower) in running {
        follower.end(&trail).await;
    }
}

async fn look(
    app: &Arc<App>,
    counters: &Arc<Counters>,
    running: &mut HashMap<String, Running>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for settings in app.catalog.all::<LogGroupSettings>("")?.iter() {
        let id = &settings.trail_id;
        if settings.finished {
            if let Some(follower) = running.remove(id) {
                follower.end(id).await;
            }
            let mut changes = Changes::new();
            changes.delete::<LogGroupSettings>(&settings.key()).delete::<LogGroupStatus>(id);
            changes.delete::<FollowerCursor>(&LogGroupSettings::cursor_name(id));
            app.intake.submit(Vec::new(), changes.encode()).await?;
        } else if !running.contains_key(id) {
            let (stop, stopping) = watch::channel(false);
            let writer = TrailWriter::new(Arc::clone(app), id.clone(), Arc::clone(counters));
            let task = tokio::spawn(follow(app.catalog.clone(), app.intake.clone(), writer, stopping));
            running.insert(id.clone(), Running { stop, task });
        }
    }
    Ok(())
}
