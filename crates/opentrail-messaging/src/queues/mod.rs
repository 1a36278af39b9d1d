//! Queues: who has which messages, and handing them out.

mod index;
mod message;
mod queue;
mod receipt;
mod receive;

pub use index::Counts;
pub use message::{Delivery, Message, MessageAttribute, md5_of_attributes, md5_of_body};
pub use queue::{DeletedQueue, Queue, Redrive, key_of_arn, queue_arn};
pub use receive::{Received, ReceivedMessage, Wanted};

pub(crate) use index::QueueIndex;
pub(crate) use message::MessageHead;

use index::Standing;
use opentrail_catalog::{Catalog, CatalogError, Changes};
use opentrail_eventlog::Intake;
use receipt::Receipt;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::{Notify, watch};

/// Most messages of a queue that may be in flight. Source: Amazon SQS Developer Guide, "Amazon SQS message quotas".
pub const MAX_IN_FLIGHT: usize = 120_000;
/// Longest a message may be hidden by one receive, in milliseconds.
pub const MAX_VISIBILITY_MS: u64 = 43_200_000;
/// How long the name of a deleted queue is blocked, in milliseconds.
pub const NAME_BLOCKED_MS: u64 = 60_000;
/// Messages read at a time while indexes are rebuilt.
const REBUILD_PAGE: usize = 500;

/// Why a queue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("there is no such queue")]
    NoSuchQueue,
    #[error("too many messages of the queue are in flight")]
    OverLimit,
    #[error("no receipt handle of this queue looks like this")]
    BadHandle,
    #[error("the message is gone or was received again")]
    NotInFlight,
    #[error("the message would be hidden for longer than twelve hours")]
    HiddenTooLong,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// All queues. Cheap to clone.
#[derive(Clone)]
pub struct Queues(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub catalog: Catalog,
    pub intake: Intake,
    pub registry: RwLock<Registry>,
    /// Messages of queues that are gone: their queues' ids.
    pub orphans: Mutex<Vec<String>>,
    last_sequence: AtomicU64,
    pub closing: watch::Sender<bool>,
    pub sweeping: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Registry {
    /// By [`Queue::key_of`].
    pub by_key: BTreeMap<String, Arc<Cell>>,
    pub by_id: HashMap<String, Arc<Cell>>,
}

/// One queue's index, and the bell that receivers wait for.
pub(crate) struct Cell {
    pub index: Mutex<QueueIndex>,
    pub arrived: Notify,
    pub waiting: AtomicUsize,
    pub deleted: AtomicBool,
}

impl Cell {
    pub fn new(queue: Arc<Queue>) -> Self {
        Self {
            index: Mutex::new(QueueIndex::new(queue)),
            arrived: Notify::new(),
            waiting: AtomicUsize::new(0),
            deleted: AtomicBool::new(false),
        }
    }

    fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.index.lock().expect("no holder panics").queue)
    }
}

