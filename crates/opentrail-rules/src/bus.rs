//! Event buses as entities.

use opentrail_catalog::Entity;
use opentrail_policy::PolicyText;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The bus that every account has in every region, where events of AWS services arrive.
pub const DEFAULT_BUS: &str = "default";

/// A bus that was made, or the default one once something was set on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBus {
    pub account: String,
    pub region: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who else may put events: a policy document, as given or as permissions were added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyText>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Milliseconds since 1970, as the other.
    pub created_ms: u64,
    pub modified_ms: u64,
}

impl EventBus {
    /// A bus without settings.
    pub fn new(account: &str, region: &str, name: &str, now_ms: u64) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            name: name.into(),
            description: None,
            policy: None,
            tags: BTreeMap::new(),
            created_ms: now_ms,
            modified_ms: now_ms,
        }
    }

    /// `account/region/name`.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }

    pub fn arn(&self) -> String {
        bus_arn(&self.region, &self.account, &self.name)
    }
}

impl Entity for EventBus {
    const TABLE: &'static str = "event_bus";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

/// The ARN of a bus.
pub fn bus_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:events:{region}:{account}:event-bus/{name}")
}

/// The key of the bus that an ARN names; `None` if it is not a bus's ARN.
pub fn key_of_bus_arn(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("event-bus/").filter(|name| !name.is_empty() && !name.contains('/'))?;
    (scheme == "arn" && service == "events").then(|| EventBus::key_of(account, region, name))
}
