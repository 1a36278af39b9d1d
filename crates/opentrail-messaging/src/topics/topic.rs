//! Topics and subscriptions as entities.

use opentrail_catalog::Entity;
use opentrail_policy::PolicyText;
use opentrail_seal::{Seal, SealError, SealedText};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What sealed tokens and keys of subscriptions are for.
const TOKEN_PURPOSE: &str = "sns-confirmation";
const WEBHOOK_PURPOSE: &str = "sns-webhook";

/// A topic and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    pub account: String,
    pub region: String,
    pub name: String,
    pub created_ms: u64,
    #[serde(default)]
    pub display_name: String,
    pub policy: PolicyText,
    /// As given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_policy: Option<String>,
    /// `1` or `2`, if it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_version: Option<u8>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Subscriptions that were removed.
    #[serde(default)]
    pub subscriptions_deleted: u64,
}

impl Topic {
    /// `account/region/name`.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }

    pub fn arn(&self) -> String {
        topic_arn(&self.region, &self.account, &self.name)
    }
}

/// The ARN of a topic.
pub fn topic_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:sns:{region}:{account}:{name}")
}

/// The key of the topic that an ARN names, and what follows it; `None` if it is not SNS's.
pub fn key_of_topic_arn(arn: &str) -> Option<(String, Option<&str>)> {
    let mut parts = arn.splitn(7, ':');
    let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    (scheme == "arn" && service == "sns" && !name.is_empty()).then(|| (Topic::key_of(account, region, name), parts.next()))
}

impl Entity for Topic {
    const TABLE: &'static str = "sns_topic";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

/// How a subscriber is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Sqs,
    Http,
    Https,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A subscription and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// [`Topic::key_of`].
    pub topic: String,
    pub topic_arn: String,
    pub id: String,
    pub owner: String,
    /// ARN of whoever subscribed.
    pub principal: String,
    pub protocol: Protocol,
    /// ARN of a queue, or a URL.
    pub endpoint: String,
    pub created_ms: u64,
    pub confirmed: bool,
    /// Whether the confirmation was signed.
    #[serde(default)]
    pub authenticated: bool,
    /// Whether only signed calls may remove it.
    #[serde(default)]
    pub authenticate_on_unsubscribe: bool,
    /// Proves that whoever confirms received the request to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SealedText>,
    #[serde(default)]
    pub raw: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_policy: Option<String>,
    /// Whether the filter is about the message's text instead of its attributes.
    #[serde(default)]
    pub filter_body: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_policy: Option<String>,
    /// Key of the HMAC that webhooks carry besides the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<SealedText>,
}

impl Subscription {
    pub fn arn(&self) -> String {
        format!("{}:{}", self.topic_arn, self.id)
    }

    /// A new token, and what is kept of it. It begins with the subscription's id, so that it is found by it.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub fn give_token(&mut self, seal: &Seal) -> Result<(), SealError> {
        let token = Zeroizing::new(format!("{}{}", self.token_start(), hex::encode(rand::random::<[u8; 32]>())));
        self.token = Some(SealedText::seal(seal, TOKEN_PURPOSE, &[("subscription", &self.arn())], &token)?);
        Ok(())
    }

    pub(super) fn token_start(&self) -> String {
        self.id.replace('-', "")
    }

    /// What proves that whoever confirms received the request to.
    ///
    /// # Errors
    /// If it does not open.
    pub fn open_token(&self, seal: &Seal) -> Result<Option<Zeroizing<String>>, SealError> {
        self.token.as_ref().map(|token| token.open(seal, TOKEN_PURPOSE, &[("subscription", &self.arn())])).transpose()
    }

    /// Sets the key of the HMAC that webhooks carry. The same key as before changes nothing.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub fn set_webhook_secret(&mut self, seal: &Seal, secret: Option<&str>) -> Result<(), SealError> {
        let Some(secret) = secret else {
            self.webhook_secret = None;
            return Ok(());
        };
        if self.open_webhook_secret(seal)?.is_none_or(|present| present.as_str() != secret) {
            self.webhook_secret = Some(SealedText::seal(seal, WEBHOOK_PURPOSE, &[("subscription", &self.arn())], secret)?);
        }
        Ok(())
    }

    /// The key of the HMAC that webhooks carry.
    ///
    /// # Errors
    /// If it does not open.
    pub fn open_webhook_secret(&self, seal: &Seal) -> Result<Option<Zeroizing<String>>, SealError> {
        let secret = self.webhook_secret.as_ref();
        secret.map(|secret| secret.open(seal, WEBHOOK_PURPOSE, &[("subscription", &self.arn())])).transpose()
    }

    /// The subscription with its secrets sealed, if an earlier version left one plain.
    ///
    /// # Errors
    /// If one cannot be sealed.
    pub fn sealed(&self, seal: &Seal) -> Result<Option<Self>, SealError> {
        if ![&self.token, &self.webhook_secret].into_iter().flatten().any(SealedText::is_plain) {
            return Ok(None);
        }
        let arn = self.arn();
        let sealed = |text: &Option<SealedText>, purpose| {
            text.as_ref().map(|text| text.sealed(seal, purpose, &[("subscription", &arn)])).transpose()
        };
        let (token, webhook_secret) = (sealed(&self.token, TOKEN_PURPOSE)?, sealed(&self.webhook_secret, WEBHOOK_PURPOSE)?);
        Ok(Some(Self { token, webhook_secret, ..self.clone() }))
    }
}

impl Entity for Subscription {
    const TABLE: &'static str = "sns_subscription";

    fn key(&self) -> String {
        format!("{}/{}", self.topic, self.id)
    }
}

/// A message attribute of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedAttribute {
    /// `String`, `String.Array`, `Number` or `Binary`.
    #[serde(rename = "type")]
    pub data_type: String,
    /// In base64 if binary.
    pub value: String,
}

/// What one kind of subscriber is told, and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedText {
    pub message: String,
    pub signature: String,
}

/// A message that some subscribers are still to get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub id: String,
    pub topic_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// ISO 8601 with milliseconds.
    pub timestamp: String,
    pub signature_version: u8,
    /// By protocol.
    pub texts: BTreeMap<String, PublishedText>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, PublishedAttribute>,
}

impl Entity for Published {
    const TABLE: &'static str = "sns_message";

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// What is to be brought to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Errand {
    /// The id of a [`Published`].
    Notification(String),
    /// The request to confirm the subscription.
    Confirmation,
}

/// A delivery that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDelivery {
    /// Key of the subscription.
    pub subscription: String,
    pub sequence: u64,
    pub errand: Errand,
    /// Attempts that failed.
    pub attempts: u32,
    pub next_ms: u64,
}

impl Entity for PendingDelivery {
    const TABLE: &'static str = "sns_delivery";

    fn key(&self) -> String {
        format!("{}/{:016x}", self.subscription, self.sequence)
    }
}
