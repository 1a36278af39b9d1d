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
    let identity = UserIdentity::ServiceEvent { account: occasion.account.clone(), invoked_by: CLOUDTRAIL.into() };
    Record {
        service_event_details: Some(details),
        source_ip: CLOUDTRAIL.into(),
        user_agent: Some(CLOUDTRAIL.into()),
        ..plain(occasion, EventKind::ServiceEvent, identity, CLOUDTRAIL, name)
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
    pub success: bool,
    pub mfa_used: bool,
    /// The page that was asked for.
    pub login_to: String,
    pub source_ip: String,
    pub user_agent: Option<String>,
}

/// A `ConsoleLogin` event. A failure has an error message and no error code.
pub fn console_login(occasion: Occasion, sign_in: SignIn) -> Record {
    let yes_no = |yes| if yes { "Yes" } else { "No" };
    let outcome = if sign_in.success { "Success" } else { "Failure" };
    let mut response = Map::new();
    response.insert("ConsoleLogin".into(), outcome.into());
    Record {
        source_ip: sign_in.source_ip,
        user_agent: sign_in.user_agent,
        error_message: (!sign_in.success).then(|| "Failed authentication".into()),
        response_elements: Value::Object(response),
        additional_event_data: Some(json!({
            "LoginTo": sign_in.login_to, "MobileVersion": "No", "MFAUsed": yes_no(sign_in.mfa_used),
        })),
        ..plain(occasion, EventKind::ConsoleSignIn, sign_in.identity, "signin.amazonaws.com", "ConsoleLogin")
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
            success: false,
            mfa_used: false,
            login_to: "/console/".into(),
            source_ip: "10.0.0.1".into(),
            user_agent: None,
        };
        let event = written(&console_login(occasion(), sign_in));
        assert_eq!(event["responseElements"], json!({"ConsoleLogin": "Failure"}));
        assert_eq!(event["errorMessage"], "Failed authentication");
        assert!(event.get("errorCode").is_none());
        assert_eq!(event["eventType"], "AwsConsoleSignIn");
    }
}
