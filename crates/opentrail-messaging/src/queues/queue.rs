//! Queues as entities.

use opentrail_catalog::Entity;
use opentrail_policy::PolicyText;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A queue and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    pub account: String,
    pub region: String,
    pub name: String,
    /// Tells this queue from an earlier one of the same name. Its messages are filed under it.
    pub id: String,
    pub created_ms: u64,
    pub modified_ms: u64,
    pub visibility_timeout_s: u32,
    pub retention_s: u32,
    pub delay_s: u32,
    /// How long a receive waits that does not say.
    pub wait_s: u32,
    pub max_message_bytes: usize,
    pub managed_encryption: bool,
    /// The queue's policy, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<Redrive>,
    /// Which queues may use this one for their dead letters, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_allow: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Messages with smaller sequence numbers have been purged.
    #[serde(default)]
    pub purged_before: u64,
    #[serde(default)]
    pub purged_ms: u64,
}

/// Where messages go that are received too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    pub target_arn: String,
    pub max_receives: u32,
}

impl Queue {
    /// `account/region/name`.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }

    pub fn arn(&self) -> String {
        queue_arn(&self.region, &self.account, &self.name)
    }
}

/// The ARN of a queue.
pub fn queue_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:sqs:{region}:{account}:{name}")
}

/// The key of the queue that an ARN names; `None` if it is not a queue's ARN.
pub fn key_of_arn(arn: &str) -> Option<String> {
    let mut parts = arn.split(':');
    let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = scheme == "arn" && service == "sqs" && parts.next().is_none() && !name.is_empty();
    whole.then(|| Queue::key_of(account, region, name))
}

impl Entity for Queue {
    const TABLE: &'static str = "sqs_queue";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

/// Keeps a name blocked for a while after its queue was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedQueue {
    /// [`Queue::key_of`].
    pub queue: String,
    pub deleted_ms: u64,
}

impl Entity for DeletedQueue {
    const TABLE: &'static str = "sqs_deleted_queue";

    fn key(&self) -> String {
        self.queue.clone()
    }
}
