//! The answer: what is known of an event's origin and of what followed.

use crate::event::{Event, Identity};
use serde::{Deserialize, Serialize};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    pub event: Summary,
    /// Who made the call.
    pub caller: Who,
    /// From the event's own credentials back, each with the event that issued them.
    pub chain: Vec<Link>,
    /// Who or what it begins with, as far as it is known.
    pub origin: Origin,
    /// Where the chain ends without an origin that is proved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub broken: Option<Break>,
    /// What the event's credentials did; absent if it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<Session>,
    /// Sessions left out because there are too many.
    #[serde(default)]
    pub sessions_left_out: u64,
}

/// An event in a few words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    #[serde(rename = "eventID")]
    pub id: String,
    #[serde(rename = "eventTime")]
    pub time: String,
    #[serde(rename = "eventName")]
    pub name: String,
    #[serde(rename = "eventSource")]
    pub source: String,
    #[serde(rename = "awsRegion")]
    pub region: String,
    #[serde(rename = "recipientAccountId")]
    pub account: String,
    #[serde(rename = "sourceIPAddress")]
    pub ip: String,
    pub user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// An identity in a few words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    #[serde(rename = "type")]
    pub kind: String,
    /// The ARN, or the best name there is.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub access_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mfa: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_identity: Option<String>,
    /// The service through which the call was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoked_by: Option<String>,
}

/// One step back: credentials, and the event that issued them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub session: Who,
    pub issued_by: Summary,
    /// Who made that call.
    pub issuer: Who,
    pub known_by: Certainty,
}

/// By what two events are known to belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The access key that was given out is the one that was used.
    AccessKey,
    /// The same, and the caller's own account tells who it was.
    SharedEvent,
    /// The session's name and the second of its creation.
    NameAndTime,
    /// A console sign-in of the same user in the hours before.
    SignIn,
}

/// Who or what a chain begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub kind: OriginKind,
    pub name: String,
    /// How the name is known, if not by the records themselves, and other things to know.
    pub notes: Vec<String>,
    /// The event that gave out a long-term access key, if it is here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_created_by: Option<KeyCreation>,
}

/// Who made a long-term access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyCreation {
    pub event: Summary,
    pub by: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginKind {
    /// An IAM user.
    User,
    Root,
    /// Somebody an identity provider vouched for.
    Federated,
    /// Somebody in another account; more is not known here.
    OtherAccount,
    /// A function, an instance, or another thing that runs.
    Workload,
    /// A service of AWS's, by itself.
    Service,
    Unknown,
}

/// Where a chain breaks, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Break {
    /// What is not here, in a sentence.
    pub reason: String,
    /// What the session itself tells of its origin, none of it proved.
    pub told: Vec<String>,
}

/// What credentials did, and the sessions opened with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub access_key_id: String,
    /// Who these credentials make their holder.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opened_by: Option<Summary>,
    pub events: u64,
    pub errors: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<String>,
    /// The most frequent operations.
    pub operations: Vec<(String, u64)>,
    pub opened: Vec<Session>,
}

impl Summary {
    pub(crate) fn of(event: &Event) -> Self {
        let event = event.clone();
        Self {
            id: event.id,
            time: event.time_text,
            name: event.name,
            source: event.source,
            region: event.region,
            account: event.account,
            ip: event.ip,
            user_agent: event.user_agent,
            error: event.error,
        }
    }
}

impl Who {
    pub(crate) fn of(identity: &Identity) -> Self {
        let kind = if identity.kind.is_empty() { "AWSService" } else { &identity.kind };
        Self {
            kind: kind.to_owned(),
            name: identity.name(),
            account_id: identity.account.clone(),
            access_key_id: identity.access_key.clone(),
            mfa: identity.mfa,
            source_identity: identity.source_identity.clone(),
            invoked_by: identity.invoked_by.clone(),
        }
    }
}
