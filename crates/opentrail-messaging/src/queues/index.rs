//! What is in one queue: which messages can be received, which are being worked on, which wait. Bodies are elsewhere.

use super::message::{Delivery, MessageHead};
use super::queue::Queue;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Can be received.
    pub visible: usize,
    /// Were received and are neither deleted nor visible again.
    pub in_flight: usize,
    /// Were sent with a delay that has not passed.
    pub delayed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Ready,
    Delayed(u64),
    InFlight(u64),
}

#[derive(Debug)]
struct Tracked {
    sent_ms: u64,
    place: Place,
    receives: u32,
    first_ms: u64,
    last_ms: u64,
    nonce: u64,
}

/// A message that a receive has taken out of what can be received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    Received(Delivery),
    /// Was received often enough already.
    Dead {
        sequence: u64,
        receives: u32,
        first_ms: u64,
    },
}

/// How a receipt stands to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has received the message since.
    Held { last_ms: u64 },
    /// It was received again since.
    Outdated,
    /// It is gone.
    Gone,
    /// We never gave this handle.
    Unknown,
}

/// The index of one queue. Times are milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct QueueIndex {
    pub queue: Arc<Queue>,
    messages: HashMap<u64, Tracked>,
    ready: BTreeSet<u64>,
    /// Delayed or in flight, by when they become ready.
    waiting: BTreeSet<(u64, u64)>,
    by_age: BTreeSet<(u64, u64)>,
    in_flight: usize,
    /// Messages that are to be removed from the catalog.
    pub garbage: Vec<u64>,
}

