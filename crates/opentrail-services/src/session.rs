//! What temporary credentials carry from the moment they are issued, as far as permissions and records go.

use opentrail_model::identity::{SessionContext, SessionIssuer, WebIdFederationData};
use opentrail_model::timestamp::event_time;
use opentrail_policy::PolicyText;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// The session behind temporary credentials. Nothing in it changes once it is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    #[serde(with = "time::serde::timestamp")]
    pub issued: OffsetDateTime,
    /// When a one-time password was checked for it; `None` without one.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub mfa: Option<OffsetDateTime>,
    /// Session tags. They win over tags of the role with the same key.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Keys of the tags that pass on to roles assumed from this session.
    #[serde(default)]
    pub transitive_tags: BTreeSet<String>,
    #[serde(default)]
    pub source_identity: Option<String>,
    /// Session policies that were given as documents.
    #[serde(default)]
    pub policies: Vec<PolicyText>,
    /// Session policies that were given as ARNs of managed policies.
    #[serde(default)]
    pub policy_arns: Vec<String>,
    /// Whether it was made by a sign-in at the console.
    #[serde(default)]
    pub console: bool,
    /// Who an identity provider said the person or workload behind the session is.
    #[serde(default)]
    pub web_identity: Option<WebIdentity>,
    /// Further condition keys that hold for the whole session, such as `accounts.google.com:aud`.
    #[serde(default)]
    pub context: BTreeMap<String, Vec<String>>,
}

impl Session {
    /// A session without anything that narrows or describes it.
    pub fn issued_at(issued: OffsetDateTime) -> Self {
        Self {
            issued,
            mfa: None,
            tags: BTreeMap::new(),
            transitive_tags: BTreeSet::new(),
            source_identity: None,
            policies: Vec::new(),
            policy_arns: Vec::new(),
            console: false,
            web_identity: None,
            context: BTreeMap::new(),
        }
    }

    /// Whether session policies narrow what the session may do.
    pub fn is_narrowed(&self) -> bool {
        !self.policies.is_empty() || !self.policy_arns.is_empty()
    }

    /// `sessionContext` of the session's records.
    pub fn recorded(&self, issuer: Option<SessionIssuer>) -> SessionContext {
        let web = self.web_identity.as_ref();
        SessionContext {
            issuer,
            web_identity: web.map(|web| WebIdFederationData { provider: web.provider.clone(), attributes: web.attributes() }),
            source_identity: self.source_identity.clone(),
            creation_date: event_time(self.issued),
            mfa_authenticated: self.mfa.is_some(),
        }
    }
}

/// Who an OpenID Connect provider said the person or workload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebIdentity {
    /// ARN of the provider.
    pub provider: String,
    /// Issuer without `https://`, which condition keys begin with.
    pub issuer: String,
    pub subject: String,
    pub audience: String,
}

impl WebIdentity {
    /// The condition keys and recorded attributes: `<issuer>:aud`, `<issuer>:sub`.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let Self { issuer, subject, audience, .. } = self;
        BTreeMap::from([(format!("{issuer}:aud"), audience.clone()), (format!("{issuer}:sub"), subject.clone())])
    }
}
