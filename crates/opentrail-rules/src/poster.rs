//! The poster: makes the calls of API destinations, each destination in a lane of its own and no faster than it may.

use crate::api_destination::{ApiDestination, Connection, SecretsFault};
use crate::delivery::{DeadLetter, Undelivered};
use crate::follower::Inner;
use crate::request::Called;
use crate::rule::HttpParameters;
use opentrail_catalog::{CatalogError, Change, Changes, Entity, Observer};
use opentrail_eventlog::LogError;
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Calls at a time, in all and to one destination.
const MAX_CALLS: usize = 256;
const MAX_CALLS_EACH: usize = 32;
/// Calls a second to a destination that does not say.
const DEFAULT_RATE: u32 = 300;
/// The first and the longest pause before a call is tried again; it doubles in between.
const FIRST_PAUSE_MS: u64 = 1_000;
const MAX_PAUSE_MS: u64 = 900_000;
/// How soon a call is looked at again whose outcome could not be recorded.
const AFTER_FAULT_MS: u64 = 5_000;
/// How long the poster sleeps when there is nothing to do.
const IDLE: Duration = Duration::from_secs(600);

/// A call that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// Key of the destination.
    pub destination: String,
    pub sequence: u64,
    pub destination_arn: String,
    pub rule_arn: String,
    pub rule_account: String,
    #[serde(default)]
    pub http: HttpParameters,
    pub body: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// Milliseconds since 1970, as the other.
    pub next_ms: u64,
    pub expires_ms: u64,
    pub max_retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_arn: Option<String>,
}

impl Entity for Invocation {
    const TABLE: &'static str = "event_invocation";

    fn key(&self) -> String {
        format!("{}/{:016x}", self.destination, self.sequence)
    }
}

/// What lanes need of an [`Invocation`].
#[derive(Deserialize)]
struct Head {
    destination: String,
    next_ms: u64,
}

/// What is to be called, by destination.
#[derive(Default)]
pub struct Lanes(HashMap<String, Lane>);

#[derive(Default)]
struct Lane {
    waiting: BTreeSet<(u64, String)>,
    /// When each waits for; also holds those that are on their way.
    all: BTreeMap<String, u64>,
    running: usize,
    /// Microseconds since 1970 before which the rate does not allow another call.
    ready_us: u64,
}

impl Lanes {
    pub fn len(&self) -> usize {
        self.0.values().map(|lane| lane.all.len()).sum()
    }

    fn put(&mut self, destination: &str, key: String, next_ms: u64) {
        let lane = self.0.entry(destination.to_owned()).or_default();
        if let Some(before) = lane.all.insert(key.clone(), next_ms) {
            lane.waiting.remove(&(before, key.clone()));
        }
        lane.waiting.insert((next_ms, key));
    }

    fn remove(&mut self, key: &str) {
        let Some((destination, _)) = key.rsplit_once('/') else { return };
        let Some(lane) = self.0.get_mut(destination) else { return };
        if let Some(next_ms) = lane.all.remove(key) {
            lane.waiting.remove(&(next_ms, key.to_owned()));
        }
    }

    fn finish(&mut self, key: &str) {
        let Some((destination, _)) = key.rsplit_once('/') else { return };
        if let Some(lane) = self.0.get_mut(destination) {
            lane.running = lane.running.saturating_sub(1);
            if lane.all.is_empty() && lane.running == 0 {
                self.0.remove(destination);
            }
        }
    }

    /// Takes what is due and may run, and tells when the next one may be, in milliseconds since 1970.
    fn take_due(&mut self, now_us: u64, rate_of: impl Fn(&str) -> u32) -> (Vec<String>, Option<u64>) {
        let (mut due, mut next) = (Vec::new(), None::<u64>);
        let mut room = MAX_CALLS.saturating_sub(self.0.values().map(|lane| lane.running).sum());
        for (destination, lane) in &mut self.0 {
            while let Some((at, _)) = lane.waiting.first() {
                let ready_us = lane.ready_us.max(at.saturating_mul(1000));
                if ready_us > now_us {
                    next = Some(next.map_or(ready_us, |next| next.min(ready_us)));
                    break;
                }
                if room == 0 || lane.running >= MAX_CALLS_EACH {
                    break;
                }
                room -= 1;
                lane.running += 1;
                lane.ready_us = lane.ready_us.max(now_us) + 1_000_000 / u64::from(rate_of(destination).max(1));
                due.extend(lane.waiting.pop_first().map(|(_, key)| key));
            }
        }
        (due, next.map(|next| next.div_ceil(1000)))
    }
}

/// Keeps the lanes in step with the catalog. Does not keep the rules alive.
struct LaneObserver(Weak<Inner>);

