//! One event record, version 1.11: building, bounding, writing.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents"; order of members as in delivered files.

use crate::identity::UserIdentity;
use crate::timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

pub const EVENT_VERSION: &str = "1.11";
/// What AWS writes in place of a secret.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Cap of `userAgent`, `errorCode`, `errorMessage` and `requestID`, in bytes; longer text is cut.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Cap of `requestParameters`, `responseElements` and `serviceEventDetails`, in bytes of JSON; larger content is omitted.
pub const MAX_PARAMETERS_BYTES: usize = 100 * 1024;
/// Cap of `additionalEventData`, in bytes of JSON.
pub const MAX_ADDITIONAL_BYTES: usize = 28 * 1024;
/// Cap of a whole record, in bytes of JSON.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// `eventType` and `eventCategory` together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A management API call.
    ManagementCall,
    /// A call on data, such as an S3 object.
    DataCall,
    /// Something a service did by itself.
    ServiceEvent,
    /// Something a service did to data by itself.
    DataServiceEvent,
    /// A console sign-in.
    ConsoleSignIn,
}

impl EventKind {
    fn event_type(self) -> &'static str {
        match self {
            Self::ManagementCall | Self::DataCall => "AwsApiCall",
            Self::ServiceEvent | Self::DataServiceEvent => "AwsServiceEvent",
            Self::ConsoleSignIn => "AwsConsoleSignIn",
        }
    }

    fn category(self) -> &'static str {
        if matches!(self, Self::DataCall | Self::DataServiceEvent) { "Data" } else { "Management" }
    }
}

/// One element of `resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(rename = "ARNPrefix", skip_serializing_if = "Option::is_none")]
    pub arn_prefix: Option<String>,
}

/// `tlsDetails`: any subset may be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_provided_host_header: Option<String>,
}

/// A record before it is written.
#[derive(Debug, Clone)]
pub struct Record {
    pub kind: EventKind,
    pub user_identity: UserIdentity,
    pub event_time: OffsetDateTime,
    pub event_source: String,
    pub event_name: String,
    pub region: String,
    pub source_ip: String,
    pub user_agent: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub request_parameters: Value,
    pub response_elements: Value,
    pub additional_event_data: Option<Value>,
    pub request_id: Option<String>,
    /// Lower-case hyphenated UUID, stamped at intake.
    pub event_id: String,
    pub read_only: bool,
    pub resources: Vec<Resource>,
    pub api_version: Option<String>,
    pub recipient_account: String,
    pub shared_event_id: Option<String>,
    pub service_event_details: Option<Value>,
    pub tls_details: Option<TlsDetails>,
    pub session_from_console: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    event_version: &'a str,
    user_identity: Value,
    event_time: String,
    event_source: &'a str,
    event_name: &'a str,
    aws_region: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    request_parameters: &'a Value,
    response_elements: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_event_data: Option<&'a Value>,
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(rename = "eventID")]
    event_id: &'a str,
    read_only: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    resources: &'a [Resource],
    event_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'a str>,
    management_event: bool,
    recipient_account_id: &'a str,
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none")]
    shared_event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_event_details: Option<&'a Value>,
    event_category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_details: Option<&'a TlsDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_credential_from_console: Option<&'a str>,
}

impl Record {
    /// The record as minified JSON, each part held to its cap.
    ///
    /// Text over its cap is cut on a character boundary (an error message then ends in `...`), objects over theirs are
    /// replaced by `{"omitted":true,"originalSize":n,"reason":…}`. Whatever comes in, the result is at most
    /// [`MAX_RECORD_BYTES`] long.
    pub fn to_json(&self) -> Vec<u8> {
        let request = bounded(&self.request_parameters, MAX_PARAMETERS_BYTES);
        let response = bounded(&self.response_elements, MAX_PARAMETERS_BYTES);
        let additional = self.additional_event_data.as_ref().and_then(|v| bounded(v, MAX_ADDITIONAL_BYTES));
        let details = self.service_event_details.as_ref().and_then(|v| bounded(v, MAX_PARAMETERS_BYTES));
        let whole = self.write(
            request.as_ref().unwrap_or(&self.request_parameters),
            response.as_ref().unwrap_or(&self.response_elements),
            additional.as_ref().or(self.additional_event_data.as_ref()),
            details.as_ref().or(self.service_event_details.as_ref()),
        );
        if whole.len() <= MAX_RECORD_BYTES {
            return whole;
        }
        let omitted = omission(whole.len(), "event exceeds 256 KB");
        self.write(&omitted, &Value::Null, None, None)
    }

    fn write(&self, request: &Value, response: &Value, additional: Option<&Value>, details: Option<&Value>) -> Vec<u8> {
        let written = Written {
            event_version: EVENT_VERSION,
            user_identity: self.user_identity.to_value(),
            event_time: timestamp::event_time(self.event_time),
            event_source: cut(&self.event_source, MAX_TEXT_BYTES),
            event_name: cut(&self.event_name, MAX_TEXT_BYTES),
            aws_region: cut(&self.region, 64),
            source_ip_address: cut(&self.source_ip, 256),
            user_agent: self.user_agent.as_deref().map(|text| cut(text, MAX_TEXT_BYTES)),
            error_code: self.error_code.as_deref().map(|text| cut(text, MAX_TEXT_BYTES)),
            error_message: self.error_message.as_deref().map(cut_message),
            request_parameters: request,
            response_elements: response,
            additional_event_data: additional,
            request_id: self.request_id.as_deref().map(|text| cut(text, MAX_TEXT_BYTES)),
            event_id: &self.event_id,
            read_only: self.read_only,
            resources: &self.resources[..self.resources.len().min(250)],
            event_type: self.kind.event_type(),
            api_version: self.api_version.as_deref(),
            management_event: self.kind != EventKind::DataCall,
            recipient_account_id: &self.recipient_account,
            shared_event_id: self.shared_event_id.as_deref(),
            service_event_details: details,
            event_category: self.kind.category(),
            tls_details: self.tls_details.as_ref(),
            session_credential_from_console: self.session_from_console.then_some("true"),
        };
        serde_json::to_vec(&written).expect("strings, numbers and JSON values always serialise")
    }
}

