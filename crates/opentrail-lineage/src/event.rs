//! What of a record matters for where credentials come from.

use crate::limits;
use opentrail_query::query::parse_instant;
use serde_json::Value;
use time::OffsetDateTime;

/// A record, read for its credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub time: Option<OffsetDateTime>,
    /// `eventTime` as it is written.
    pub time_text: String,
    pub name: String,
    pub source: String,
    pub region: String,
    /// The account that received the record.
    pub account: String,
    pub ip: String,
    pub user_agent: String,
    pub error: Option<String>,
    pub shared_id: Option<String>,
    pub identity: Identity,
    /// The access key that the call's answer gave out.
    pub issued_key: Option<String>,
    /// The session that the call opened: an assumed role, a federated user.
    pub issued_arn: Option<String>,
    /// `roleSessionName` and `sourceIdentity` that the caller asked for.
    pub asked_session_name: Option<String>,
    pub asked_source_identity: Option<String>,
}

/// `userIdentity`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub kind: String,
    pub arn: Option<String>,
    pub principal_id: Option<String>,
    pub account: Option<String>,
    pub access_key: Option<String>,
    pub user_name: Option<String>,
    pub invoked_by: Option<String>,
    /// Of federated callers: who vouched for them.
    pub provider: Option<String>,
    pub issuer_arn: Option<String>,
    pub issuer_kind: Option<String>,
    pub created: Option<OffsetDateTime>,
    pub mfa: Option<bool>,
    pub source_identity: Option<String>,
    /// Of sessions that AWS gives to workloads: an instance, a function.
    pub issued_to: Option<String>,
    /// Whether the credentials came from an instance's metadata.
    pub instance: bool,
    /// The user of an identity center on whose behalf the call is made.
    pub on_behalf_of: Option<String>,
    pub from_console: bool,
}

impl Event {
    /// Reads a record; `None` if it is not a JSON object.
    pub fn read(record: &[u8]) -> Option<Self> {
        let record: Value = serde_json::from_slice(record).ok()?;
        record.is_object().then(|| Self::of(&record))
    }

    fn of(record: &Value) -> Self {
        let plain = |name: &str| text(&record[name]).unwrap_or_default();
        let (request, response) = (&record["requestParameters"], &record["responseElements"]);
        let issued = [&response["credentials"], &response["roleCredentials"], &response["accessKey"]];
        let subject = [&response["assumedRoleUser"]["arn"], &response["federatedUser"]["arn"]];
        let identity = &record["userIdentity"];
        let from_console = matches!(&record["sessionCredentialFromConsole"], Value::Bool(true))
            || record["sessionCredentialFromConsole"] == "true";
        let time_text = plain("eventTime");
        Self {
            id: plain("eventID"),
            time: parse_instant(&time_text),
            time_text,
            name: plain("eventName"),
            source: plain("eventSource"),
            region: plain("awsRegion"),
            account: plain("recipientAccountId"),
            ip: plain("sourceIPAddress"),
            user_agent: plain("userAgent"),
            error: text(&record["errorCode"]).or_else(|| text(&record["errorMessage"])),
            shared_id: text(&record["sharedEventID"]),
            identity: Identity { from_console, ..Identity::of(identity) },
            issued_key: issued.iter().find_map(|credentials| text(&credentials["accessKeyId"])),
            issued_arn: subject.iter().find_map(|arn| text(arn)),
            asked_session_name: text(&request["roleSessionName"]).or_else(|| text(&request["name"])),
            asked_source_identity: text(&request["sourceIdentity"]).or_else(|| text(&response["sourceIdentity"])),
        }
    }
}

impl Identity {
    fn of(identity: &Value) -> Self {
        let member = |name: &str| text(&identity[name]);
        let session = &identity["sessionContext"];
        let issuer = &session["sessionIssuer"];
        let attributes = &session["attributes"];
        let mfa = match text(&attributes["mfaAuthenticated"]).as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => attributes["mfaAuthenticated"].as_bool(),
        };
        Self {
            kind: member("type").unwrap_or_default(),
            arn: member("arn"),
            principal_id: member("principalId"),
            account: member("accountId"),
            access_key: member("accessKeyId"),
            user_name: member("userName"),
            invoked_by: member("invokedBy"),
            provider: member("identityProvider").or_else(|| text(&session["webIdFederationData"]["federatedProvider"])),
            issuer_arn: text(&issuer["arn"]),
            issuer_kind: text(&issuer["type"]),
            created: text(&attributes["creationDate"]).and_then(|text| parse_instant(&text)),
            mfa,
            source_identity: text(&session["sourceIdentity"]),
            issued_to: text(&identity["inScopeOf"]["credentialsIssuedTo"]),
            instance: !session["ec2RoleDelivery"].is_null(),
            on_behalf_of: text(&identity["onBehalfOf"]["userId"]),
            from_console: false,
        }
    }

    /// Whether the access key is one that expires.
    pub fn is_temporary(&self) -> bool {
        match &self.access_key {
            Some(key) => key.starts_with("ASIA"),
            None => self.created.is_some(),
        }
    }

    /// The best name there is.
    pub fn name(&self) -> String {
        let name = self.arn.as_ref().or(self.user_name.as_ref()).or(self.principal_id.as_ref()).or(self.invoked_by.as_ref());
        name.or(self.account.as_ref()).cloned().unwrap_or_else(|| "unknown".to_owned())
    }
}

/// A text that says something, of bearable length.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.is_empty())?;
    Some(text.chars().take(limits::TEXT).collect())
}
