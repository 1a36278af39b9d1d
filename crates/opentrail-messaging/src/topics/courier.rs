//! The courier: brings pending deliveries to webhooks, each subscription in a lane of its own.

use super::publish::{PublishError, timestamp};
use super::topic::{Errand, PendingDelivery, Protocol, Published, Subscription};
use super::webhook::{Post, Posted};
use super::{Inner, RetryPolicy, Topics, envelope};
use opentrail_catalog::{CatalogError, Changes, Entity};
use opentrail_eventlog::LogError;
use opentrail_seal::SealError;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Posts at a time, in all.
const MAX_POSTS: usize = 256;
/// Posts at a time to one subscription, so that a slow one takes no more than its share.
const MAX_POSTS_EACH: usize = 4;
/// How soon a delivery is looked at again that could not be recorded.
const AFTER_FAULT_MS: u64 = 5_000;
/// How often unconfirmed subscriptions are looked at, and how old they get.
const TIDY: Duration = Duration::from_secs(600);
const UNCONFIRMED_MS: u64 = 3 * 86_400_000;

/// What is to be delivered, by subscription.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: HashMap<String, Lane>,
}

#[derive(Default)]
struct Lane {
    waiting: BTreeSet<(u64, String)>,
    /// When each waits for; also holds those that are on their way.
    all: BTreeMap<String, u64>,
    running: usize,
}

