//! What is kept of organizations, and how it is named.

use super::control::{FULL_ACCESS, ServiceControl};
use crate::credentials::{Account, random_text};
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// An organization: its management account, its units, and what services may do in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organization {
    /// `o-…`
    pub id: String,
    pub management: String,
    /// `r-…`
    pub root_id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// Services with trusted access, and since when.
    #[serde(default)]
    pub service_access: BTreeMap<String, Since>,
    /// Member accounts that administer services, by account.
    #[serde(default)]
    pub delegated: BTreeMap<String, Delegation>,
    /// Organizational units by id.
    #[serde(default)]
    pub units: BTreeMap<String, Unit>,
    /// Service control policies; `None` while they are not enabled.
    #[serde(default)]
    pub control: Option<ServiceControl>,
}

/// A moment as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Since(#[serde(with = "time::serde::timestamp")] pub OffsetDateTime);

/// What a delegated administrator administers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delegation {
    pub since: Since,
    pub services: BTreeMap<String, Since>,
}

/// An organizational unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    pub name: String,
    /// Id of the root or of another unit.
    pub parent: String,
}

/// That an account belongs to an organization. Kept with the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub organization: String,
    /// Id of the root or unit that it is in.
    pub parent: String,
    #[serde(with = "time::serde::timestamp")]
    pub joined: OffsetDateTime,
    /// Whether the organization made the account, rather than invited it.
    pub created_here: bool,
}

impl Entity for Organization {
    const TABLE: &'static str = "organization";
    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Organization {
    /// A new one, with its management account and nothing else.
    pub fn begin(management: &str, now: OffsetDateTime) -> Self {
        Self {
            id: format!("o-{}", random_text(10, LOWER)),
            management: management.into(),
            root_id: format!("r-{}", random_text(4, LOWER)),
            created: now,
            service_access: BTreeMap::new(),
            delegated: BTreeMap::new(),
            units: BTreeMap::new(),
            control: None,
        }
    }

    /// A new id of a unit of this organization.
    pub fn new_unit_id(&self) -> String {
        format!("ou-{}-{}", &self.root_id[2..], random_text(8, LOWER))
    }

    pub fn arn(&self) -> String {
        self.arn_of("organization", "")
    }

    pub fn root_arn(&self) -> String {
        self.arn_of("root", &self.root_id)
    }

    pub fn account_arn(&self, account: &str) -> String {
        self.arn_of("account", account)
    }

    pub fn unit_arn(&self, id: &str) -> String {
        self.arn_of("ou", id)
    }

    pub fn policy_arn(&self, id: &str) -> String {
        if id == FULL_ACCESS {
            return format!("arn:aws:organizations::aws:policy/service_control_policy/{id}");
        }
        format!("arn:aws:organizations::{}:policy/{}/service_control_policy/{id}", self.management, self.id)
    }

    /// What is over an account, itself included, from the account up to the root. A unit that is gone counts as the root.
    pub fn upwards<'o>(&'o self, account: &'o str, parent: &'o str) -> Vec<&'o str> {
        let mut path = vec![account];
        let mut at = parent;
        // Units do not go in circles; if they did, this would still end.
        while let Some(unit) = self.units.get(at).filter(|_| path.len() <= self.units.len()) {
            path.push(at);
            at = &unit.parent;
        }
        path.push(&self.root_id);
        path
    }

    fn arn_of(&self, kind: &str, id: &str) -> String {
        let rest = if id.is_empty() { String::new() } else { format!("/{id}") };
        format!("arn:aws:organizations::{}:{kind}/{}{rest}", self.management, self.id)
    }

    /// Whether a member account administers this service for the organization.
    pub fn delegates(&self, account: &str, service: &str) -> bool {
        self.delegated.get(account).is_some_and(|delegation| delegation.services.contains_key(service))
    }

    /// Whether this is the id of the root or of a unit.
    pub fn has_parent(&self, id: &str) -> bool {
        id == self.root_id || self.units.contains_key(id)
    }
}

/// A request for a new account, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountRequest {
    /// `car-…`
    pub id: String,
    pub organization: String,
    pub name: String,
    pub email: String,
    #[serde(with = "time::serde::timestamp")]
    pub requested: OffsetDateTime,
    /// The account, or why there is none.
    pub outcome: Result<String, String>,
}

impl Entity for AccountRequest {
    const TABLE: &'static str = "account_request";
    fn key(&self) -> String {
        format!("{}/{}", self.organization, self.id)
    }
}

impl AccountRequest {
    /// A new id.
    pub fn new_id() -> String {
        format!("car-{}", random_text(32, b"abcdef0123456789"))
    }
}

/// An invitation to an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Handshake {
    /// `h-…`
    pub id: String,
    pub organization: String,
    pub management: String,
    pub account: String,
    /// `OPEN`, `ACCEPTED`, `DECLINED`, `CANCELED`
    pub state: String,
    #[serde(with = "time::serde::timestamp")]
    pub requested: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    pub expires: OffsetDateTime,
    pub notes: Option<String>,
}

impl Entity for Handshake {
    const TABLE: &'static str = "handshake";
    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Handshake {
    /// A new id.
    pub fn new_id() -> String {
        format!("h-{}", random_text(32, b"abcdef0123456789"))
    }

    /// `REQUESTED` for AWS's clients until something became of it.
    pub fn state_at(&self, now: OffsetDateTime) -> &str {
        if self.state == "OPEN" && now >= self.expires { "EXPIRED" } else { &self.state }
    }
}

/// A new account's id: twelve random digits, the first not 0.
pub fn new_account_id() -> String {
    format!("{}{}", random_text(1, b"123456789"), random_text(11, b"0123456789"))
}

/// Whether an e-mail address looks like one; nothing is ever sent to it.
pub fn is_email(text: &str) -> bool {
    (6..=64).contains(&text.chars().count())
        && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
        && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Name and e-mail address of an account as they are shown: accounts from before these were kept have stand-ins.
pub fn shown(account: &Account) -> (String, String) {
    let name = if account.name.is_empty() { account.id.clone() } else { account.name.clone() };
    let email = if account.email.is_empty() { format!("{}@opentrail.invalid", account.id) } else { account.email.clone() };
    (name, email)
}
