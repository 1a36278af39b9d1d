//! Subscription filters and destinations, as stored.

use opentrail_catalog::Entity;
use opentrail_logs::LogGroup;
use serde::{Deserialize, Serialize};

/// What of a group goes on to where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFilter {
    /// Of the group, like region and name.
    pub account: String,
    pub region: String,
    pub group: String,
    pub group_id: String,
    pub name: String,
    /// Stays when the filter is replaced.
    pub id: String,
    /// As given.
    pub pattern: String,
    /// An ARN, or a URL.
    pub destination: String,
    #[serde(default)]
    pub role: Option<String>,
    /// Whether records go to shards at random, not by stream.
    #[serde(default)]
    pub random: bool,
    /// Milliseconds since 1970.
    pub created: i64,
    /// When it became what it is: earlier events it does not see.
    pub changed: i64,
}

impl SubscriptionFilter {
    /// What the keys of a group's filters begin with.
    pub fn prefix(group: &LogGroup) -> String {
        format!("{}:{}:{}:", group.account, group.region, group.name)
    }

    /// The ARN of its group, as policies of targets compare it.
    pub fn group_arn(&self) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{}:*", self.region, self.account, self.group)
    }
}

impl Entity for SubscriptionFilter {
    const TABLE: &'static str = "subscription_filter";
    fn key(&self) -> String {
        format!("{}:{}:{}:{}", self.account, self.region, self.group, self.name)
    }
}

/// A target under a name that other accounts may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub account: String,
    pub region: String,
    pub name: String,
    pub target: String,
    pub role: String,
    /// Who may subscribe to it: JSON of a policy.
    #[serde(default)]
    pub policy: Option<String>,
    /// Milliseconds since 1970.
    pub created: i64,
}

impl Destination {
    pub fn arn(&self) -> String {
        format!("arn:aws:logs:{}:{}:destination:{}", self.region, self.account, self.name)
    }

    /// Key of a destination by its parts.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}:{region}:{name}")
    }

    /// The key that an ARN stands for; `None` if it is not a destination's.
    pub fn key_in(arn: &str) -> Option<String> {
        let (place, name) = arn.strip_prefix("arn:aws:logs:")?.split_once(":destination:")?;
        let (region, account) = place.split_once(':')?;
        Some(Self::key_of(account, region, name))
    }
}

impl Entity for Destination {
    const TABLE: &'static str = "log_destination";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}
