//! Which protocol a request speaks and which operation it names, from its head alone.
//!
//! Nothing here is verified: the result routes a request, it never authorises one.

use http::HeaderMap;
use http::Method;
use http::request::Parts;

use crate::query::{self, Form};
use crate::sigv4::Credential;

/// The wire protocols of the services behind one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Json10,
    Json11,
    Query,
    RestJson,
    Cbor,
    S3,
}

/// What a request's head says it is. Every member is the sender's claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    pub protocol: Protocol,
    /// Service shape: the last dotted part of the X-Amz-Target prefix (`CloudTrail_20131101`), or of the CBOR path.
    pub target_service: Option<String>,
    pub operation: Option<String>,
    /// Service name of the credential scope, from the Authorization header or X-Amz-Credential.
    pub scope_service: Option<String>,
    pub scope_region: Option<String>,
    pub access_key: Option<String>,
    /// `Version` of a query request.
    pub version: Option<String>,
}

/// Reads the head. `form` is the decoded body of a form-encoded POST; where it and the URL both name an `Action`, the
/// form wins.
///
/// A request with both `Smithy-Protocol: rpc-v2-cbor` and `X-Amz-Target` is forbidden by that protocol. It is reported
/// as CBOR without an operation, so that it cannot be routed.
pub fn detect(head: &Parts, form: Option<&Form>) -> Detected {
    let mut detected = Detected {
        protocol: Protocol::S3,
        target_service: None,
        operation: None,
        scope_service: None,
        scope_region: None,
        access_key: None,
        version: None,
    };
    read_scope(&mut detected, head);

    let target = header(&head.headers, "x-amz-target");
    let content_type = header(&head.headers, "content-type").unwrap_or("");
    if header(&head.headers, "smithy-protocol").is_some_and(|value| value.eq_ignore_ascii_case("rpc-v2-cbor")) {
        detected.protocol = Protocol::Cbor;
        if !head.headers.contains_key("x-amz-target") {
            read_cbor_path(&mut detected, head.uri.path());
        }
    } else if target.is_some() || starts_with_ignoring_case(content_type, "application/x-amz-json") {
        let is_10 = starts_with_ignoring_case(content_type, "application/x-amz-json-1.0");
        detected.protocol = if is_10 { Protocol::Json10 } else { Protocol::Json11 };
        read_target(&mut detected, target.unwrap_or(""));
    } else if is_form_post(head, content_type) || query::raw_value(url_query(head), "Action").is_some() {
        detected.protocol = Protocol::Query;
        let value = |name| form.and_then(|form| form.get(name)).map(str::to_owned);
        detected.operation = value("Action").or_else(|| query::raw_value(url_query(head), "Action"));
        detected.version = value("Version").or_else(|| query::raw_value(url_query(head), "Version"));
    } else if head.method == Method::POST && head.uri.path() == "/PutAuditEvents" {
        detected.protocol = Protocol::RestJson;
        detected.operation = Some("PutAuditEvents".to_owned());
    }
    detected
}

fn read_scope(detected: &mut Detected, head: &Parts) {
    let from_header = header(&head.headers, "authorization")
        .and_then(|text| text.split_once("Credential="))
        .and_then(|(_, rest)| rest.split([',', ' ']).next())
        .map(str::to_owned);
    let Some(text) = from_header.or_else(|| query::raw_value(url_query(head), "X-Amz-Credential")) else { return };
    let Ok(credential) = Credential::parse(&text) else { return };
    detected.scope_service = Some(credential.service.to_owned());
    detected.scope_region = Some(credential.region.to_owned());
    detected.access_key = Some(credential.access_key.to_owned());
}

/// `prefix.Service.Operation`: clients differ in the prefix, so the last dots count.
fn read_target(detected: &mut Detected, target: &str) {
    let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
    let service = prefix.rsplit_once('.').map_or(prefix, |(_, last)| last);
    detected.target_service = non_empty(service);
    detected.operation = non_empty(operation);
}

/// `{prefix?}/service/{Service}/operation/{Operation}`: the last four segments count.
fn read_cbor_path(detected: &mut Detected, path: &str) {
    let mut segments = path.rsplit('/');
    let (operation, word, service) = (segments.next(), segments.next(), segments.next());
    if word != Some("operation") || segments.next() != Some("service") {
        return;
    }
    let service = service.unwrap_or("");
    detected.target_service = non_empty(service.rsplit_once('.').map_or(service, |(_, last)| last));
    detected.operation = operation.and_then(non_empty);
}

fn is_form_post(head: &Parts, content_type: &str) -> bool {
    head.method == Method::POST && starts_with_ignoring_case(content_type, "application/x-www-form-urlencoded")
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn url_query(head: &Parts) -> &str {
    head.uri.query().unwrap_or("")
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
