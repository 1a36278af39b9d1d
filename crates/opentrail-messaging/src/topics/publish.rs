//! Publishing: a message for each subscriber that wants it, in the changes of whoever publishes.

use super::envelope::{notification, signed_notification};
use super::topic::{Errand, PendingDelivery, Protocol, Published, PublishedAttribute, PublishedText, Subscription, Topic};
use super::{Inner, Route, Sender, SignerError, Topics};
use crate::queues::{Message, MessageAttribute};
use opentrail_catalog::{Changes, Entity};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use time::OffsetDateTime;
use time::macros::format_description;

/// Most bytes that one publication puts into queues at once; the courier brings the rest.
const MAX_DIRECT_BYTES: usize = 2 * 1024 * 1024;
/// Most attributes a message in a queue can have.
const MAX_RAW_ATTRIBUTES: usize = 10;

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("the message could not be signed")]
    Signer(#[from] SignerError),
    #[error("the catalog failed")]
    Catalog(#[from] opentrail_catalog::CatalogError),
}

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub subject: Option<String>,
    /// For whom there is no text of its own.
    pub message: String,
    /// By protocol, if they differ (`MessageStructure` `json`).
    pub by_protocol: BTreeMap<String, String>,
    pub attributes: BTreeMap<String, PublishedAttribute>,
}

impl Draft {
    pub fn text(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    fn for_protocol(&self, protocol: Protocol) -> &str {
        self.by_protocol.get(protocol.name()).unwrap_or(&self.message)
    }
}

impl Topics {
    /// Adds to `changes` what telling a topic's subscribers takes. Returns the message's id.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn publish(&self, topic: &Topic, draft: Draft, changes: &mut Changes) -> Result<String, PublishError> {
        let id = uuid::Uuid::new_v4().to_string();
        let routes = self.0.routes(&topic.key());
        let wants = |route: &&Arc<Route>| {
            let text = draft.for_protocol(route.subscription.protocol);
            route.subscription.confirmed
                && route.filter.as_ref().is_none_or(|filter| filter.lets_through(text, &draft.attributes))
        };
        let wanted: Vec<&Arc<Route>> = routes.iter().filter(wants).collect();
        let mut published = Published {
            id: id.clone(),
            topic_arn: topic.arn(),
            subject: draft.subject.clone(),
            timestamp: timestamp(self.0.intake.now()),
            signature_version: topic.signature_version.unwrap_or(1),
            texts: BTreeMap::new(),
            attributes: draft.attributes.clone(),
        };
        let (mut pending, mut direct_bytes) = (0, 0);
        for route in wanted {
            let subscription = &route.subscription;
            self.0.add_text(&mut published, subscription, draft.for_protocol(subscription.protocol))?;
            if subscription.protocol == Protocol::Sqs && direct_bytes < MAX_DIRECT_BYTES {
                direct_bytes += self.0.put_into_queue(&published, subscription, changes)?;
                continue;
            }
            pending += 1;
            changes.put(&PendingDelivery {
                subscription: subscription.key(),
                sequence: self.0.queues.next_sequence(),
                errand: Errand::Notification(id.clone()),
                attempts: 0,
                next_ms: 0,
            });
        }
        if pending > 0 {
            changes.put(&published);
        }
        Ok(id)
    }
}

impl Inner {
    /// Signs the text for a subscriber's protocol, unless that is done. Raw deliveries need no signature.
    fn add_text(&self, published: &mut Published, subscription: &Subscription, message: &str) -> Result<(), PublishError> {
        let sign = || {
            let subject = published.subject.as_deref();
            let text = signed_notification(message, &published.id, subject, &published.timestamp, &published.topic_arn);
            self.signer().and_then(|signer| signer.sign(published.signature_version, &text))
        };
        let known = published.texts.get(subscription.protocol.name());
        let needs_signature = !subscription.raw && known.is_none_or(|text| text.signature.is_empty());
        if known.is_some() && !needs_signature {
            return Ok(());
        }
        let signature = if needs_signature { sign()? } else { String::new() };
        match published.texts.entry(subscription.protocol.name().to_owned()) {
            Entry::Occupied(mut entry) => entry.get_mut().signature = signature,
            Entry::Vacant(entry) => drop(entry.insert(PublishedText { message: message.to_owned(), signature })),
        }
        Ok(())
    }

