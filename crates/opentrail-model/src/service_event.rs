//! Events that nobody called for: what a service did by itself, and console sign-ins.
//!
//! Source: AWS CloudTrail User Guide, "Non-API AWS service events" and "AWS Management Console sign-in events".

use crate::identity::UserIdentity;
use crate::record::{EventKind, Record, Resource};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// The service name under which OpenTrail's own deliveries and housekeeping are recorded.
pub const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

/// Where and when an event of this module happened.
#[derive(Debug, Clone)]
pub struct Occasion {
    pub at: OffsetDateTime,
    pub event_id: String,
    pub account: String,
    pub region: String,
}

/// An `AwsServiceEvent` of CloudTrail: `details` become `serviceEventDetails`.
pub fn service_event(occasion: Occasion, name: &str, details: Value) -> Record {
    service_event_of(CLOUDTRAIL, occasion, name, details)
}

/// An `AwsServiceEvent` of another service.
pub fn service_event_of(service: &str, occasion: Occasion, name: &str, details: Value) -> Record {
    let identity = UserIdentity::ServiceEvent { account: occasion.account.clone(), invoked_by: service.into() };
    Record {
        service_event_details: Some(details),
        source_ip: service.into(),
        user_agent: Some(service.into()),
        ..plain(occasion, EventKind::ServiceEvent, identity, service, name)
    }
}

/// The service name under which S3's lifecycle worker is recorded.
pub const S3: &str = "s3.amazonaws.com";

/// An `AwsServiceEvent` of S3 about an object: `details` become `serviceEventDetails`.
pub fn s3_data_event(occasion: Occasion, name: &str, resources: Vec<Resource>, details: Value) -> Record {
    let identity = UserIdentity::ServiceEvent { account: occasion.account.clone(), invoked_by: S3.into() };
    Record {
        service_event_details: Some(details),
        source_ip: S3.into(),
        user_agent: Some(S3.into()),
        resources,
        ..plain(occasion, EventKind::DataServiceEvent, identity, S3, name)
    }
}

/// How somebody tried to sign in to the console.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub identity: UserIdentity,
    /// Why it failed, in AWS's words.
    pub failure: Option<&'static str>,
    pub mfa_used: bool,
    /// ARN of the MFA device, if one was used.
    pub mfa_identifier: Option<String>,
    /// The page that was asked for.
    pub login_to: String,
    pub origin: Origin,
}

/// Where a sign-in came from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub source_ip: String,
    pub user_agent: Option<String>,
}

/// A `ConsoleLogin` event. A failure has an error message and no error code.
pub fn console_login(occasion: Occasion, sign_in: SignIn) -> Record {
    let yes_no = |yes| if yes { "Yes" } else { "No" };
    let mut more = Map::new();
    more.insert("LoginTo".into(), sign_in.login_to.into());
    more.insert("MobileVersion".into(), "No".into());
    if let Some(device) = sign_in.mfa_identifier {
        more.insert("MFAIdentifier".into(), device.into());
    }
    more.insert("MFAUsed".into(), yes_no(sign_in.mfa_used).into());
    Record {
        error_message: sign_in.failure.map(Into::into),
        additional_event_data: Some(Value::Object(more)),
        ..sign_in_event(occasion, "ConsoleLogin", sign_in.identity, sign_in.origin, sign_in.failure.is_none())
    }
}

/// `CheckMfa`: the password was right and a code is asked for.
pub fn check_mfa(occasion: Occasion, identity: UserIdentity, origin: Origin) -> Record {
    Record {
        additional_event_data: Some(json!({"MfaType": "Virtual MFA"})),
        ..sign_in_event(occasion, "CheckMfa", identity, origin, true)
    }
}

/// `PasswordUpdated`: a new password was chosen while signing in.
pub fn password_updated(occasion: Occasion, identity: UserIdentity, origin: Origin) -> Record {
    sign_in_event(occasion, "PasswordUpdated", identity, origin, true)
}

fn sign_in_event(occasion: Occasion, name: &str, identity: UserIdentity, origin: Origin, success: bool) -> Record {
    let mut response = Map::new();
    response.insert(name.into(), if success { "Success" } else { "Failure" }.into());
    Record {
        source_ip: origin.source_ip,
        user_agent: origin.user_agent,
        response_elements: Value::Object(response),
        ..plain(occasion, EventKind::ConsoleSignIn, identity, "signin.amazonaws.com", name)
    }
}

fn plain(occasion: Occasion, kind: EventKind, user_identity: UserIdentity, source: &str, name: &str) -> Record {
    Record {
        kind,
        user_identity,
        event_time: occasion.at,
        event_source: source.into(),
        event_name: name.into(),
        region: occasion.region,
        source_ip: String::new(),
        user_agent: None,
        error_code: None,
        error_message: None,
        request_parameters: Value::Null,
        response_elements: Value::Null,
        additional_event_data: None,
        request_id: None,
        event_id: occasion.event_id,
        read_only: false,
        resources: Vec::new(),
        api_version: None,
        recipient_account: occasion.account,
        shared_event_id: None,
        service_event_details: None,
        tls_details: None,
        session_from_console: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occasion() -> Occasion {
        Occasion {
            at: OffsetDateTime::UNIX_EPOCH,
            event_id: "e".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        }
    }

    fn written(record: &Record) -> Value {
        serde_json::from_slice(&record.to_json()).expect("JSON")
    }

    #[test]
    fn service_events_have_an_identity_without_type() {
        let event = written(&service_event(occasion(), "RegionAdded", json!({"region": "eu-west-1"})));
        assert_eq!(event["userIdentity"], json!({"accountId": "123456789012", "invokedBy": CLOUDTRAIL}));
        assert_eq!(event["eventType"], "AwsServiceEvent");
        assert_eq!(event["serviceEventDetails"]["region"], "eu-west-1");
        assert_eq!(event["requestParameters"], Value::Null);
    }

    #[test]
    fn failed_sign_ins_have_a_message_and_no_code() {
        let identity = UserIdentity::Root { account: "123456789012".into(), access_key: String::new() };
        let sign_in = SignIn {
            identity,
            failure: Some("Failed authentication"),
            mfa_used: false,
            mfa_identifier: None,
            login_to: "/console/".into(),
            origin: Origin { source_ip: "10.0.0.1".into(), user_agent: None },
        };
        let event = written(&console_login(occasion(), sign_in));
        assert_eq!(event["responseElements"], json!({"ConsoleLogin": "Failure"}));
        assert_eq!(event["errorMessage"], "Failed authentication");
        assert!(event.get("errorCode").is_none());
        assert_eq!(event["eventType"], "AwsConsoleSignIn");
    }
}
