//! Reading the log: which events there are, which rules they match, what is made of that.

use crate::compiled::CompiledRule;
use crate::delivery::{Matched, Outbox, default_bus, done};
use crate::event::{BusEvent, new_id};
use crate::poster::Lanes;
use crate::registry::Registry;
use crate::request::Requests;
use crate::trail_event::TrailEvent;
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity, Follower, Made};
use opentrail_eventlog::{Event, Intake, LoggedEntry, Position};
use opentrail_messaging::topics::{PublishError, WebhookNetworks};
use opentrail_messaging::{Queues, Topics};
use opentrail_model::timestamp;
use opentrail_model::trail::Trail;
use opentrail_seal::Seal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use tokio::sync::{Notify, watch};

/// How much is made of a stretch of the log before it is committed, in bytes of changes. The rest follows in the next
/// entry; one target makes less than what an entry can hold beyond this.
const MAX_MADE_BYTES: usize = 2 * 1024 * 1024;

/// Why a stretch of the log could not be taken now.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("publishing to a topic failed")]
    Publish(#[from] PublishError),
}

/// All rules at work. Cheap to clone.
#[derive(Clone)]
pub struct Rules(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub catalog: Catalog,
    pub intake: Intake,
    pub registry: Arc<Registry>,
    pub queues: Queues,
    pub topics: Topics,
    pub seal: Arc<Seal>,
    pub requests: Requests,
    pub lanes: Mutex<Lanes>,
    pub due: Notify,
    pub counters: Counters,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub matched: AtomicU64,
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub dropped: AtomicU64,
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleStats {
    /// Matches of an event by a rule.
    pub matched: u64,
    /// Deliveries to targets: made, or handed on to be made.
    pub delivered: u64,
    /// Deliveries that were given up.
    pub failed: u64,
    /// Those of them that had no dead-letter queue.
    pub dropped: u64,
    /// Calls of API destinations that are still to be made.
    pub pending: u64,
}

impl Rules {
    /// Reads the rules and the calls that are to be made, and follows their changes from then on.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn open(
        catalog: Catalog,
        intake: Intake,
        queues: Queues,
        topics: Topics,
        seal: Arc<Seal>,
        networks: &WebhookNetworks,
    ) -> Result<Self, CatalogError> {
        let registry = Registry::open(&catalog)?;
        let inner = Arc::new(Inner {
            catalog,
            intake,
            registry,
            queues,
            topics,
            seal,
            requests: Requests::new(networks),
            lanes: Mutex::default(),
            due: Notify::new(),
            counters: Counters::default(),
        });
        Inner::read_invocations(&inner)?;
        Ok(Self(inner))
    }

    /// What matches the events that the log tells of.
    pub fn follower(&self) -> RuleFollower {
        RuleFollower { inner: Arc::clone(&self.0) }
    }

    /// Calls API destinations until `stop` turns true.
    pub async fn post_until(&self, stop: watch::Receiver<bool>) {
        Arc::clone(&self.0).post_until(stop).await;
    }

    pub fn stats(&self) -> RuleStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        RuleStats {
            matched: load(&counters.matched),
            delivered: load(&counters.delivered),
            failed: load(&counters.failed),
            dropped: load(&counters.dropped),
            pending: self.0.lanes.lock().expect("no holder panics").len() as u64,
        }
    }
}

/// Reads the log and matches.
pub struct RuleFollower {
    inner: Arc<Inner>,
}

impl Follower for RuleFollower {
    type Error = RulesError;

    fn name(&self) -> &str {
        "rules"
    }

    async fn take(&mut self, entries: &[LoggedEntry]) -> Result<Made, RulesError> {
        let mut made = Made::default();
        let mut out = Outbox::default();
        for entry in entries {
            self.inner.entry(entry, &mut out)?;
            if out.bytes >= MAX_MADE_BYTES {
                made.up_to = Some(entry.end());
                break;
            }
        }
        let now_ms = self.inner.now_ms();
        made.locks = self.inner.catalog.lock_all(out.lines.locks().iter().map(String::as_str)).await;
        out.lines.write(&self.inner.catalog, i64::try_from(now_ms).unwrap_or(i64::MAX), &mut out.changes)?;
        made.changes = out.changes;
        Ok(made)
    }
}