    /// Puts a message into the queue that subscribes, or where it goes if it cannot be. Returns its size.
    pub(super) fn put_into_queue(
        &self,
        published: &Published,
        subscription: &Subscription,
        changes: &mut Changes,
    ) -> Result<usize, PublishError> {
        let sender = Sender {
            service: "sns.amazonaws.com",
            source_arn: &published.topic_arn,
            source_account: published.topic_arn.split(':').nth(4).unwrap_or_default(),
        };
        let queue = self.queues.by_arn(&subscription.endpoint);
        let reason = match &queue {
            None => "the queue does not exist",
            Some(queue) if !sender.may_send(queue) => "the queue's policy does not let SNS send",
            Some(_) if subscription.raw && published.attributes.len() > MAX_RAW_ATTRIBUTES => {
                "a message in a queue can have ten attributes"
            }
            Some(queue) => {
                let message = self.queue_message(published, subscription, queue)?;
                let size = message.body.len();
                changes.put(&message);
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                return Ok(size);
            }
        };
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        self.give_up(published, subscription, "400", reason, changes)?;
        Ok(0)
    }

    fn queue_message(
        &self,
        published: &Published,
        subscription: &Subscription,
        queue: &crate::Queue,
    ) -> Result<Message, PublishError> {
        let mut message = self.queues.message(queue, "sns.amazonaws.com", self.body(published, subscription)?);
        if subscription.raw {
            message.attributes = published.attributes.iter().map(|(name, one)| (name.clone(), raw_attribute(one))).collect();
        }
        Ok(message)
    }

    /// What a subscriber gets: the text alone, or in its envelope.
    pub(super) fn body(&self, published: &Published, subscription: &Subscription) -> Result<String, SignerError> {
        if subscription.raw {
            let text = published.texts.get(subscription.protocol.name());
            return Ok(text.map(|text| text.message.clone()).unwrap_or_default());
        }
        self.with_links(|links| notification(published, subscription, links))
    }

    /// Adds to `changes` what becomes of a message that cannot be delivered: the dead-letter queue, or nothing.
    pub(super) fn give_up(
        &self,
        published: &Published,
        subscription: &Subscription,
        code: &str,
        reason: &str,
        changes: &mut Changes,
    ) -> Result<(), PublishError> {
        let sender =
            Sender { service: "sns.amazonaws.com", source_arn: &subscription.topic_arn, source_account: &subscription.owner };
        let queue = subscription.dead_letter_arn.as_deref().and_then(|arn| self.queues.by_arn(arn));
        let Some(queue) = queue.filter(|queue| sender.may_send(queue)) else {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                subscription = subscription.arn(),
                message_id = published.id,
                reason,
                "a notification could not be delivered and has no dead-letter queue"
            );
            return Ok(());
        };
        let mut message = self.queue_message(published, subscription, &queue)?;
        for (name, value) in [("ErrorCode", code), ("ErrorMessage", reason)] {
            if message.attributes.len() < MAX_RAW_ATTRIBUTES {
                message.attributes.insert(name.into(), MessageAttribute::string(value));
            }
        }
        tracing::warn!(
            subscription = subscription.arn(),
            message_id = published.id,
            reason,
            "a notification became a dead letter"
        );
        changes.put(&message);
        Ok(())
    }
}

fn raw_attribute(attribute: &PublishedAttribute) -> MessageAttribute {
    let binary = attribute.data_type.starts_with("Binary");
    MessageAttribute {
        data_type: attribute.data_type.clone(),
        text: (!binary).then(|| attribute.value.clone()),
        binary: binary.then(|| attribute.value.clone()),
    }
}

/// ISO 8601 with milliseconds, in UTC.
pub(super) fn timestamp(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(time::UtcOffset::UTC).format(form).expect("every moment can be written like this")
}