impl Lanes {
    pub fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.all.len()).sum()
    }

    fn put(&mut self, pending: &PendingDelivery, next_ms: u64) -> bool {
        let lane = self.lanes.entry(pending.subscription.clone()).or_default();
        let key = pending.key();
        let known = lane.all.insert(key.clone(), next_ms);
        if let Some(before) = known {
            lane.waiting.remove(&(before, key.clone()));
        }
        lane.waiting.insert((next_ms, key));
        known.is_none()
    }

    fn remove(&mut self, key: &str) {
        let Some((subscription, _)) = key.rsplit_once('/') else { return };
        let Some(lane) = self.lanes.get_mut(subscription) else { return };
        if let Some(next_ms) = lane.all.remove(key) {
            lane.waiting.remove(&(next_ms, key.to_owned()));
        }
        if lane.all.is_empty() && lane.running == 0 {
            self.lanes.remove(subscription);
        }
    }

    /// Takes what is due and may run, and tells when the next one is due.
    fn take_due(&mut self, now: u64) -> (Vec<String>, Option<u64>) {
        let (mut due, mut next) = (Vec::new(), None::<u64>);
        for lane in self.lanes.values_mut() {
            while let Some((at, _)) = lane.waiting.first() {
                if *at > now || lane.running >= MAX_POSTS_EACH {
                    break;
                }
                lane.running += 1;
                due.extend(lane.waiting.pop_first().map(|(_, key)| key));
            }
            if let Some((at, _)) = lane.waiting.first().filter(|_| lane.running < MAX_POSTS_EACH) {
                next = Some(next.map_or(*at, |next| next.min(*at)));
            }
        }
        (due, next)
    }

    fn finish(&mut self, key: &str) {
        let Some((subscription, _)) = key.rsplit_once('/') else { return };
        let Some(lane) = self.lanes.get_mut(subscription) else { return };
        lane.running = lane.running.saturating_sub(1);
        if lane.all.is_empty() && lane.running == 0 {
            self.lanes.remove(subscription);
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum CourierError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the outcome could not be recorded")]
    Log(#[from] LogError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Signer(#[from] super::SignerError),
    #[error("a secret of the subscription does not open")]
    Seal(#[from] SealError),
}

impl Inner {
    pub fn put_pending(&self, pending: &PendingDelivery) {
        let new = self.lanes.lock().expect("no holder panics").put(pending, pending.next_ms);
        if let (true, Errand::Notification(id)) = (new, &pending.errand) {
            *self.needed.lock().expect("no holder panics").entry(id.clone()).or_default() += 1;
        }
        self.due.notify_one();
    }

    pub fn remove_pending(&self, key: &str) {
        self.lanes.lock().expect("no holder panics").remove(key);
    }
}

impl Topics {
    /// Delivers until the queues are closed; then finishes the posts that are on their way.
    pub async fn deliver_until_closed(&self) {
        let mut closing = self.0.queues.0.closing.subscribe();
        let slots = Arc::new(Semaphore::new(MAX_POSTS));
        let mut posts = JoinSet::new();
        let mut tidied = tokio::time::interval(TIDY);
        loop {
            let (due, next) = self.0.lanes.lock().expect("no holder panics").take_due(self.0.queues.now_ms());
            for key in due {
                let (inner, slots) = (Arc::clone(&self.0), Arc::clone(&slots));
                posts.spawn(async move {
                    let _slot = slots.acquire().await;
                    inner.run(&key).await;
                });
            }
            let wait = next.map(|next| Duration::from_millis(next.saturating_sub(self.0.queues.now_ms()).max(1)));
            let stopped = async { drop(closing.wait_for(|closing| *closing).await) };
            let tidy = tokio::select! {
                () = stopped => break,
                () = self.0.due.notified() => false,
                () = tokio::time::sleep(wait.unwrap_or(TIDY)) => false,
                Some(_) = posts.join_next() => false,
                _ = tidied.tick() => true,
            };
            if tidy && let Err(error) = self.tidy().await {
                tracing::warn!(%error, "removing unconfirmed subscriptions failed; it is tried again");
            }
        }
        posts.join_all().await;
    }

    /// Removes subscriptions that nobody confirmed, and messages that nobody waits for.
    async fn tidy(&self) -> Result<(), CourierError> {
        let now = self.0.queues.now_ms();
        let mut changes = Changes::new();
        for subscription in self.0.catalog.list::<Subscription>("")? {
            if !subscription.confirmed && subscription.created_ms + UNCONFIRMED_MS <= now {
                changes.delete::<Subscription>(&subscription.key());
            }
        }
        let needed = self.0.needed.lock().expect("no holder panics").clone();
        for id in self.0.catalog.keys::<Published>("", 1000)? {
            if !needed.contains_key(&id) {
                changes.delete::<Published>(&id);
            }
        }
        if !changes.is_empty() {
            self.0.intake.submit(Vec::new(), changes.encode()).await?;
        }
        Ok(())
    }
}

impl Inner {
    async fn run(&self, key: &str) {
        let outcome = self.attempt(key).await;
        if let Err(error) = outcome {
            tracing::error!(%error, source = ?std::error::Error::source(&error), key, "a delivery could not be made; it is tried again");
            let again = self.queues.now_ms() + AFTER_FAULT_MS;
            if let Ok(Some(pending)) = self.catalog.read_once::<PendingDelivery>(key) {
                self.lanes.lock().expect("no holder panics").put(&pending, again);
            }
        }
        self.lanes.lock().expect("no holder panics").finish(key);
        self.due.notify_one();
    }

    /// One attempt, and what follows from it, recorded.
    async fn attempt(&self, key: &str) -> Result<(), CourierError> {
        let Some(pending) = self.catalog.read_once::<PendingDelivery>(key)? else {
            self.remove_pending(key);
            return Ok(());
        };
        let mut changes = Changes::new();
        // A subscription that is gone takes what was meant for it along.
        let Some(route) = self.route(&pending.subscription) else { return self.done(&pending, changes).await };
        let subscription = &route.subscription;
        let published = match &pending.errand {
            Errand::Confirmation => None,
            Errand::Notification(id) => match self.catalog.read_once::<Published>(id)? {
                Some(published) => Some(published),
                None => return self.done(&pending, changes).await,
            },
        };
        if let Some(published) = published.as_ref().filter(|_| subscription.protocol == Protocol::Sqs) {
            self.put_into_queue(published, subscription, &mut changes)?;
            return self.done(&pending, changes).await;
        }
        let (code, reason) = match self.post(subscription, published.as_ref()).await? {
            Posted::Delivered => {
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                return self.done(&pending, changes).await;
            }
            Posted::Failed(reason) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                let failures = pending.attempts + 1;
                if let Some(delay) = self.retries(subscription).delay(failures) {
                    tracing::info!(subscription = subscription.arn(), reason, delay, "a webhook failed, will try again");
                    let next_ms = self.queues.now_ms() + u64::from(delay) * 1000;
                    changes.put(&PendingDelivery { attempts: failures, next_ms, ..pending });
                    self.intake.submit(Vec::new(), changes.encode()).await?;
                    return Ok(());
                }
                ("500", reason)
            }
            Posted::Refused(reason) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                ("400", reason)
            }
        };
        match &published {
            Some(published) => self.give_up(published, subscription, code, &reason, &mut changes)?,
            None => tracing::warn!(subscription = subscription.arn(), reason, "a subscriber could not be asked to confirm"),
        }
        self.done(&pending, changes).await
    }

    fn retries(&self, subscription: &Subscription) -> RetryPolicy {
        let topic = self.registry.read().expect("no holder panics").get(&subscription.topic).and_then(|cell| cell.topic.clone());
        let of_topic = topic.and_then(|topic| topic.delivery_policy.clone());
        let policy = subscription.delivery_policy.as_ref().or(of_topic.as_ref());
        policy.and_then(|policy| RetryPolicy::parse(policy).ok()).unwrap_or_default()
    }

    async fn post(&self, subscription: &Subscription, published: Option<&Published>) -> Result<Posted, CourierError> {
        let now = self.intake.now();
        let id;
        let (kind, message_id, body) = match published {
            Some(published) => ("Notification", published.id.as_str(), self.body(published, subscription)?),
            None => {
                id = uuid::Uuid::new_v4().to_string();
                ("SubscriptionConfirmation", id.as_str(), self.confirmation(subscription, &id, &timestamp(now))?)
            }
        };
        let raw = published.is_some() && subscription.raw;
        let secret = subscription.open_webhook_secret(&self.config.seal)?;
        let post = Post { kind, message_id, raw, body, secret, now_s: now.unix_timestamp() };
        Ok(self.webhooks.post(subscription, post).await)
    }

    fn confirmation(&self, subscription: &Subscription, id: &str, timestamp: &str) -> Result<String, CourierError> {
        let topic = self.registry.read().expect("no holder panics").get(&subscription.topic).and_then(|cell| cell.topic.clone());
        let version = topic.and_then(|topic| topic.signature_version).unwrap_or(1);
        let signer = self.signer()?;
        let token = subscription.open_token(&self.config.seal)?.unwrap_or_default();
        let made = self.with_links(|links| {
            envelope::confirmation(subscription, &token, id, timestamp, version, links, |text| signer.sign(version, text))
        })?;
        Ok(made?)
    }

    /// Records that a delivery is over; its message goes with the last one that needed it.
    async fn done(&self, pending: &PendingDelivery, mut changes: Changes) -> Result<(), CourierError> {
        changes.delete::<PendingDelivery>(&pending.key());
        let last = match &pending.errand {
            Errand::Confirmation => None,
            Errand::Notification(id) => {
                let mut needed = self.needed.lock().expect("no holder panics");
                let left = needed.get(id).copied().unwrap_or(1).saturating_sub(1);
                if left == 0 {
                    needed.remove(id)
                } else {
                    needed.insert(id.clone(), left)
                };
                (left == 0).then_some(id)
            }
        };
        if let Some(id) = last {
            changes.delete::<Published>(id);
        }
        if let Err(error) = self.intake.submit(Vec::new(), changes.encode()).await {
            if let Errand::Notification(id) = &pending.errand {
                *self.needed.lock().expect("no holder panics").entry(id.clone()).or_default() += 1;
            }
            return Err(error.into());
        }
        Ok(())
    }
}
