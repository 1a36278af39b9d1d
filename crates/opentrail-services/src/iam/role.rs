//! Roles: what can be assumed.

use opentrail_catalog::Entity;
use opentrail_policy::PolicyText;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// How long a session of a role may last unless the role says otherwise, in seconds.
pub const DEFAULT_SESSION_SECONDS: u32 = 3600;

/// An IAM role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Role {
    pub account: String,
    pub name: String,
    /// `/`, or `/…/`. Not part of the ARNs of sessions.
    pub path: String,
    /// `AROA…`. A role that is made again under the same name has another.
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// Who may assume it.
    pub trust: PolicyText,
    #[serde(default)]
    pub description: Option<String>,
    /// Longest session, 3600 to 43200.
    pub max_session_seconds: u32,
    /// Inline policies by name.
    #[serde(default)]
    pub policies: BTreeMap<String, PolicyText>,
    /// ARNs of attached managed policies.
    #[serde(default)]
    pub attached: BTreeSet<String>,
    /// ARN of the managed policy that bounds its permissions.
    #[serde(default)]
    pub boundary: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Role {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name)
    }

    /// Whether it belongs to a service, which makes and deletes it.
    pub fn is_service_linked(&self) -> bool {
        self.path.starts_with(SERVICE_LINKED_PATH)
    }

    /// The catalog key of a role by name.
    pub fn key_of(account: &str, name: &str) -> String {
        format!("{account}/{name}")
    }

    /// Account and name from a role's ARN; the path is for the caller to compare, as [`Self::arn`] says it.
    pub fn split_arn(arn: &str) -> Option<(&str, &str)> {
        let (account, rest) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
        Some((account, rest.rsplit('/').next()?))
    }
}

/// Where roles of services live.
pub const SERVICE_LINKED_PATH: &str = "/aws-service-role/";

impl Entity for Role {
    const TABLE: &'static str = "role";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.name)
    }
}
