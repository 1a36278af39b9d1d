//! Groups: policies that several users share. Who is in a group is kept with the users.

use opentrail_catalog::Entity;
use opentrail_policy::PolicyText;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// An IAM group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AGPA…`
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// Inline policies by name.
    #[serde(default)]
    pub policies: BTreeMap<String, PolicyText>,
    /// ARNs of attached managed policies.
    #[serde(default)]
    pub attached: BTreeSet<String>,
}

impl Group {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:group{}{}", self.account, self.path, self.name)
    }

    /// The catalog key of a group by name.
    pub fn key_of(account: &str, name: &str) -> String {
        format!("{account}/{name}")
    }
}

impl Entity for Group {
    const TABLE: &'static str = "group";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.name)
    }
}