impl Queues {
    /// Rebuilds the indexes from the catalog and follows its changes from then on.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn open(catalog: Catalog, intake: Intake) -> Result<Self, CatalogError> {
        let inner = Arc::new(Inner {
            catalog: catalog.clone(),
            intake,
            registry: RwLock::default(),
            orphans: Mutex::default(),
            last_sequence: AtomicU64::new(0),
            closing: watch::channel(false).0,
            sweeping: AtomicBool::new(false),
        });
        catalog.observe(Arc::new(crate::observer::QueueObserver(Arc::downgrade(&inner))));
        let queues = Self(inner);
        queues.rebuild()?;
        Ok(queues)
    }

    fn rebuild(&self) -> Result<(), CatalogError> {
        let now = self.now_ms();
        for queue in self.0.catalog.list::<Queue>("")? {
            self.0.put_queue(queue);
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.0.catalog.scan::<Message>("", after.as_deref(), REBUILD_PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(Message::key_of(&last.queue, last.sequence));
            for message in &page {
                let head = MessageHead {
                    queue: message.queue.clone(),
                    sequence: message.sequence,
                    sent_ms: message.sent_ms,
                    visible_ms: message.visible_ms,
                };
                self.0.put_message(&head, now);
            }
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.0.catalog.scan::<Delivery>("", after.as_deref(), REBUILD_PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(Message::key_of(&last.queue, last.sequence));
            page.iter().for_each(|delivery| self.0.put_delivery(delivery, now));
        }
        Ok(())
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    /// The queue of this account, region and name.
    pub fn find(&self, account: &str, region: &str, name: &str) -> Option<Arc<Queue>> {
        self.by_key(&Queue::key_of(account, region, name))
    }

    /// The queue that an ARN names.
    pub fn by_arn(&self, arn: &str) -> Option<Arc<Queue>> {
        self.by_key(&key_of_arn(arn)?)
    }

    fn by_key(&self, key: &str) -> Option<Arc<Queue>> {
        let registry = self.0.registry.read().expect("no holder panics");
        registry.by_key.get(key).map(|cell| cell.queue())
    }

    /// Queues of an account and region whose names begin with `prefix`, by name, from the first after `after`.
    pub fn list(&self, account: &str, region: &str, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<Queue>> {
        let start = Queue::key_of(account, region, prefix);
        let after = after.map(|name| Queue::key_of(account, region, name));
        let registry = self.0.registry.read().expect("no holder panics");
        let from = registry.by_key.range(start.clone()..);
        from.take_while(|(key, _)| key.starts_with(&start))
            .filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after))
            .take(limit)
            .map(|(_, cell)| cell.queue())
            .collect()
    }

    /// How many messages a queue has now.
    pub fn counts(&self, queue: &Queue) -> Counts {
        self.0.cell(&queue.id).map_or_else(Counts::default, |cell| {
            let mut index = cell.index.lock().expect("no holder panics");
            index.advance(self.now_ms());
            index.counts()
        })
    }

    /// A number greater than those of all messages before. Rises with time across restarts.
    pub fn next_sequence(&self) -> u64 {
        let floor = self.now_ms() << 20;
        let update = |last: u64| Some(floor.max(last + 1));
        let last = self.0.last_sequence.fetch_update(Ordering::AcqRel, Ordering::Acquire, update).unwrap_or_default();
        floor.max(last + 1)
    }

    /// A message for a queue. Put it into the changes of the entry that sends it.
    pub fn message(&self, queue: &Queue, sender: &str, body: String) -> Message {
        let now = self.now_ms();
        Message {
            queue: queue.id.clone(),
            sequence: self.next_sequence(),
            sent_ms: now,
            visible_ms: now + u64::from(queue.delay_s) * 1000,
            id: uuid::Uuid::new_v4().to_string(),
            sender: sender.to_owned(),
            body,
            attributes: BTreeMap::new(),
            trace_header: None,
            dead_letter_source: None,
        }
    }

    fn receipt(&self, queue: &Queue, handle: &str) -> Result<(Receipt, Standing, Arc<Cell>), QueueError> {
        let receipt = Receipt::decode(handle).filter(|receipt| receipt.queue == queue.id).ok_or(QueueError::BadHandle)?;
        let cell = self.0.cell(&queue.id).ok_or(QueueError::NoSuchQueue)?;
        let mut index = cell.index.lock().expect("no holder panics");
        index.advance(self.now_ms());
        let standing = index.standing(receipt.sequence, receipt.receives, receipt.nonce);
        drop(index);
        if standing == Standing::Unknown { Err(QueueError::BadHandle) } else { Ok((receipt, standing, cell)) }
    }

    /// Adds to `changes` that a received message is done. Older handles and messages that are gone are no errors.
    ///
    /// # Errors
    /// [`QueueError::BadHandle`], [`QueueError::NoSuchQueue`].
    pub fn delete(&self, queue: &Queue, handle: &str, changes: &mut Changes) -> Result<(), QueueError> {
        let (receipt, standing, _) = self.receipt(queue, handle)?;
        if matches!(standing, Standing::Held { .. }) {
            remove(changes, &queue.id, receipt.sequence);
        }
        Ok(())
    }

    /// Adds to `changes` that a received message is hidden for `visibility_ms` from now, also if it has become visible
    /// again and nobody else has received it.
    ///
    /// # Errors
    /// [`QueueError::BadHandle`], [`QueueError::NotInFlight`], [`QueueError::HiddenTooLong`], [`QueueError::NoSuchQueue`].
    pub fn change_visibility(
        &self,
        queue: &Queue,
        handle: &str,
        visibility_ms: u64,
        changes: &mut Changes,
    ) -> Result<(), QueueError> {
        let (receipt, standing, cell) = self.receipt(queue, handle)?;
        let Standing::Held { last_ms } = standing else { return Err(QueueError::NotInFlight) };
        let now = self.now_ms();
        if now + visibility_ms > last_ms + MAX_VISIBILITY_MS {
            return Err(QueueError::HiddenTooLong);
        }
        let index = cell.index.lock().expect("no holder panics");
        let delivery = index.delivery(receipt.sequence).ok_or(QueueError::NotInFlight)?;
        changes.put(&Delivery { visible_ms: now + visibility_ms, ..delivery });
        Ok(())
    }

    /// Ends all waiting receives, now and from now on.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }
}

/// Adds to `changes` that a message is gone.
pub(crate) fn remove(changes: &mut Changes, queue: &str, sequence: u64) {
    let key = Message::key_of(queue, sequence);
    changes.delete::<Message>(&key).delete::<Delivery>(&key);
}

impl Inner {
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    }

    pub fn cell(&self, id: &str) -> Option<Arc<Cell>> {
        self.registry.read().expect("no holder panics").by_id.get(id).cloned()
    }

    pub fn cells(&self) -> Vec<Arc<Cell>> {
        self.registry.read().expect("no holder panics").by_id.values().cloned().collect()
    }

    pub fn put_queue(&self, queue: Queue) {
        let key = Queue::key_of(&queue.account, &queue.region, &queue.name);
        let known = self.cell(&queue.id);
        let queue = Arc::new(queue);
        if let Some(cell) = known {
            cell.index.lock().expect("no holder panics").set_queue(queue);
            return;
        }
        let id = queue.id.clone();
        let cell = Arc::new(Cell::new(queue));
        let mut registry = self.registry.write().expect("no holder panics");
        registry.by_id.insert(id, Arc::clone(&cell));
        let replaced = registry.by_key.insert(key, cell);
        drop(registry);
        if let Some(replaced) = replaced {
            self.forget(&replaced);
        }
    }

    pub fn remove_queue(&self, key: &str) {
        let removed = self.registry.write().expect("no holder panics").by_key.remove(key);
        if let Some(cell) = removed {
            self.forget(&cell);
        }
    }

    fn forget(&self, cell: &Cell) {
        let id = cell.queue().id.clone();
        self.registry.write().expect("no holder panics").by_id.remove(&id);
        self.orphans.lock().expect("no holder panics").push(id);
        cell.deleted.store(true, Ordering::Release);
        cell.arrived.notify_waiters();
    }

    pub fn put_message(&self, head: &MessageHead, now: u64) {
        let Some(cell) = self.cell(&head.queue) else {
            // Sent to a queue that was deleted meanwhile.
            let mut orphans = self.orphans.lock().expect("no holder panics");
            if orphans.last() != Some(&head.queue) {
                orphans.push(head.queue.clone());
            }
            return;
        };
        cell.index.lock().expect("no holder panics").insert(head, now);
        if head.visible_ms > now {
            cell.arrived.notify_waiters();
        } else {
            cell.arrived.notify_one();
        }
    }

    pub fn put_delivery(&self, delivery: &Delivery, now: u64) {
        let Some(cell) = self.cell(&delivery.queue) else { return };
        let mut index = cell.index.lock().expect("no holder panics");
        if !index.deliver(delivery, now) {
            // Its message was removed in the meantime.
            index.garbage.push(delivery.sequence);
        }
        drop(index);
        if cell.waiting.load(Ordering::Acquire) > 0 {
            cell.arrived.notify_waiters();
        }
    }

    pub fn remove_message(&self, key: &str) {
        let Some((queue, sequence)) = key.split_once('/') else { return };
        let (Some(cell), Ok(sequence)) = (self.cell(queue), u64::from_str_radix(sequence, 16)) else { return };
        cell.index.lock().expect("no holder panics").remove(sequence);
    }
}

#[cfg(test)]
mod tests;
