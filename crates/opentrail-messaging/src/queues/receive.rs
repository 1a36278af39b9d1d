//! Receiving: taking messages out of a queue for a while, and waiting for some.

use super::index::Taken;
use super::receipt::Receipt;
use super::{Cell, Delivery, MAX_IN_FLIGHT, Message, Queue, QueueError, Queues, remove};
use opentrail_catalog::Changes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes of bodies that one receive moves to a dead-letter queue; the rest waits for the next.
const MAX_MOVED_BYTES: usize = 3 * 1024 * 1024;
/// Most messages that one receive moves.
const MAX_MOVED: usize = 50;

/// What a receiver asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Most messages.
    pub max: usize,
    /// How long they are hidden from others.
    pub visibility: Duration,
    /// How long to wait if there is none.
    pub wait: Duration,
}

/// A message as its receiver gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    pub message: Message,
    pub receipt_handle: String,
    pub receives: u32,
    pub first_received_ms: u64,
}

/// What a receive came to. The changes make it durable: nothing may be handed out before they are.
#[derive(Debug, Default)]
pub struct Received {
    pub messages: Vec<ReceivedMessage>,
    pub changes: Changes,
}

/// Counts the receivers that wait, so that nobody rings for nobody.
struct Waiter<'a>(&'a Cell);

impl<'a> Waiter<'a> {
    fn new(cell: &'a Cell) -> Self {
        cell.waiting.fetch_add(1, Ordering::AcqRel);
        Self(cell)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Queues {
    /// Takes messages, waiting for the first one for as long as was asked. Comes back empty when the time is up, when
    /// `gone` resolves because nobody waits for the answer any more, or when the server stops.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`], also if the queue is deleted meanwhile; [`QueueError::OverLimit`].
    pub async fn receive(&self, queue: &Queue, wanted: Wanted, gone: impl Future<Output = ()>) -> Result<Received, QueueError> {
        let cell = self.0.cell(&queue.id).ok_or(QueueError::NoSuchQueue)?;
        let deadline = Instant::now() + wanted.wait;
        let mut closing = self.0.closing.subscribe();
        let stopped = async move {
            let _ = closing.wait_for(|closing| *closing).await;
        };
        tokio::pin!(gone, stopped);
        let _waiter = (!wanted.wait.is_zero()).then(|| Waiter::new(&cell));
        loop {
            let arrived = cell.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if cell.deleted.load(Ordering::Acquire) {
                return Err(QueueError::NoSuchQueue);
            }
            let (received, due) = self.take(&cell, wanted)?;
            if !received.messages.is_empty() || !received.changes.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let until_due = due.map(|due| Instant::now() + Duration::from_millis(due.saturating_sub(self.now_ms()).max(1)));
            let wake = until_due.map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                () = &mut arrived => {}
                () = tokio::time::sleep_until(wake) => {}
                () = &mut gone => return Ok(Received::default()),
                () = &mut stopped => return Ok(Received::default()),
            }
        }
    }

    /// Takes what is there. Also tells when the next message becomes ready.
    fn take(&self, cell: &Cell, wanted: Wanted) -> Result<(Received, Option<u64>), QueueError> {
        let now = self.now_ms();
        let visibility = u64::try_from(wanted.visibility.as_millis()).unwrap_or(u64::MAX);
        let mut index = cell.index.lock().expect("no holder panics");
        index.advance(now);
        let queue = Arc::clone(&index.queue);
        let dead_letters = queue.redrive.as_ref().and_then(|redrive| Some((self.by_arn(&redrive.target_arn)?, redrive)));
        let room = MAX_IN_FLIGHT.saturating_sub(index.counts().in_flight);
        if room == 0 {
            return Err(QueueError::OverLimit);
        }
        let max_receives = dead_letters.as_ref().map(|(_, redrive)| redrive.max_receives);
        let taken = index.take(now, now + visibility, wanted.max.min(room), max_receives, MAX_MOVED);
        let due = index.next_due();
        let more = index.has_ready();
        drop(index);
        if more {
            // Another receiver may have been passed over while we took what it was called for.
            cell.arrived.notify_one();
        }
        let mut received = Received::default();
        let mut moved = 0;
        for taken in taken {
            match (taken, &dead_letters) {
                (Taken::Received(delivery), _) => self.hand_out(&queue, delivery, &mut received)?,
                (Taken::Dead { sequence, receives, first_ms }, Some((target, _))) if moved < MAX_MOVED_BYTES => {
                    moved += self.bury(&queue, target, sequence, receives, first_ms, &mut received.changes)?;
                }
                (Taken::Dead { .. }, _) => {}
            }
        }
        Ok((received, due))
    }

    fn hand_out(&self, queue: &Queue, delivery: Delivery, received: &mut Received) -> Result<(), QueueError> {
        let key = Message::key_of(&queue.id, delivery.sequence);
        // It may have been deleted this moment.
        let Some(message) = self.0.catalog.read_once::<Message>(&key)? else { return Ok(()) };
        received.changes.put(&delivery);
        let receipt =
            Receipt { queue: queue.id.clone(), sequence: delivery.sequence, receives: delivery.receives, nonce: delivery.nonce };
        received.messages.push(ReceivedMessage {
            message,
            receipt_handle: receipt.encode(),
            receives: delivery.receives,
            first_received_ms: delivery.first_ms,
        });
        Ok(())
    }

    /// Moves a message to the dead-letter queue. It keeps its id, its age and what is known of its receives.
    fn bury(
        &self,
        queue: &Queue,
        target: &Queue,
        sequence: u64,
        receives: u32,
        first_ms: u64,
        changes: &mut Changes,
    ) -> Result<usize, QueueError> {
        let Some(message) = self.0.catalog.read_once::<Message>(&Message::key_of(&queue.id, sequence))? else { return Ok(0) };
        let now = self.now_ms();
        let buried = Message {
            queue: target.id.clone(),
            sequence: self.next_sequence(),
            visible_ms: now,
            dead_letter_source: Some(queue.arn()),
            ..message
        };
        remove(changes, &queue.id, sequence);
        changes.put(&buried).put(&Delivery {
            queue: target.id.clone(),
            sequence: buried.sequence,
            receives,
            first_ms,
            last_ms: now,
            visible_ms: now,
            nonce: rand::random(),
        });
        Ok(buried.body.len())
    }
}
