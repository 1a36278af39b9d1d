//! Looking at alarms when it is time to, and carrying out what follows.

use super::config::{Alarm, Watches};
use super::evaluation::{of_composite, of_metric};
use super::index::{AlarmIndex, AlarmObserver, Known, Work};
use super::status::{AlarmStatus, HistoryItem};
use super::transition::{NewState, enter, reconsider};
use crate::store::{MetricStore, SampleBatch};
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_eventlog::{Intake, LogError};
use opentrail_messaging::Topics;
use opentrail_metrics::AlarmState;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Pause between two rounds, so that samples that come together are looked at together.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after the end of a period alarms are looked at: samples are on their way.
const AFTER_PERIOD_MS: i64 = 200;
/// Pause after a failure.
const AFTER_FAULT: Duration = Duration::from_secs(2);
/// Rounds without a rest. Composite alarms on composite alarms take one each.
const MAX_ROUNDS: usize = 20;
/// History items removed at a time.
const HISTORY_PAGE: usize = 500;

/// Why an alarm could not change its state. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the change could not be recorded")]
    Log(#[from] LogError),
    #[error("looking at alarms was broken off")]
    Task(#[from] tokio::task::JoinError),
}

/// All alarms. Cheap to clone.
#[derive(Clone)]
pub struct Alarms(Arc<Inner>);

struct Inner {
    catalog: Catalog,
    intake: Intake,
    topics: Topics,
    store: MetricStore,
    index: Arc<AlarmIndex>,
    /// The ends of the last ten seconds and of the last minute that were looked at.
    looked_at: Mutex<(i64, i64)>,
}

impl Alarms {
    /// Reads all alarms and follows their changes from then on.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn open(catalog: Catalog, intake: Intake, topics: Topics, store: MetricStore) -> Result<Self, CatalogError> {
        let index = Arc::new(AlarmIndex::default());
        catalog.observe(Arc::new(AlarmObserver(Arc::downgrade(&index))));
        for alarm in catalog.list::<Alarm>("")? {
            index.put(alarm);
        }
        for status in catalog.list::<AlarmStatus>("")? {
            index.put_status(&status);
        }
        Ok(Self(Arc::new(Inner { catalog, intake, topics, store, index, looked_at: Mutex::default() })))
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.0.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Samples have come that alarms may watch.
    pub fn touched(&self, batch: &SampleBatch) {
        self.0.index.touched(batch, self.now_ms() / 1000);
    }

    /// Names of the composite alarms that depend on this one.
    pub fn parents_of(&self, alarm: &Alarm) -> Vec<String> {
        self.0.index.parents_of(&alarm.key())
    }

    /// Looks at alarms until `stop` turns true.
    pub async fn watch(&self, mut stop: watch::Receiver<bool>) {
        loop {
            let pause = match self.look().await {
                Ok(()) => PAUSE,
                Err(error) => {
                    let source = std::error::Error::source(&error);
                    tracing::error!(%error, ?source, "alarms could not be looked at; it is tried again");
                    self.0.index.mark_all();
                    AFTER_FAULT
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(pause) => {}
            }
            if !self.0.index.is_idle() {
                continue;
            }
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = self.0.index.wake.notified() => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
    }

    /// How long nothing is due.
    fn until_next(&self) -> Duration {
        let now = self.now_ms();
        let period = (now - AFTER_PERIOD_MS).div_euclid(10_000) * 10_000 + 10_000 + AFTER_PERIOD_MS;
        let next = self.0.index.next_timer().map_or(period, |timer| timer.min(period));
        Duration::from_millis(u64::try_from(next - now).unwrap_or(0).max(1))
    }

    /// Looks at everything that is due, and at what follows from it.
    ///
    /// # Errors
    /// See [`AlarmError`].
    pub async fn look(&self) -> Result<(), AlarmError> {
        let now_ms = self.now_ms();
        self.mark_due(now_ms - AFTER_PERIOD_MS);
        for _ in 0..MAX_ROUNDS {
            let Work { metric, composite } = self.0.index.take(now_ms);
            if metric.is_empty() && composite.is_empty() {
                break;
            }
            let alarms = self.clone();
            let outcomes = tokio::task::spawn_blocking(move || alarms.evaluate(&metric, now_ms)).await??;
            for (known, new) in outcomes {
                self.apply(&known, &new).await?;
            }
            for (known, trigger) in composite {
                self.look_at_composite(&known, trigger.as_deref()).await?;
            }
        }
        Ok(())
    }

    fn mark_due(&self, now_ms: i64) {
        let (ten, minute) = (now_ms.div_euclid(10_000), now_ms.div_euclid(60_000));
        let mut looked_at = self.0.looked_at.lock().expect("no holder panics");
        if minute > looked_at.1 {
            self.0.index.mark_periodic(false);
        } else if ten > looked_at.0 {
            self.0.index.mark_periodic(true);
        }
        *looked_at = (looked_at.0.max(ten), looked_at.1.max(minute));
    }

    /// The metric alarms that should be in another state.
    fn evaluate(&self, alarms: &[Arc<Known>], now_ms: i64) -> Result<Vec<(Arc<Known>, NewState)>, CatalogError> {
        let mut changed = Vec::new();
        for known in alarms {
            let Watches::Metric(metric) = &known.alarm.watches else { continue };
            let new = match of_metric(&self.0.store, &known.alarm, metric, now_ms) {
                Ok(new) => new,
                Err(crate::math::MathError::Catalog(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(alarm = known.alarm.arn(), %error, "an alarm could not be evaluated");
                    None
                }
            };
            let Some(status) = self.0.catalog.get::<AlarmStatus>(&known.alarm.key())? else { continue };
            if let Some(new) = new.filter(|new| new.state != status.state) {
                changed.push((Arc::clone(known), new));
            }
        }
        Ok(changed)
    }

    async fn look_at_composite(&self, known: &Known, trigger: Option<&str>) -> Result<(), AlarmError> {
        let Some(rule) = &known.rule else { return Ok(()) };
        let key = known.alarm.key();
        let Some(status) = self.0.catalog.get::<AlarmStatus>(&key)? else { return Ok(()) };
        let beside = |name: &str| {
            let key = Alarm::key_of(&known.alarm.account, &known.alarm.region, name);
            self.0.catalog.get::<AlarmStatus>(&key).ok().flatten().map(|status| (*status).clone())
        };
        let child = trigger.and_then(|key| key.splitn(3, '/').nth(2));
        let new = of_composite(&known.alarm, &status, rule, child, beside);
        if new.state != status.state {
            return self.apply(known, &new).await;
        }
        if status.suppressed.is_some() {
            let lock = self.0.catalog.lock(&Alarm::lock_name(&known.alarm.account, &known.alarm.region)).await;
            let Some(status) = self.0.catalog.get::<AlarmStatus>(&key)? else { return Ok(()) };
            let mut changes = Changes::new();
            let now_ms = self.now_ms();
            if reconsider(&self.0.topics, &known.alarm, &status, self.suppressor(known)?, now_ms, &mut changes).is_some() {
                self.0.intake.submit(Vec::new(), changes.encode()).await?;
            }
            drop(lock);
        }
        Ok(())
    }

    /// The state of the alarm that keeps this one's actions back.
    fn suppressor(&self, known: &Known) -> Result<Option<AlarmState>, CatalogError> {
        let Some(key) = known.suppressor() else { return Ok(None) };
        Ok(self.0.catalog.get::<AlarmStatus>(&key)?.map(|status| status.state))
    }

    /// Enters a state, unless the alarm has changed or been set otherwise meanwhile.
    async fn apply(&self, known: &Known, new: &NewState) -> Result<(), AlarmError> {
        let (alarm, key) = (&known.alarm, known.alarm.key());
        let lock = self.0.catalog.lock(&Alarm::lock_name(&alarm.account, &alarm.region)).await;
        let current = self.0.catalog.get::<Alarm>(&key)?;
        let status = self.0.catalog.get::<AlarmStatus>(&key)?;
        let (Some(current), Some(status)) = (current, status) else { return Ok(()) };
        if current.watches != alarm.watches || status.state == new.state {
            return Ok(());
        }
        let mut changes = Changes::new();
        let suppressor = self.suppressor(known)?;
        enter(&self.0.topics, &current, &status, new, suppressor, self.now_ms(), &mut changes);
        self.0.intake.submit(Vec::new(), changes.encode()).await?;
        tracing::info!(alarm = alarm.arn(), from = status.state.as_str(), to = new.state.as_str(), "an alarm changed its state");
        drop(lock);
        Ok(())
    }

    /// Removes history that is too old. Returns how many items. For threads outside the async runtime.
    ///
    /// # Errors
    /// See [`AlarmError`].
    pub fn expire_history(&self) -> Result<usize, AlarmError> {
        let oldest = self.now_ms() - HistoryItem::KEPT_MS;
        let (mut removed, mut after) = (0, None::<String>);
        loop {
            let page: Vec<HistoryItem> = self.0.catalog.scan("", after.as_deref(), HISTORY_PAGE)?;
            let mut changes = Changes::new();
            for item in page.iter().filter(|item| item.at_ms < oldest) {
                changes.delete::<HistoryItem>(&item.key());
                removed += 1;
            }
            if !changes.is_empty() {
                self.0.intake.submit_blocking(Vec::new(), changes.encode())?;
            }
            match page.last() {
                Some(last) if page.len() == HISTORY_PAGE => after = Some(last.key()),
                _ => return Ok(removed),
            }
        }
    }
}