impl Observer for LaneObserver {
    fn tables(&self) -> &'static [&'static str] {
        &[Invocation::TABLE]
    }

    fn changed(&self, change: &Change) {
        let Some(inner) = self.0.upgrade() else { return };
        match change.value.as_ref().map(|value| serde_json::from_str::<Head>(value.get())) {
            Some(Ok(head)) => {
                inner.lanes.lock().expect("no holder panics").put(&head.destination, change.key.clone(), head.next_ms);
                inner.due.notify_one();
            }
            Some(Err(error)) => tracing::error!(%error, key = change.key, "a call to be made is not in its form"),
            None => inner.lanes.lock().expect("no holder panics").remove(&change.key),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum PosterError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the outcome could not be recorded")]
    Log(#[from] LogError),
}

impl Inner {
    pub fn read_invocations(inner: &Arc<Self>) -> Result<(), CatalogError> {
        inner.catalog.observe(Arc::new(LaneObserver(Arc::downgrade(inner))));
        let mut after: Option<String> = None;
        loop {
            let page = inner.catalog.scan::<Invocation>("", after.as_deref(), 500)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key());
            let mut lanes = inner.lanes.lock().expect("no holder panics");
            page.iter().for_each(|invocation| lanes.put(&invocation.destination, invocation.key(), invocation.next_ms));
        }
    }

    fn rate_of(&self, destination: &str) -> u32 {
        let known = self.catalog.get::<ApiDestination>(destination).ok().flatten();
        known.and_then(|known| known.rate).unwrap_or(DEFAULT_RATE)
    }

    /// Makes calls until `stop` turns true; then finishes those that are on their way.
    pub async fn post_until(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut calls = JoinSet::new();
        loop {
            let now_us = self.now_ms() * 1000;
            let (due, next) =
                self.lanes.lock().expect("no holder panics").take_due(now_us, |destination| self.rate_of(destination));
            for key in due {
                let inner = Arc::clone(&self);
                calls.spawn(async move { inner.run(&key).await });
            }
            let wait = next.map_or(IDLE, |next| Duration::from_millis(next.saturating_sub(self.now_ms()).max(1)));
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => break,
                () = self.due.notified() => {}
                () = tokio::time::sleep(wait) => {}
                Some(_) = calls.join_next() => {}
            }
        }
        calls.join_all().await;
    }

    async fn run(&self, key: &str) {
        if let Err(error) = self.invoke(key).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a call to an API destination is tried again");
            let mut lanes = self.lanes.lock().expect("no holder panics");
            if let Some((destination, _)) = key.rsplit_once('/') {
                lanes.put(destination, key.to_owned(), self.now_ms() + AFTER_FAULT_MS);
            }
        }
        self.lanes.lock().expect("no holder panics").finish(key);
        self.due.notify_one();
    }

    /// Makes one call and records how it ended.
    async fn invoke(&self, key: &str) -> Result<(), PosterError> {
        let Some(invocation) = self.catalog.read_once::<Invocation>(key)? else { return Ok(()) };
        let called = self.call(&invocation).await?;
        let now = self.now_ms();
        let mut changes = Changes::new();
        match called {
            Called::Delivered => drop(changes.delete::<Invocation>(key)),
            Called::Refused(reason) => self.end(&invocation, &reason, None, &mut changes),
            Called::Failed(reason) => {
                let next_ms = now + pause_ms(invocation.attempts);
                if invocation.attempts >= invocation.max_retries {
                    self.end(&invocation, &reason, Some("MaximumRetryAttempts"), &mut changes);
                } else if next_ms > invocation.expires_ms {
                    self.end(&invocation, &reason, Some("MaximumEventAgeInSeconds"), &mut changes);
                } else {
                    changes.put(&Invocation { attempts: invocation.attempts + 1, next_ms, ..invocation });
                }
            }
        }
        self.intake.submit(Vec::new(), changes.encode()).await?;
        Ok(())
    }

    async fn call(&self, invocation: &Invocation) -> Result<Called, PosterError> {
        let destination = self.catalog.get::<ApiDestination>(&invocation.destination)?;
        let Some(destination) = destination.filter(|known| known.arn() == invocation.destination_arn) else {
            return Ok(Called::Refused("the API destination does not exist any more".into()));
        };
        let connection = destination.connection_key().map(|key| self.catalog.get::<Connection>(&key)).transpose()?.flatten();
        let Some(connection) = connection.filter(|known| known.arn() == destination.connection_arn) else {
            return Ok(Called::Refused("the connection of the API destination does not exist any more".into()));
        };
        match connection.secrets(&self.seal) {
            Ok(secrets) => Ok(self.requests.call(&destination, &secrets, &invocation.http, &invocation.body).await),
            Err(fault @ (SecretsFault::Seal(_) | SecretsFault::Form)) => Ok(Called::Refused(fault.to_string())),
        }
    }

    fn end(&self, invocation: &Invocation, reason: &str, exhausted: Option<&str>, changes: &mut Changes) {
        changes.delete::<Invocation>(&invocation.key());
        let letter = DeadLetter {
            rule_arn: &invocation.rule_arn,
            rule_account: &invocation.rule_account,
            target_arn: &invocation.destination_arn,
            queue_arn: invocation.dead_letter_arn.as_deref(),
            body: &invocation.body,
            retries: invocation.attempts,
            exhausted,
        };
        self.give_up(&letter, &Undelivered::new("SDK_CLIENT_ERROR", reason), changes);
    }
}

/// How long to wait after so many failures before: doubling, and up to a fifth more, so that calls do not come in step.
fn pause_ms(attempts: u32) -> u64 {
    let pause = FIRST_PAUSE_MS.saturating_mul(1 << attempts.min(20)).min(MAX_PAUSE_MS);
    pause + rand::rng().random_range(0..=pause / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_keep_to_their_rate_and_share() {
        let mut lanes = Lanes::default();
        (0..40).for_each(|n| lanes.put("a/r/d", format!("a/r/d/{n:02}"), 10));
        lanes.put("a/r/e", "a/r/e/0".into(), 20);
        assert_eq!(lanes.take_due(9_000, |_| 10), (vec![], Some(10)));
        assert_eq!(lanes.take_due(10_000, |_| 10), (vec!["a/r/d/00".to_owned()], Some(20)), "ten a second");
        assert_eq!(lanes.take_due(10_500, |_| 10), (vec![], Some(20)));
        let (mut due, _) = lanes.take_due(110_000, |_| 1_000_000_000);
        due.sort();
        assert_eq!((due.len(), due.last().map(String::as_str)), (32, Some("a/r/e/0")), "no more than its share at a time");
        due.iter().for_each(|key| lanes.remove(key));
        due.iter().for_each(|key| lanes.finish(key));
        assert_eq!(lanes.len(), 9);
    }
}
