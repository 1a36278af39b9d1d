//! Topics: who wants to be told what, and telling them.
//!
//! ```text
//! publish ─┬─ sqs: a message in the queue, in the same entry
//!          └─ http(s): Published + a PendingDelivery each, in the same entry
//!                                      │ Observer
//!                              lanes, one per subscription ──▶ courier: post ▸ done | later | dead letter
//! ```

mod courier;
mod envelope;
mod filter;
mod publish;
mod retry;
mod signer;
mod topic;
mod webhook;

pub use filter::Filter;
pub use publish::{Draft, PublishError};
pub use retry::RetryPolicy;
pub use signer::SignerError;
pub use topic::{
    Errand, PendingDelivery, Protocol, Published, PublishedAttribute, Subscription, Topic, key_of_topic_arn, topic_arn,
};
pub use webhook::WebhookNetworks;

use crate::queues::{Queue, Queues};
use aws_lc_rs::constant_time;
use courier::Lanes;
use envelope::Links;
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_eventlog::Intake;
use opentrail_policy::{Decision, Policies, PolicyKind, PolicyText, Principal, Request, RequestContext, decide};
use opentrail_seal::Seal;
use signer::Signer;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use tokio::sync::Notify;
use webhook::Webhooks;

/// What topics need besides the catalog.
pub struct TopicsConfig {
    /// File of the signing key.
    pub key_file: PathBuf,
    pub seal: Arc<Seal>,
    pub webhooks: WebhookNetworks,
}

/// All topics. Cheap to clone.
#[derive(Clone)]
pub struct Topics(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub catalog: Catalog,
    pub intake: Intake,
    pub queues: Queues,
    config: TopicsConfig,
    registry: RwLock<BTreeMap<String, Cell>>,
    /// Where others reach this server, without a slash at the end.
    public_url: RwLock<String>,
    signer: OnceLock<Signer>,
    making_signer: Mutex<()>,
    pub lanes: Mutex<Lanes>,
    /// How many deliveries still need a published message.
    pub needed: Mutex<HashMap<String, usize>>,
    pub due: Notify,
    webhooks: Webhooks,
    pub counters: Counters,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub dropped: AtomicU64,
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicStats {
    /// Messages that reached a subscriber.
    pub delivered: u64,
    /// Attempts that did not.
    pub failed: u64,
    /// Messages given up without a dead-letter queue.
    pub dropped: u64,
    /// Deliveries that are still to be made.
    pub pending: u64,
}

#[derive(Default)]
struct Cell {
    topic: Option<Arc<Topic>>,
    /// By id.
    routes: BTreeMap<String, Arc<Route>>,
}

/// A subscription with its filter understood.
pub(crate) struct Route {
    pub subscription: Arc<Subscription>,
    pub filter: Option<Filter>,
}

/// A service that acts for one of its resources, for policies to judge.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Such as `s3.amazonaws.com`.
    pub service: &'a str,
    pub source_arn: &'a str,
    pub source_account: &'a str,
}

impl Sender<'_> {
    /// Whether a resource's policy lets the sender do this.
    pub fn may(&self, policy: Option<&PolicyText>, action: &str, resource: &str, account: &str) -> bool {
        let Some(policy) = policy else { return false };
        let context = RequestContext::new()
            .with("aws:SourceArn", self.source_arn)
            .with("aws:SourceAccount", self.source_account)
            .with("aws:SourceOwner", self.source_account)
            .with("aws:PrincipalIsAWSService", "true")
            .with("aws:PrincipalServiceName", self.service)
            .with("aws:SecureTransport", "true");
        let principal = Principal::Service(self.service.to_owned());
        let request = Request { principal: &principal, action, resource, resource_account: account, context: &context };
        let document = policy.document(PolicyKind::Resource);
        let policies = Policies { resource: Some(document.as_ref()), ..Policies::default() };
        decide(&request, &policies) == Decision::Allowed
    }

    /// Whether the sender may put messages into a queue.
    pub fn may_send(&self, queue: &Queue) -> bool {
        self.may(queue.policy.as_ref(), "sqs:SendMessage", &queue.arn(), &queue.account)
    }

    /// Whether the sender may publish to a topic.
    pub fn may_publish(&self, topic: &Topic) -> bool {
        self.may(Some(&topic.policy), "sns:Publish", &topic.arn(), &topic.account)
    }
}

