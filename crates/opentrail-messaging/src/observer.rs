//! Keeping the indexes in step with the catalog.

use crate::queues::{Delivery, Inner, Message, MessageHead, Queue};
use crate::topics::{self, PendingDelivery, Subscription, Topic};
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

/// Tells the topics of each change to them. Does not keep them alive.
pub(crate) struct TopicObserver(pub Weak<topics::Inner>);

const TOPIC_TABLES: &[&str] = &[Topic::TABLE, Subscription::TABLE, PendingDelivery::TABLE];

impl Observer for TopicObserver {
    fn tables(&self) -> &'static [&'static str] {
        TOPIC_TABLES
    }

    fn changed(&self, change: &Change) {
        let Some(topics) = self.0.upgrade() else { return };
        match change.table.as_str() {
            Topic::TABLE => match read::<Topic>(change) {
                Some(topic) => topics.put_topic(topic),
                None => topics.remove_topic(&change.key),
            },
            Subscription::TABLE => match read::<Subscription>(change) {
                Some(subscription) => topics.put_subscription(subscription),
                None => topics.remove_subscription(&change.key),
            },
            _ => match read::<PendingDelivery>(change) {
                Some(pending) => topics.put_pending(&pending),
                None => topics.remove_pending(&change.key),
            },
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