impl Inner {
    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    }

    fn entry(&self, entry: &LoggedEntry, out: &mut Outbox) -> Result<(), RulesError> {
        for event in entry.entry.news() {
            self.record(event, entry.position, out)?;
        }
        if tells_of_events(&entry.entry.changes) {
            for event in Changes::decode(&entry.entry.changes)?.of::<BusEvent>()?.into_iter().flatten() {
                self.bus_event(&event, out)?;
            }
        }
        Ok(())
    }

    /// A record, which rules of the default bus of its account and region may match.
    fn record(&self, event: &Event, position: Position, out: &mut Outbox) -> Result<(), RulesError> {
        let bus = default_bus(&event.account, &event.region);
        let Some(rules) = self.registry.rules_of(&bus) else { return Ok(()) };
        let Some(told) = TrailEvent::read(event) else { return Ok(()) };
        let only_reads = told.only_reads();
        let mut candidates = rules.for_record(told.facts.event_name.as_deref(), &told.source, told.detail_type);
        candidates.retain(|rule| rule.rule.since <= position && (!only_reads || rule.takes_reads()));
        if candidates.is_empty() || (told.needs_trail() && !self.is_taken(event, &told)?) {
            return Ok(());
        }
        let Some(envelope) = told.envelope() else { return Ok(()) };
        self.match_all(&candidates, &BusEvent::new(bus, envelope), out)
    }

    /// Whether a trail that is logging takes the record.
    fn is_taken(&self, event: &Event, told: &TrailEvent<'_>) -> Result<bool, CatalogError> {
        let trails = self.catalog.all::<Trail>("")?;
        Ok(trails.iter().any(|trail| trail.takes(&event.account, &event.region, &told.facts)))
    }

    fn bus_event(&self, event: &BusEvent, out: &mut Outbox) -> Result<(), RulesError> {
        let mut changes = Changes::new();
        done(event, &mut changes);
        out.add(changes);
        let Some(rules) = self.registry.rules_of(&event.bus) else { return Ok(()) };
        self.match_all(&rules.for_event(&event.event), event, out)
    }

    /// Gives the event to the targets of the rules it matches, which come by name. What would be too much for one entry
    /// is left to the next.
    fn match_all(&self, candidates: &[&Arc<CompiledRule>], event: &BusEvent, out: &mut Outbox) -> Result<(), RulesError> {
        let ingestion_time = timestamp::event_time(self.intake.now());
        let matched = Matched { event: &event.event, hops: event.hops, now_ms: self.now_ms(), ingestion_time: &ingestion_time };
        for rule in candidates {
            let name = rule.rule.name.as_str();
            let done_before = event.after.as_ref().filter(|(after, _)| name <= after.as_str());
            if done_before.is_some_and(|(after, _)| name < after.as_str()) || !rule.pattern.matches(&event.event) {
                continue;
            }
            if done_before.is_none() {
                self.counters.matched.fetch_add(1, Ordering::Relaxed);
            }
            for target in &rule.targets {
                if done_before.is_some_and(|(_, id)| target.target.id <= *id) {
                    continue;
                }
                self.deliver(rule, target, matched, out)?;
                if out.bytes >= MAX_MADE_BYTES {
                    let after = Some((rule.rule.name.clone(), target.target.id.clone()));
                    out.changes.put(&BusEvent { id: new_id(), after, ..event.clone() });
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Whether changes hold events for buses, found without reading them.
fn tells_of_events(changes: &[u8]) -> bool {
    static MARK: LazyLock<String> = LazyLock::new(|| format!("\"t\":\"{}\"", BusEvent::TABLE));
    memchr::memmem::find(changes, MARK.as_bytes()).is_some()
}