impl Topics {
    /// Reads topics, subscriptions and pending deliveries, and follows their changes from then on.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn open(catalog: Catalog, intake: Intake, queues: Queues, config: TopicsConfig) -> Result<Self, CatalogError> {
        let webhooks = Webhooks::new(config.webhooks.clone());
        let inner = Arc::new(Inner {
            catalog: catalog.clone(),
            intake,
            queues,
            config,
            registry: RwLock::default(),
            public_url: RwLock::new("http://localhost:4580".into()),
            signer: OnceLock::new(),
            making_signer: Mutex::default(),
            lanes: Mutex::default(),
            needed: Mutex::default(),
            due: Notify::new(),
            webhooks,
            counters: Counters::default(),
        });
        catalog.observe(Arc::new(crate::observer::TopicObserver(Arc::downgrade(&inner))));
        for topic in catalog.list::<Topic>("")? {
            inner.put_topic(topic);
        }
        for subscription in catalog.list::<Subscription>("")? {
            inner.put_subscription(subscription);
        }
        for pending in catalog.list::<PendingDelivery>("")? {
            inner.put_pending(&pending);
        }
        Ok(Self(inner))
    }

    /// Tells where others reach this server. Messages made from then on link there.
    pub fn set_public_url(&self, url: &str) {
        *self.0.public_url.write().expect("no holder panics") = url.trim_end_matches('/').to_owned();
    }

    pub fn stats(&self) -> TopicStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        TopicStats {
            delivered: load(&counters.delivered),
            failed: load(&counters.failed),
            dropped: load(&counters.dropped),
            pending: self.0.lanes.lock().expect("no holder panics").len() as u64,
        }
    }

    pub fn find(&self, account: &str, region: &str, name: &str) -> Option<Arc<Topic>> {
        self.by_key(&Topic::key_of(account, region, name))
    }

    /// The topic that an ARN names.
    pub fn by_arn(&self, arn: &str) -> Option<Arc<Topic>> {
        match key_of_topic_arn(arn)? {
            (key, None) => self.by_key(&key),
            _ => None,
        }
    }

    fn by_key(&self, key: &str) -> Option<Arc<Topic>> {
        self.0.registry.read().expect("no holder panics").get(key)?.topic.clone()
    }

    /// Topics of an account and region, by name, from the first after `after`.
    pub fn list(&self, account: &str, region: &str, after: Option<&str>, limit: usize) -> Vec<Arc<Topic>> {
        let prefix = Topic::key_of(account, region, "");
        let registry = self.0.registry.read().expect("no holder panics");
        let all = registry.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        let topics = all.filter_map(|(_, cell)| cell.topic.clone());
        topics.filter(|topic| after.is_none_or(|after| topic.name.as_str() > after)).take(limit).collect()
    }

    /// A topic's subscriptions, by id.
    pub fn subscriptions_of(&self, topic: &Topic) -> Vec<Arc<Subscription>> {
        let registry = self.0.registry.read().expect("no holder panics");
        let cell = registry.get(&topic.key());
        cell.map(|cell| cell.routes.values().map(|route| Arc::clone(&route.subscription)).collect()).unwrap_or_default()
    }

    /// The subscription that an ARN names.
    pub fn subscription(&self, arn: &str) -> Option<Arc<Subscription>> {
        let (topic, id) = key_of_topic_arn(arn)?;
        self.0.route(&format!("{topic}/{}", id?)).map(|route| Arc::clone(&route.subscription))
    }

    /// The subscription of this topic that waits for this token.
    pub fn by_token(&self, topic_arn: &str, token: &str) -> Option<Arc<Subscription>> {
        let topic = self.by_arn(topic_arn)?;
        let is_its = |one: &Arc<Subscription>| {
            let kept = one.open_token(&self.0.config.seal).ok().flatten();
            kept.is_some_and(|kept| constant_time::verify_slices_are_equal(kept.as_bytes(), token.as_bytes()).is_ok())
        };
        let all = self.subscriptions_of(&topic);
        let named = all.iter().find(|one| token.starts_with(&one.token_start()));
        // Tokens of earlier versions do not begin with an id.
        let mut candidates = all.iter().filter(|one| named.map_or(!one.confirmed, |named| Arc::ptr_eq(named, one)));
        candidates.find(|one| is_its(one)).cloned()
    }

    /// Adds to `changes` that the subscriber is to be asked whether it wants the subscription.
    pub fn ask_to_confirm(&self, subscription: &Subscription, changes: &mut Changes) {
        changes.put(&PendingDelivery {
            subscription: subscription.key(),
            sequence: self.0.queues.next_sequence(),
            errand: Errand::Confirmation,
            attempts: 0,
            next_ms: 0,
        });
    }

    /// The certificate of this name, as PEM.
    pub fn certificate(&self, name: &str) -> Option<String> {
        let signer = self.0.signer().ok()?;
        (signer.certificate_name == name).then(|| signer.certificate.clone())
    }
}

