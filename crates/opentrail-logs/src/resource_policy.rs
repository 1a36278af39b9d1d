//! Resource policies: who else may write into log groups.

use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};

/// A policy over an account's groups in a region, or over one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    pub account: String,
    pub region: String,
    /// Of a policy over one group, the group's ARN stands here too.
    pub name: String,
    /// ARN of the one group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
    /// As given.
    pub document: String,
    /// Milliseconds since 1970.
    pub updated: i64,
    /// Another with each change.
    pub revision: String,
}

impl ResourcePolicy {
    /// What the keys of an account's policies in a region begin with.
    pub fn prefix(account: &str, region: &str) -> String {
        format!("{account}:{region}:")
    }
}

impl Entity for ResourcePolicy {
    const TABLE: &'static str = "log_resource_policy";
    fn key(&self) -> String {
        let resource = self.resource_arn.as_deref().unwrap_or_default();
        format!("{}{}:{resource}", Self::prefix(&self.account, &self.region), self.name)
    }
}
