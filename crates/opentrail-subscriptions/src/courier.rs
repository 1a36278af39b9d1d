//! The courier: a lane for each filter, in which its parcels go out in order.

use crate::payload::{self, MAX_MESSAGE_BYTES, MAX_RECORD_BYTES, Payload};
use crate::sender::{Endpoints, Outgoing, SendFault, Sender};
use crate::{DELIVERER, Destination, Parcel, SubscriptionFilter, Target};
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_eventlog::{Event, Intake, LogError};
use opentrail_logs::{LogBatch, LogsError};
use opentrail_messaging::topics::Draft;
use opentrail_messaging::{Queues, Sender as Principal, Topics};
use opentrail_model::service_event::{Occasion, service_event_of};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long a parcel waits for its target before it is given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Most parcels of one delivery, and about how many bytes their payloads have. PutRecords takes 500 and 5 MB.
const MAX_PARCELS: usize = 200;
const ENOUGH_BYTES: usize = 2 << 20;

#[derive(Debug, thiserror::Error)]
enum LaneError {
    #[error("the target did not take it: {0}")]
    Target(#[from] SendFault),
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("stored log events could not be read")]
    Logs(#[from] LogsError),
    #[error("the outcome could not be recorded")]
    Log(#[from] LogError),
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionStats {
    /// Parcels that arrived.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Parcels given up, and events that no target takes.
    pub lost: u64,
}

#[derive(Default)]
struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
}

struct Inner {
    catalog: Catalog,
    intake: Intake,
    queues: Queues,
    topics: Topics,
    sender: Sender,
    counters: Counters,
    /// Lanes that have something to do.
    woken: Mutex<BTreeSet<String>>,
    wake: Notify,
}

/// What delivers to subscribers. Cheap to clone.
#[derive(Clone)]
pub struct Subscriptions(Arc<Inner>);

impl Subscriptions {
    pub fn new(catalog: Catalog, intake: Intake, queues: Queues, topics: Topics, endpoints: Endpoints) -> Self {
        Self(Arc::new(Inner {
            catalog,
            intake,
            queues,
            topics,
            sender: Sender::new(endpoints),
            counters: Counters::default(),
            woken: Mutex::default(),
            wake: Notify::new(),
        }))
    }

    pub fn stats(&self) -> SubscriptionStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        SubscriptionStats { delivered: load(&counters.delivered), failed: load(&counters.failed), lost: load(&counters.lost) }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.0.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    pub(crate) fn wake(&self, filters: BTreeSet<String>) {
        if !filters.is_empty() {
            self.0.woken.lock().expect("no holder panics").extend(filters);
            self.0.wake.notify_one();
        }
    }

    /// Tests a target as a new filter of `group_arn` would reach it: a control message. What a queue or topic here takes to get
    /// it is added to `changes`.
    ///
    /// # Errors
    /// If the target does not take it.
    pub async fn probe(&self, target: &Target, group_arn: &str, account: &str, changes: &mut Changes) -> Result<(), SendFault> {
        let what = match target {
            Target::Kinesis { .. } => "Kinesis stream",
            Target::Firehose { .. } => "Firehose stream",
            Target::Queue(_) => "SQS queue",
            Target::Topic(_) => "SNS topic",
            _ => "endpoint",
        };
        let control = payload::control(what, self.now_ms());
        match target {
            Target::Queue(_) | Target::Topic(_) => self.0.tell(target, group_arn, account, &[control], changes),
            target if !self.0.sender.can_reach(target) => Err(SendFault("no endpoint of that kind is configured".into())),
            target => {
                let record = Outgoing { partition_key: "control".into(), payload: control };
                let sent = self.0.sender.send(target, &[record], self.0.intake.now()).await?;
                if sent.iter().all(|sent| *sent) { Ok(()) } else { Err(SendFault("the record was refused".into())) }
            }
        }
    }

    /// Delivers until `stop` turns true; then finishes what is on its way.
    pub async fn deliver_until(self, mut stop: watch::Receiver<bool>) {
        let mut lanes: HashMap<String, Arc<Notify>> = HashMap::new();
        let mut tasks = JoinSet::new();
        self.wake(self.0.waiting().unwrap_or_else(|error| {
            tracing::error!(%error, "subscriptions that have something waiting could not be found");
            BTreeSet::new()
        }));
        loop {
            for filter in std::mem::take(&mut *self.0.woken.lock().expect("no holder panics")) {
                let lane = lanes.entry(filter.clone()).or_insert_with(|| {
                    let lane = Arc::new(Notify::new());
                    tasks.spawn(run_lane(Arc::clone(&self.0), filter, Arc::clone(&lane), stop.clone()));
                    lane
                });
                lane.notify_one();
            }
            tokio::select! {
                () = self.0.wake.notified() => {}
                _ = stop.wait_for(|stopping| *stopping) => break,
            }
        }
        tasks.join_all().await;
    }
}

/// Works through the parcels of a filter, again and again.
async fn run_lane(inner: Arc<Inner>, filter: String, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    while !*stop.borrow() {
        let wait = match inner.deliver(&filter).await {
            Ok(true) => {
                pause = FIRST_PAUSE;
                continue;
            }
            Ok(false) => None,
            Err(error) => {
                inner.counters.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    filter,
                    error = &error as &dyn std::error::Error,
                    "a subscription could not be delivered, will try again"
                );
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                Some(wait)
            }
        };
        let again = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => wake.notified().await,
            }
        };
        tokio::select! {
            () = again => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// A parcel as it goes out.
struct Packed {
    parcel: Parcel,
    payloads: Vec<Payload>,
}

impl Inner {
    /// The filters that have parcels.
    fn waiting(&self) -> Result<BTreeSet<String>, CatalogError> {
        let mut found = BTreeSet::new();
        let mut after: Option<String> = None;
        while let Some(parcel) = self.catalog.scan::<Parcel>("", after.as_deref(), 1)?.pop() {
            // Behind every key of this filter: `0` comes after `/`.
            after = Some(format!("{}0", parcel.filter_id));
            found.insert(parcel.filter_id);
        }
        Ok(found)
    }

    /// Delivers the next parcels; `false` if there are none.
    async fn deliver(&self, filter_id: &str) -> Result<bool, LaneError> {
        let parcels = self.catalog.scan::<Parcel>(&Parcel::prefix(filter_id), None, MAX_PARCELS)?;
        let Some(first) = parcels.first() else { return Ok(false) };
        let filter = self.catalog.get::<SubscriptionFilter>(&first.filter)?.filter(|filter| filter.id == filter_id);
        let Some(filter) = filter else {
            // A filter that is gone takes what was meant for it along.
            self.remove(parcels.iter(), Changes::new(), Vec::new()).await?;
            return Ok(true);
        };
        let now = i64::try_from(self.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        match self.deliver_to(&filter, &parcels).await {
            Err(LaneError::Target(fault)) => {
                let patience = i64::try_from(GIVE_UP_AFTER.as_millis()).unwrap_or(i64::MAX);
                let old: Vec<&Parcel> = parcels.iter().filter(|parcel| now - parcel.created > patience).collect();
                if old.is_empty() {
                    return Err(fault.into());
                }
                self.counters.lost.fetch_add(old.len() as u64, Ordering::Relaxed);
                let event = self.abandoned(&filter, old.len(), &fault);
                self.remove(old.into_iter(), Changes::new(), vec![event]).await?;
                Ok(true)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(true),
        }
    }

    async fn deliver_to(&self, filter: &SubscriptionFilter, parcels: &[Parcel]) -> Result<(), LaneError> {
        let target = self.target(filter)?;
        let here = matches!(target, Target::Queue(_) | Target::Topic(_));
        let most = if here { payload::fitting_text(MAX_MESSAGE_BYTES) } else { MAX_RECORD_BYTES };
        let packed = self.pack(filter, parcels, most)?;
        let mut changes = Changes::new();
        let done = if here {
            let payloads: Vec<Payload> = packed.iter().flat_map(|packed| packed.payloads.iter().cloned()).collect();
            self.tell(&target, &filter.group_arn(), &filter.account, &payloads, &mut changes)?;
            vec![true; packed.len()]
        } else {
            self.send(filter, &target, &packed).await?
        };
        let arrived: Vec<&Parcel> =
            packed.iter().zip(&done).filter(|(_, done)| **done).map(|(packed, _)| &packed.parcel).collect();
        self.counters.delivered.fetch_add(arrived.len() as u64, Ordering::Relaxed);
        let all = arrived.len() == packed.len();
        self.remove(arrived.into_iter(), changes, Vec::new()).await?;
        if all { Ok(()) } else { Err(SendFault("some records were refused".into()).into()) }
    }

    /// What a filter delivers to, behind its destination if it names one.
    fn target(&self, filter: &SubscriptionFilter) -> Result<Target, LaneError> {
        let parse = |text: &str| Target::parse(text).ok_or_else(|| SendFault(format!("{text} is no target")));
        match parse(&filter.destination)? {
            Target::Destination(arn) => {
                let key = Destination::key_in(&arn).unwrap_or_default();
                let destination = self.catalog.get::<Destination>(&key)?;
                let destination = destination.ok_or_else(|| SendFault(format!("{arn} does not exist any more")))?;
                Ok(parse(&destination.target)?)
            }
            target => Ok(target),
        }
    }

    /// The payloads of the first parcels, about [`ENOUGH_BYTES`] of them.
    fn pack(&self, filter: &SubscriptionFilter, parcels: &[Parcel], most: usize) -> Result<Vec<Packed>, LaneError> {
        let mut all = Vec::new();
        let mut bytes = 0;
        for parcel in parcels {
            let events = match self.catalog.read_once::<LogBatch>(&parcel.batch)? {
                Some(batch) => batch.unpack()?,
                // Retention, or the stream was deleted.
                None => Vec::new(),
            };
            let events = match &parcel.places {
                None => events,
                Some(places) => places.iter().filter_map(|place| events.get(usize::from(*place)).cloned()).collect(),
            };
            let (payloads, left_out) = payload::data(filter, &parcel.stream, &events, most);
            if left_out > 0 {
                self.counters.lost.fetch_add(left_out, Ordering::Relaxed);
                tracing::warn!(
                    filter = filter.key(),
                    events = left_out,
                    "events that are too large for the target were left out"
                );
            }
            bytes += payloads.iter().map(Vec::len).sum::<usize>();
            all.push(Packed { parcel: parcel.clone(), payloads });
            if bytes >= ENOUGH_BYTES {
                break;
            }
        }
        Ok(all)
    }

    /// Sends parcels outside; tells of each whether all of it arrived.
    async fn send(&self, filter: &SubscriptionFilter, target: &Target, packed: &[Packed]) -> Result<Vec<bool>, LaneError> {
        let mut done = vec![true; packed.len()];
        let mut owners = Vec::new();
        let mut records = Vec::new();
        for (place, one) in packed.iter().enumerate() {
            for payload in &one.payloads {
                let partition_key =
                    if filter.random { uuid::Uuid::new_v4().to_string() } else { partition_key(&one.parcel.stream) };
                owners.push(place);
                records.push(Outgoing { partition_key, payload: payload.clone() });
            }
        }
        let mut at = 0;
        // PutRecords takes 500 records.
        for some in records.chunks(500) {
            let sent = match self.sender.send(target, some, self.intake.now()).await {
                Ok(sent) => sent,
                Err(fault) if at == 0 => return Err(fault.into()),
                Err(_) => vec![false; some.len()],
            };
            for sent in sent {
                done[owners[at]] &= sent;
                at += 1;
            }
        }
        Ok(done)
    }

    /// Adds messages to a queue or topic here to `changes`.
    fn tell(
        &self,
        target: &Target,
        group_arn: &str,
        account: &str,
        payloads: &[Payload],
        changes: &mut Changes,
    ) -> Result<(), SendFault> {
        let fault = |what: &str| SendFault(what.to_owned());
        let principal = Principal { service: DELIVERER, source_arn: group_arn, source_account: account };
        match target {
            Target::Queue(arn) => {
                let queue = self.queues.by_arn(arn).ok_or_else(|| fault("the queue does not exist"))?;
                if !principal.may_send(&queue) {
                    return Err(fault("the queue's policy does not let CloudWatch Logs send"));
                }
                for payload in payloads {
                    changes.put(&self.queues.message(&queue, DELIVERER, payload::as_text(payload)));
                }
            }
            Target::Topic(arn) => {
                let topic = self.topics.by_arn(arn).ok_or_else(|| fault("the topic does not exist"))?;
                if !principal.may_publish(&topic) {
                    return Err(fault("the topic's policy does not let CloudWatch Logs publish"));
                }
                for payload in payloads {
                    let published = self.topics.publish(&topic, Draft::text(payload::as_text(payload)), changes);
                    published.map_err(|error| SendFault(error.to_string()))?;
                }
            }
            other => return Err(SendFault(format!("{other:?} is not here"))),
        }
        Ok(())
    }

    async fn remove(
        &self,
        parcels: impl Iterator<Item = &Parcel>,
        mut changes: Changes,
        events: Vec<Event>,
    ) -> Result<(), LogError> {
        for parcel in parcels {
            changes.delete::<Parcel>(&parcel.key());
        }
        if !changes.is_empty() || !events.is_empty() {
            self.intake.submit(events, changes.encode()).await?;
        }
        Ok(())
    }

    /// Giving up is itself an event.
    fn abandoned(&self, filter: &SubscriptionFilter, parcels: usize, fault: &SendFault) -> Event {
        tracing::error!(filter = filter.key(), parcels, %fault, "a subscription was not delivered for 24 hours; given up");
        let occasion = Occasion {
            at: self.intake.now(),
            event_id: self.intake.event_id(),
            account: filter.account.clone(),
            region: filter.region.clone(),
        };
        let details = json!({
            "logGroupName": filter.group, "filterName": filter.name, "destinationArn": filter.destination,
            "lostBatches": parcels, "errorMessage": fault.0,
        });
        let record = service_event_of(DELIVERER, occasion, "SubscriptionDeliveryAbandoned", details);
        Event { account: filter.account.clone(), region: filter.region.clone(), record: record.to_json().into() }
    }
}

/// Kinesis takes keys of 256 characters.
fn partition_key(stream: &str) -> String {
    stream.chars().take(256).collect()
}