impl Inner {
    /// The signing key, made when it is first needed.
    fn signer(&self) -> Result<&Signer, SignerError> {
        if let Some(signer) = self.signer.get() {
            return Ok(signer);
        }
        let _one = self.making_signer.lock().expect("no holder panics");
        if self.signer.get().is_none() {
            let signer = Signer::open(&self.config.key_file, &self.config.seal, self.intake.now())?;
            let _ = self.signer.set(signer);
        }
        Ok(self.signer.get().expect("set above"))
    }

    fn with_links<T>(&self, use_links: impl FnOnce(&Links<'_>) -> T) -> Result<T, SignerError> {
        let public_url = self.public_url.read().expect("no holder panics").clone();
        let certificate_name = &self.signer()?.certificate_name;
        Ok(use_links(&Links { public_url: &public_url, certificate_name }))
    }

    pub fn route(&self, key: &str) -> Option<Arc<Route>> {
        let (topic, id) = key.rsplit_once('/')?;
        self.registry.read().expect("no holder panics").get(topic)?.routes.get(id).cloned()
    }

    fn routes(&self, topic: &str) -> Vec<Arc<Route>> {
        let registry = self.registry.read().expect("no holder panics");
        registry.get(topic).map(|cell| cell.routes.values().cloned().collect()).unwrap_or_default()
    }

    pub fn put_topic(&self, topic: Topic) {
        let key = topic.key();
        self.registry.write().expect("no holder panics").entry(key).or_default().topic = Some(Arc::new(topic));
    }

    pub fn remove_topic(&self, key: &str) {
        let mut registry = self.registry.write().expect("no holder panics");
        if let Some(cell) = registry.get_mut(key) {
            cell.topic = None;
            if cell.routes.is_empty() {
                registry.remove(key);
            }
        }
    }

    pub fn put_subscription(&self, subscription: Subscription) {
        let filter = subscription.filter_policy.as_deref().map(|policy| Filter::parse(policy, subscription.filter_body));
        let filter = filter.transpose().unwrap_or_else(|reason| {
            tracing::error!(subscription = subscription.arn(), reason, "a stored filter policy cannot be read any more");
            None
        });
        let (topic, id) = (subscription.topic.clone(), subscription.id.clone());
        let route = Arc::new(Route { subscription: Arc::new(subscription), filter });
        self.registry.write().expect("no holder panics").entry(topic).or_default().routes.insert(id, route);
    }

    pub fn remove_subscription(&self, key: &str) {
        let Some((topic, id)) = key.rsplit_once('/') else { return };
        let mut registry = self.registry.write().expect("no holder panics");
        let Some(cell) = registry.get_mut(topic) else { return };
        cell.routes.remove(id);
        if cell.routes.is_empty() && cell.topic.is_none() {
            registry.remove(topic);
        }
    }
}

#[cfg(test)]
mod tests;
