//! All alarms in memory: which metrics and alarms each depends on, and which are to be looked at.

use super::config::{Alarm, Watches, name_in};
use super::evaluation::is_quick;
use super::status::AlarmStatus;
use crate::store::SampleBatch;
use opentrail_catalog::{Change, Entity, Observer};
use opentrail_metrics::{CompositeRule, Metric};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// An alarm, understood.
#[derive(Debug)]
pub struct Known {
    pub alarm: Alarm,
    /// Of a composite alarm.
    pub rule: Option<CompositeRule>,
    /// Whether it is looked at every ten seconds.
    pub quick: bool,
}

impl Known {
    fn new(alarm: Alarm) -> Self {
        let (rule, quick) = match &alarm.watches {
            Watches::Metric(metric) => (None, is_quick(metric)),
            Watches::Composite(composite) => {
                let rule = composite.rule.parse();
                if let Err(error) = &rule {
                    tracing::error!(alarm = alarm.arn(), %error, "a stored alarm rule cannot be read any more");
                }
                (rule.ok(), false)
            }
        };
        Self { alarm, rule, quick }
    }

    fn key_beside(&self, name_or_arn: &str) -> String {
        Alarm::key_of(&self.alarm.account, &self.alarm.region, name_in(name_or_arn))
    }

    /// Keys of the alarm whose state keeps this one's actions back.
    pub fn suppressor(&self) -> Option<String> {
        match &self.alarm.watches {
            Watches::Composite(composite) => composite.suppressor.as_ref().map(|one| self.key_beside(&one.alarm)),
            Watches::Metric(_) => None,
        }
    }

    /// Keys of the alarms it depends on.
    fn children(&self) -> BTreeSet<String> {
        let named = self.rule.iter().flat_map(|rule| rule.children()).map(|name| self.key_beside(name));
        named.chain(self.suppressor()).collect()
    }
}

/// What is to be looked at.
#[derive(Debug, Default)]
pub struct Work {
    /// Keys of metric alarms.
    pub metric: Vec<Arc<Known>>,
    /// Composite alarms, with the key of the child that changed.
    pub composite: Vec<(Arc<Known>, Option<String>)>,
}

/// Kept in step with the catalog.
#[derive(Default)]
pub struct AlarmIndex {
    state: Mutex<State>,
    pub wake: Notify,
}

#[derive(Default)]
struct State {
    alarms: HashMap<String, Arc<Known>>,
    /// By scope and metric.
    by_metric: HashMap<String, HashMap<Metric, BTreeSet<String>>>,
    parents: HashMap<String, BTreeSet<String>>,
    /// To be looked at, with the child that changed.
    dirty: BTreeMap<String, Option<String>>,
    /// When suppressed actions are due, milliseconds since 1970.
    timers: BTreeMap<String, i64>,
}

impl AlarmIndex {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    pub fn put(&self, alarm: Alarm) {
        self.state().put(Known::new(alarm));
        self.wake.notify_one();
    }

    fn remove(&self, key: &str) {
        self.state().remove(key);
    }