impl QueueIndex {
    pub fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            messages: HashMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            by_age: BTreeSet::new(),
            in_flight: 0,
            garbage: Vec::new(),
        }
    }

    /// Takes the queue's new settings; a purge among them empties it.
    pub fn set_queue(&mut self, queue: Arc<Queue>) {
        let purged: Vec<u64> = if queue.purged_before > self.queue.purged_before {
            self.messages.keys().copied().filter(|sequence| *sequence < queue.purged_before).collect()
        } else {
            Vec::new()
        };
        self.queue = queue;
        for sequence in purged {
            self.remove(sequence);
            self.garbage.push(sequence);
        }
    }

    /// A message has been sent. Known ones are left alone.
    pub fn insert(&mut self, head: &MessageHead, now: u64) {
        if head.sequence < self.queue.purged_before {
            self.garbage.push(head.sequence);
            return;
        }
        if self.messages.contains_key(&head.sequence) {
            return;
        }
        let tracked = Tracked { sent_ms: head.sent_ms, place: Place::Ready, receives: 0, first_ms: 0, last_ms: 0, nonce: 0 };
        self.messages.insert(head.sequence, tracked);
        self.ready.insert(head.sequence);
        self.by_age.insert((head.sent_ms, head.sequence));
        if head.visible_ms > now {
            self.place(head.sequence, Place::Delayed(head.visible_ms));
        }
    }

    /// A receive or a change of visibility has become durable. False if there is no such message.
    pub fn deliver(&mut self, delivery: &Delivery, now: u64) -> bool {
        let Some(tracked) = self.messages.get_mut(&delivery.sequence) else { return false };
        if delivery.receives < tracked.receives {
            // It has been taken again before this became durable.
            return true;
        }
        tracked.receives = delivery.receives;
        tracked.first_ms = delivery.first_ms;
        tracked.last_ms = delivery.last_ms;
        tracked.nonce = delivery.nonce;
        let place = if delivery.visible_ms > now { Place::InFlight(delivery.visible_ms) } else { Place::Ready };
        self.place(delivery.sequence, place);
        true
    }

    pub fn remove(&mut self, sequence: u64) {
        if !self.messages.contains_key(&sequence) {
            return;
        }
        self.place(sequence, Place::Ready);
        self.ready.remove(&sequence);
        if let Some(tracked) = self.messages.remove(&sequence) {
            self.by_age.remove(&(tracked.sent_ms, sequence));
        }
    }

    fn place(&mut self, sequence: u64, place: Place) {
        let Some(tracked) = self.messages.get_mut(&sequence) else { return };
        match tracked.place {
            Place::Ready => drop(self.ready.remove(&sequence)),
            Place::Delayed(at) => drop(self.waiting.remove(&(at, sequence))),
            Place::InFlight(at) => {
                self.waiting.remove(&(at, sequence));
                self.in_flight -= 1;
            }
        }
        tracked.place = place;
        match place {
            Place::Ready => drop(self.ready.insert(sequence)),
            Place::Delayed(at) => drop(self.waiting.insert((at, sequence))),
            Place::InFlight(at) => {
                self.waiting.insert((at, sequence));
                self.in_flight += 1;
            }
        }
    }

    /// Makes ready what is due, and drops what is too old.
    pub fn advance(&mut self, now: u64) {
        while let Some(&(at, sequence)) = self.waiting.first() {
            if at > now {
                break;
            }
            self.place(sequence, Place::Ready);
        }
        let retention = u64::from(self.queue.retention_s) * 1000;
        while let Some(&(sent_ms, sequence)) = self.by_age.first() {
            if sent_ms + retention > now {
                break;
            }
            self.remove(sequence);
            self.garbage.push(sequence);
        }
    }

    /// Takes up to `max` messages for a receiver, who has them until `until`, and up to `max_dead` that were received
    /// `max_receives` times already.
    pub fn take(&mut self, now: u64, until: u64, max: usize, max_receives: Option<u32>, max_dead: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        let (mut received, mut dead) = (0, 0);
        while received < max && dead < max_dead {
            let Some(&sequence) = self.ready.first() else { break };
            let Some(tracked) = self.messages.get_mut(&sequence) else { break };
            if max_receives.is_some_and(|max| tracked.receives >= max) {
                dead += 1;
                taken.push(Taken::Dead { sequence, receives: tracked.receives, first_ms: tracked.first_ms });
                // Until the move is durable nobody else tries it; if it fails, the next one does.
                self.place(sequence, Place::InFlight(now + MOVE_PATIENCE_MS));
                continue;
            }
            received += 1;
            tracked.receives += 1;
            tracked.last_ms = now;
            tracked.nonce = rand::random();
            if tracked.receives == 1 {
                tracked.first_ms = now;
            }
            taken.push(Taken::Received(Delivery {
                queue: self.queue.id.clone(),
                sequence,
                receives: tracked.receives,
                first_ms: tracked.first_ms,
                last_ms: now,
                visible_ms: until,
                nonce: tracked.nonce,
            }));
            if until > now {
                self.place(sequence, Place::InFlight(until));
            } else {
                // Visible to everybody at once, but not twice to this receiver.
                self.place(sequence, Place::InFlight(now + 1));
            }
        }
        taken
    }

    pub fn standing(&self, sequence: u64, receives: u32, nonce: u64) -> Standing {
        let Some(tracked) = self.messages.get(&sequence) else { return Standing::Gone };
        match receives.cmp(&tracked.receives) {
            std::cmp::Ordering::Less => Standing::Outdated,
            std::cmp::Ordering::Equal if tracked.nonce == nonce => Standing::Held { last_ms: tracked.last_ms },
            _ => Standing::Unknown,
        }
    }

    /// What is stored of a message's last receive.
    pub fn delivery(&self, sequence: u64) -> Option<Delivery> {
        let tracked = self.messages.get(&sequence)?;
        Some(Delivery {
            queue: self.queue.id.clone(),
            sequence,
            receives: tracked.receives,
            first_ms: tracked.first_ms,
            last_ms: tracked.last_ms,
            visible_ms: match tracked.place {
                Place::InFlight(at) | Place::Delayed(at) => at,
                Place::Ready => 0,
            },
            nonce: tracked.nonce,
        })
    }

    pub fn counts(&self) -> Counts {
        Counts { visible: self.ready.len(), in_flight: self.in_flight, delayed: self.waiting.len() - self.in_flight }
    }

    /// When the next waiting message becomes ready.
    pub fn next_due(&self) -> Option<u64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

/// How long a move to the dead-letter queue may take before another receive tries it.
const MOVE_PATIENCE_MS: u64 = 30_000;
