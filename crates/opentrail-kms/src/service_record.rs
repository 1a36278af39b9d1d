//! Records of keys being used by services, and of what KMS does by itself.

use crate::context::EncryptionContext;
use crate::entity::Key;
use opentrail_eventlog::{Event, Intake};
use opentrail_model::identity::UserIdentity;
use opentrail_model::record::{EventKind, Record, Resource};
use serde_json::{Value, json};
use time::OffsetDateTime;

const SOURCE: &str = "kms.amazonaws.com";

/// One use of a key by a service, for itself or for whoever called it.
pub struct KeyUse<'a> {
    pub identity: UserIdentity,
    /// Whose address and user agent are recorded: `cloudtrail.amazonaws.com`, or `AWS Internal`.
    pub invoked_by: &'a str,
    /// `GenerateDataKey` or `Decrypt`.
    pub operation: &'static str,
    pub key: &'a Key,
    pub context: &'a EncryptionContext,
    /// Error code and message, if it was refused.
    pub error: Option<(String, String)>,
    pub now: OffsetDateTime,
}

impl KeyUse<'_> {
    /// The event, in the account and region of the key.
    pub fn event(self, intake: &Intake) -> Event {
        let parameters = match self.operation {
            "Decrypt" => json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": self.context}),
            _ => json!({"encryptionContext": self.context, "keyId": self.key.arn(), "keySpec": "AES_256"}),
        };
        let (error_code, error_message) = self.error.unzip();
        let record = Record {
            error_code,
            error_message,
            request_parameters: parameters,
            read_only: true,
            request_id: Some(intake.event_id()),
            ..plain(intake, self.identity, self.invoked_by, self.operation, self.key, self.now)
        };
        sealed(record)
    }
}

/// What KMS did to a key by itself: `RotateKey`, `DeleteKey`.
pub(crate) fn by_itself(intake: &Intake, name: &str, key: &Key, details: Value, now: OffsetDateTime) -> Event {
    let identity = UserIdentity::ServiceEvent { account: key.account.clone(), invoked_by: "AWS Internal".into() };
    let record = Record {
        kind: EventKind::ServiceEvent,
        service_event_details: Some(details),
        ..plain(intake, identity, "AWS Internal", name, key, now)
    };
    sealed(record)
}

fn sealed(record: Record) -> Event {
    Event { account: record.recipient_account.clone(), region: record.region.clone(), record: record.to_json().into() }
}

fn plain(intake: &Intake, user_identity: UserIdentity, invoked_by: &str, name: &str, key: &Key, now: OffsetDateTime) -> Record {
    Record {
        kind: EventKind::ManagementCall,
        user_identity,
        event_time: now,
        event_source: SOURCE.into(),
        event_name: name.into(),
        region: key.region.clone(),
        source_ip: invoked_by.into(),
        user_agent: Some(invoked_by.into()),
        error_code: None,
        error_message: None,
        request_parameters: Value::Null,
        response_elements: Value::Null,
        additional_event_data: None,
        request_id: None,
        event_id: intake.event_id(),
        read_only: false,
        resources: vec![resource(key)],
        api_version: None,
        recipient_account: key.account.clone(),
        shared_event_id: None,
        service_event_details: None,
        tls_details: None,
        session_from_console: false,
    }
}

fn resource(key: &Key) -> Resource {
    Resource { account: Some(key.account.clone()), kind: Some("AWS::KMS::Key".into()), arn: Some(key.arn()), arn_prefix: None }
}