fn omission(size: usize, reason: &str) -> Value {
    json!({"omitted": true, "originalSize": size, "reason": reason})
}

/// `Some(replacement)` if the value is over its cap.
fn bounded(value: &Value, cap: usize) -> Option<Value> {
    if shallow_size(value) <= cap / 8 {
        return None;
    }
    let size = serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len());
    (size > cap).then(|| omission(size, &format!("exceeds {} KB", cap / 1024)))
}

/// An estimate that is never under an eighth of the written size, and cheap: escapes at most sextuple a string.
fn shallow_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 1,
        Value::Array(items) => items.iter().map(shallow_size).sum::<usize>() + 1,
        Value::Object(members) => members.iter().map(|(k, v)| k.len() + 1 + shallow_size(v)).sum::<usize>() + 1,
    }
}

fn cut(text: &str, cap: usize) -> &str {
    if text.len() <= cap { text } else { &text[..text.floor_char_boundary(cap)] }
}

fn cut_message(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text.to_owned();
    }
    format!("{}...", cut(text, MAX_TEXT_BYTES - 3))
}

/// CloudTrail's casing of parameter names: the first character of each member name lower-cased, recursively.
pub fn lower_first(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, inner)| (lower_first_name(&name), lower_first(inner))).collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(lower_first).collect()),
        other => other,
    }
}

/// A member's name as records have it: `UserName` becomes `userName`.
pub fn lower_first_name(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_ascii_lowercase().to_string() + chars.as_str(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn record() -> Record {
        Record {
            kind: EventKind::ManagementCall,
            user_identity: UserIdentity::Root { account: "123456789012".into(), access_key: "AKIA".into() },
            event_time: datetime!(2026-11-21 10:00:00 UTC),
            event_source: "cloudtrail.amazonaws.com".into(),
            event_name: "CreateTrail".into(),
            region: "us-east-1".into(),
            source_ip: "127.0.0.1".into(),
            user_agent: Some("aws-cli".into()),
            error_code: None,
            error_message: None,
            request_parameters: json!({"name": "x"}),
            response_elements: Value::Null,
            additional_event_data: None,
            request_id: Some("r".into()),
            event_id: "00000000-0000-4000-8000-000000000000".into(),
            read_only: false,
            resources: vec![],
            api_version: None,
            recipient_account: "123456789012".into(),
            shared_event_id: None,
            service_event_details: None,
            tls_details: None,
            session_from_console: false,
        }
    }

    #[test]
    fn members_stand_in_the_order_of_delivered_files() {
        let text = String::from_utf8(record().to_json()).expect("UTF-8");
        let order = [
            "eventVersion",
            "userIdentity",
            "eventTime",
            "eventSource",
            "eventName",
            "awsRegion",
            "sourceIPAddress",
            "userAgent",
            "requestParameters",
            "responseElements",
            "requestID",
            "eventID",
            "readOnly",
            "eventType",
            "managementEvent",
            "recipientAccountId",
            "eventCategory",
        ];
        let places: Vec<_> = order.iter().map(|name| text.find(&format!("\"{name}\":")).expect(name)).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(!text.contains("errorCode"));
    }

    #[test]
    fn parts_are_held_to_their_caps() {
        let mut big = record();
        big.request_parameters = json!({"x": "y".repeat(MAX_PARAMETERS_BYTES)});
        big.user_agent = Some("é".repeat(1000));
        big.error_message = Some("m".repeat(3000));
        let value: Value = serde_json::from_slice(&big.to_json()).expect("JSON");
        assert_eq!(value["requestParameters"]["omitted"], true);
        assert!(value["userAgent"].as_str().expect("text").len() <= MAX_TEXT_BYTES);
        let message = value["errorMessage"].as_str().expect("text");
        assert!(message.ends_with("...") && message.len() == MAX_TEXT_BYTES);
    }

    #[test]
    fn a_whole_record_never_exceeds_its_cap() {
        let mut big = record();
        let quotes = "\u{1}".repeat(16_000);
        big.request_parameters = json!({"x": quotes});
        big.response_elements = json!({"x": quotes});
        big.service_event_details = Some(json!({"x": quotes}));
        big.resources = vec![Resource { account: None, kind: None, arn: Some("a".repeat(300)), arn_prefix: None }; 300];
        assert!(big.to_json().len() <= MAX_RECORD_BYTES);
    }

    #[test]
    fn casing_lowers_only_the_first_character() {
        assert_eq!(
            lower_first(json!({"SAMLAssertionID": 1, "Tags": [{"Key": "A"}], "ARN": 2})),
            json!({"sAMLAssertionID": 1, "tags": [{"key": "A"}], "aRN": 2})
        );
    }
}
