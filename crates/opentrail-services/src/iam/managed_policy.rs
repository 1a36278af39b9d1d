//! Managed policies: documents with versions that users, groups and roles attach. Those of AWS are in
//! [`super::aws_managed`].

use super::aws_managed;
use opentrail_catalog::{Catalog, CatalogError, Entity};
use opentrail_policy::{PolicyDocument, PolicyKind, PolicyText};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;

/// A managed policy of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManagedPolicy {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `ANPA…`
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// When a version was last made or became the default.
    #[serde(with = "time::serde::timestamp")]
    pub updated: OffsetDateTime,
    #[serde(default)]
    pub description: Option<String>,
    /// By the number behind the `v`.
    pub versions: BTreeMap<u32, PolicyVersion>,
    /// The version in effect.
    pub default_version: u32,
    /// The number of the next version; numbers are not used again.
    pub next_version: u32,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// One version of a managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyVersion {
    pub document: PolicyText,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
}

impl ManagedPolicy {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:policy{}{}", self.account, self.path, self.name)
    }

    /// The document in effect.
    pub fn document(&self) -> Option<&PolicyText> {
        self.versions.get(&self.default_version).map(|version| &version.document)
    }

    /// The catalog key of a policy by name.
    pub fn key_of(account: &str, name: &str) -> String {
        format!("{account}/{name}")
    }

    /// Account and name from a policy's ARN; the path is for the caller to compare, as [`Self::arn`] says it.
    pub fn split_arn(arn: &str) -> Option<(&str, &str)> {
        let (account, rest) = arn.strip_prefix("arn:aws:iam::")?.split_once(":policy/")?;
        Some((account, rest.rsplit('/').next()?))
    }
}

impl Entity for ManagedPolicy {
    const TABLE: &'static str = "managed_policy";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.name)
    }
}

/// What the managed policy of this ARN says now, AWS's and accounts' own alike; `None` if there is none.
///
/// # Errors
/// If the catalog fails.
pub fn document_in_effect(catalog: &Catalog, arn: &str) -> Result<Option<Arc<PolicyDocument>>, CatalogError> {
    if let Some(policy) = aws_managed::find(arn) {
        return Ok(Some(Arc::clone(policy.document().document(PolicyKind::Identity))));
    }
    let Some((account, name)) = ManagedPolicy::split_arn(arn) else { return Ok(None) };
    let policy = catalog.get::<ManagedPolicy>(&ManagedPolicy::key_of(account, name))?;
    let document = policy.as_ref().and_then(|policy| policy.document());
    Ok(document.map(|document| Arc::clone(document.document(PolicyKind::Identity))))
}
