//! Service control policies: what is kept of them, and which of them are over an account.

use super::organization::Organization;
use crate::credentials::{Account, random_text};
use opentrail_catalog::{Catalog, CatalogError, Entity};
use opentrail_policy::{PolicyDocument, PolicyKind, PolicyText};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// The policy of AWS's own that allows everything.
pub(super) const FULL_ACCESS: &str = "p-FullAWSAccess";

static FULL_ACCESS_TEXT: LazyLock<PolicyText> = LazyLock::new(|| {
    PolicyText::from(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#)
});

/// A service control policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ControlPolicy {
    /// `p-…`
    pub id: String,
    pub organization: String,
    pub name: String,
    pub description: String,
    /// As given.
    pub content: PolicyText,
}

impl Entity for ControlPolicy {
    const TABLE: &'static str = "service_control_policy";
    fn key(&self) -> String {
        Self::key_of(&self.organization, &self.id)
    }
}

impl ControlPolicy {
    pub fn key_of(organization: &str, id: &str) -> String {
        format!("{organization}/{id}")
    }

    /// A new id.
    pub(super) fn new_id() -> String {
        format!("p-{}", random_text(8, b"abcdefghijklmnopqrstuvwxyz0123456789"))
    }

    /// The one that is there without having been made.
    pub(super) fn full_access(organization: &str) -> Self {
        Self {
            id: FULL_ACCESS.into(),
            organization: organization.into(),
            name: "FullAWSAccess".into(),
            description: "Allows access to every operation".into(),
            content: FULL_ACCESS_TEXT.clone(),
        }
    }

    pub(super) fn is_full_access(&self) -> bool {
        self.id == FULL_ACCESS
    }
}

/// Which policies are attached to what, while service control policies are enabled.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServiceControl {
    /// Ids of policies by id of the root, unit or account. What is not listed has [`FULL_ACCESS`], as everything has in
    /// the beginning.
    attached: BTreeMap<String, BTreeSet<String>>,
}

impl ServiceControl {
    /// Ids of the policies of a root, unit or account.
    pub(super) fn of(&self, target: &str) -> BTreeSet<String> {
        self.attached.get(target).cloned().unwrap_or_else(|| BTreeSet::from([FULL_ACCESS.to_owned()]))
    }

    pub(super) fn set(&mut self, target: &str, policies: BTreeSet<String>) {
        self.attached.insert(target.to_owned(), policies);
    }

    /// For a unit or account that goes, or is gone.
    pub(super) fn forget(&mut self, target: &str) {
        self.attached.remove(target);
    }

    /// Whether a policy is attached to anything that is listed.
    pub(super) fn uses(&self, policy: &str) -> bool {
        self.attached.values().any(|policies| policies.contains(policy))
    }

    fn documents(&self, catalog: &Catalog, organization: &str, target: &str) -> Result<Vec<Arc<PolicyDocument>>, CatalogError> {
        let Some(ids) = self.attached.get(target) else { return Ok(vec![full_access_document()]) };
        let mut documents = Vec::with_capacity(ids.len());
        for id in ids {
            if id == FULL_ACCESS {
                documents.push(full_access_document());
            } else if let Some(policy) = catalog.get::<ControlPolicy>(&ControlPolicy::key_of(organization, id))? {
                documents.push(Arc::clone(policy.content.document(PolicyKind::Identity)));
            }
        }
        Ok(documents)
    }
}

fn full_access_document() -> Arc<PolicyDocument> {
    Arc::clone(FULL_ACCESS_TEXT.document(PolicyKind::Identity))
}

/// The service control policies over an account: a list for each level from the organization's root down to the account.
/// None for accounts outside organizations, for the management account, and while they are not enabled.
///
/// # Errors
/// If the catalog fails.
pub fn policies_over(catalog: &Catalog, account: &Account) -> Result<Vec<Vec<Arc<PolicyDocument>>>, CatalogError> {
    let Some(membership) = &account.membership else { return Ok(Vec::new()) };
    let Some(organization) = catalog.get::<Organization>(&membership.organization)? else { return Ok(Vec::new()) };
    if organization.management == account.id {
        return Ok(Vec::new());
    }
    let Some(control) = &organization.control else { return Ok(Vec::new()) };
    let mut levels = organization
        .upwards(&account.id, &membership.parent)
        .into_iter()
        .map(|target| control.documents(catalog, &organization.id, target))
        .collect::<Result<Vec<_>, _>>()?;
    levels.reverse();
    Ok(levels)
}
