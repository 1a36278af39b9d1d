//! Keeping the indexes in step with the catalog.

use crate::queues::{Delivery, Inner, Message, MessageHead, Queue};
use opentrail_catalog::{Change, Entity, Observer};
use serde::de::DeserializeOwned;
use std::sync::Weak;

/// Tells the queues of each change to them. Does not keep them alive.
pub(crate) struct QueueObserver(pub Weak<Inner>);

const TABLES: &[&str] = &[Queue::TABLE, Message::TABLE, Delivery::TABLE];

impl Observer for QueueObserver {
    fn tables(&self) -> &'static [&'static str] {
        TABLES
    }

    fn changed(&self, change: &Change) {
        let Some(queues) = self.0.upgrade() else { return };
        let now = queues.now_ms();
        match change.table.as_str() {
            Queue::TABLE => match read::<Queue>(change) {
                Some(queue) => queues.put_queue(queue),
                None => queues.remove_queue(&change.key),
            },
            Message::TABLE => match read::<MessageHead>(change) {
                Some(head) => queues.put_message(&head, now),
                None => queues.remove_message(&change.key),
            },
            _ => {
                if let Some(delivery) = read::<Delivery>(change) {
                    queues.put_delivery(&delivery, now);
                }
            }
        }
    }
}

/// The new value; `None` if the entity was removed.
fn read<T: DeserializeOwned>(change: &Change) -> Option<T> {
    let value = change.value.as_ref()?;
    let parsed = serde_json::from_str(value.get());
    if let Err(error) = &parsed {
        tracing::error!(%error, table = change.table, key = change.key, "a change is not in its form");
    }
    parsed.ok()
}