    pub fn put_status(&self, status: &AlarmStatus) {
        let key = status.key();
        let mut state = self.state();
        match status.suppressed.as_ref().and_then(|suppression| suppression.until_ms) {
            Some(until) => drop(state.timers.insert(key.clone(), until)),
            None => drop(state.timers.remove(&key)),
        }
        for parent in state.parents.get(&key).cloned().unwrap_or_default() {
            state.dirty.insert(parent, Some(key.clone()));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Marks the alarms on these metrics. Only samples of periods that are over by `now`, epoch seconds, matter.
    pub fn touched(&self, batch: &SampleBatch, now: i64) {
        let mut state = self.state();
        let State { by_metric, dirty, alarms, .. } = &mut *state;
        let Some(metrics) = by_metric.get(&scope(&batch.account, &batch.region)) else { return };
        let mut any = false;
        for datum in &batch.data {
            for key in metrics.get(&datum.metric).into_iter().flatten() {
                let quick = alarms.get(key).is_some_and(|known| known.quick);
                if datum.at < now - now.rem_euclid(if quick { 10 } else { 60 }) {
                    dirty.entry(key.clone()).or_default();
                    any = true;
                }
            }
        }
        drop(state);
        if any {
            self.wake.notify_one();
        }
    }

    /// Marks everything.
    pub fn mark_all(&self) {
        let mut state = self.state();
        let State { alarms, dirty, .. } = &mut *state;
        for key in alarms.keys() {
            dirty.entry(key.clone()).or_default();
        }
    }

    /// Marks all metric alarms, or only those looked at every ten seconds.
    pub fn mark_periodic(&self, only_quick: bool) {
        let mut state = self.state();
        let State { alarms, dirty, .. } = &mut *state;
        for (key, _) in alarms.iter().filter(|(_, known)| !known.alarm.is_composite() && (known.quick || !only_quick)) {
            dirty.entry(key.clone()).or_default();
        }
    }

    /// Takes what is to be looked at, with the composite alarms whose time has come.
    pub fn take(&self, now_ms: i64) -> Work {
        let mut state = self.state();
        let mut dirty = std::mem::take(&mut state.dirty);
        state.timers.retain(|key, until| {
            let due = *until <= now_ms;
            if due {
                dirty.entry(key.clone()).or_default();
            }
            !due
        });
        let mut work = Work::default();
        for (key, trigger) in dirty {
            let Some(known) = state.alarms.get(&key).cloned() else { continue };
            if known.alarm.is_composite() { work.composite.push((known, trigger)) } else { work.metric.push(known) }
        }
        work
    }

    pub fn is_idle(&self) -> bool {
        self.state().dirty.is_empty()
    }

    /// When the next suppressed actions are due.
    pub fn next_timer(&self) -> Option<i64> {
        self.state().timers.values().min().copied()
    }

    /// Names of the composite alarms that depend on this one.
    pub fn parents_of(&self, key: &str) -> Vec<String> {
        let state = self.state();
        let parents = state.parents.get(key).into_iter().flatten();
        parents.filter_map(|parent| state.alarms.get(parent)).map(|known| known.alarm.name.clone()).collect()
    }
}

fn scope(account: &str, region: &str) -> String {
    format!("{account}/{region}")
}

impl State {
    fn put(&mut self, known: Known) {
        let key = known.alarm.key();
        self.remove(&key);
        if let Watches::Metric(metric) = &known.alarm.watches {
            let metrics = self.by_metric.entry(scope(&known.alarm.account, &known.alarm.region)).or_default();
            for stat in metric.metrics() {
                metrics.entry(stat.metric.clone()).or_default().insert(key.clone());
            }
        }
        for child in known.children() {
            self.parents.entry(child).or_default().insert(key.clone());
        }
        self.dirty.insert(key.clone(), None);
        self.alarms.insert(key, Arc::new(known));
    }

    fn remove(&mut self, key: &str) {
        let Some(known) = self.alarms.remove(key) else { return };
        self.dirty.remove(key);
        let scope = scope(&known.alarm.account, &known.alarm.region);
        if let (Watches::Metric(metric), Some(metrics)) = (&known.alarm.watches, self.by_metric.get_mut(&scope)) {
            for stat in metric.metrics() {
                if let Some(keys) = metrics.get_mut(&stat.metric) {
                    keys.remove(key);
                    if keys.is_empty() {
                        metrics.remove(&stat.metric);
                    }
                }
            }
        }
        for child in known.children() {
            if let Some(parents) = self.parents.get_mut(&child) {
                parents.remove(key);
                if parents.is_empty() {
                    self.parents.remove(&child);
                }
            }
        }
    }
}

/// Tells the index of each change. Does not keep it alive.
pub struct AlarmObserver(pub std::sync::Weak<AlarmIndex>);

const TABLES: &[&str] = &[Alarm::TABLE, AlarmStatus::TABLE];

impl Observer for AlarmObserver {
    fn tables(&self) -> &'static [&'static str] {
        TABLES
    }

    fn changed(&self, change: &Change) {
        let Some(index) = self.0.upgrade() else { return };
        let Some(value) = &change.value else {
            if change.table == Alarm::TABLE {
                index.remove(&change.key);
            } else {
                index.state().timers.remove(&change.key);
            }
            return;
        };
        let read = if change.table == Alarm::TABLE {
            serde_json::from_str(value.get()).map(|alarm| index.put(alarm))
        } else {
            serde_json::from_str(value.get()).map(|status| index.put_status(&status))
        };
        if let Err(error) = read {
            tracing::error!(%error, table = change.table, key = change.key, "a change is not in its form");
        }
    }
}
