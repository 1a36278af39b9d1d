//! Rules and their targets as entities.

use crate::bus::DEFAULT_BUS;
use crate::input::Input;
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most targets of a rule.
pub const MAX_TARGETS: usize = 5;
/// How often a delivery is tried again, and for how long, unless the target says otherwise.
pub const MAX_RETRIES: u32 = 185;
pub const MAX_AGE_S: u32 = 86_400;

/// A rule with its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub account: String,
    pub region: String,
    /// Name of the bus.
    pub bus: String,
    pub name: String,
    /// The event pattern, as given.
    pub pattern: String,
    pub state: RuleState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The account that made it.
    pub created_by: String,
    /// Place in the event log from which on events count: where it ended when the rule was made or enabled, or got its
    /// first target. So nothing that happened before is told, also when a part of the log is read again.
    #[serde(default)]
    pub since: u64,
    /// By id, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
}

/// Whether a rule matches, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RuleState {
    Enabled,
    Disabled,
    /// Management events that only read as well.
    EnabledWithAllCloudtrailManagementEvents,
}

impl RuleState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::EnabledWithAllCloudtrailManagementEvents => "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Enabled, Self::Disabled, Self::EnabledWithAllCloudtrailManagementEvents]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Where matched events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub id: String,
    pub arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(default)]
    pub input: Input,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpParameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_arn: Option<String>,
    /// `None` for the default, like the age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<u32>,
}

/// What a target adds to the calls of an API destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpParameters {
    /// For the `*` of the destination's address, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
}

/// What a target's ARN names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    Queue,
    Topic,
    LogGroup,
    Bus,
    ApiDestination,
}

impl TargetKind {
    /// `None` for what cannot be a target here.
    pub fn of(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, region, account, resource] = parts[..] else { return None };
        let placed = !region.is_empty() && account.len() == 12 && !resource.is_empty();
        match service {
            _ if !placed => None,
            "sqs" => (!resource.contains(':')).then_some(Self::Queue),
            "sns" => (!resource.contains(':')).then_some(Self::Topic),
            "logs" => resource.starts_with("log-group:").then_some(Self::LogGroup),
            "events" if resource.starts_with("event-bus/") => Some(Self::Bus),
            "events" if resource.starts_with("api-destination/") => Some(Self::ApiDestination),
            _ => None,
        }
    }
}

impl Rule {
    /// `account/region/bus/name`.
    pub fn key_of(account: &str, region: &str, bus: &str, name: &str) -> String {
        format!("{account}/{region}/{bus}/{name}")
    }

    /// On the default bus the ARN does not name it.
    pub fn arn(&self) -> String {
        Self::arn_of(&self.region, &self.account, &self.bus, &self.name)
    }

    pub fn arn_of(region: &str, account: &str, bus: &str, name: &str) -> String {
        let place = if bus == DEFAULT_BUS { String::new() } else { format!("{bus}/") };
        format!("arn:aws:events:{region}:{account}:rule/{place}{name}")
    }
}

impl Entity for Rule {
    const TABLE: &'static str = "event_rule";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.bus, &self.name)
    }
}
