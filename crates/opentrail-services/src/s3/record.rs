//! From an exchange to its event.

use super::answer::Answer;
use super::exchange::{Exchange, Signing};
use super::operation::{S3Operation, Scope};
use crate::recording::{S3Facts, s3_events};
use opentrail_eventlog::Event;
use opentrail_model::record::Resource;
use serde_json::{Map, Value, json};

/// Query parameters that are no parameters of the operation, or secret.
const UNRECORDED_PARAMETERS: &[&str] = &[
    "x-id",
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "x-amz-security-token",
    "Signature",
    "AWSAccessKeyId",
];
/// Headers that say something about the operation.
const RECORDED_HEADERS: &[&str] = &[
    "x-amz-acl",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-expected-bucket-owner",
    "x-amz-metadata-directive",
    "x-amz-bypass-governance-retention",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-website-redirect-location",
];

/// The events of a call that is about to succeed, one for each account that it concerns.
pub fn success(exchange: &Exchange, response_elements: Value) -> Vec<Event> {
    event(exchange, response_elements, None, 0)
}

/// The events of a call that changed nothing, from its answer.
pub fn of_answer(exchange: &Exchange, answer: &Answer) -> Vec<Event> {
    event(exchange, Value::Null, answer.error.clone(), answer.bytes_out)
}

fn event(exchange: &Exchange, response_elements: Value, error: Option<(String, String)>, bytes_out: u64) -> Vec<Event> {
    let operation = exchange.operation();
    let facts = S3Facts {
        operation: exchange.name(),
        data: operation.data,
        read_only: operation.read_only(),
        region: exchange.stored_bucket().map(|bucket| bucket.region.clone()),
        parameters: parameters(exchange),
        response_elements,
        additional_event_data: Some(additional(exchange, bytes_out)),
        resources: resources(exchange, operation, exchange.key.as_deref()),
        error,
    };
    s3_events(&exchange.context.intake, &exchange.call_now(), facts)
}

/// The events of one key's deletion within DeleteObjects.
pub fn deletion(
    exchange: &Exchange,
    key: &str,
    version: Option<&str>,
    response_elements: Value,
    error: Option<(String, String)>,
) -> Vec<Event> {
    let mut parameters = Map::new();
    parameters.insert("bucketName".into(), exchange.bucket.clone().into());
    parameters.insert("Host".into(), exchange.call.host.clone().into());
    parameters.insert("key".into(), key.into());
    if let Some(version) = version {
        parameters.insert("versionId".into(), version.into());
    }
    let facts = S3Facts {
        operation: "DeleteObject".into(),
        data: true,
        read_only: false,
        region: exchange.stored_bucket().map(|bucket| bucket.region.clone()),
        parameters: parameters.into(),
        response_elements,
        additional_event_data: Some(additional(exchange, 0)),
        resources: resources(exchange, exchange.operation(), Some(key)),
        error,
    };
    s3_events(&exchange.context.intake, &exchange.call_now(), facts)
}

fn parameters(exchange: &Exchange) -> Value {
    let mut parameters = Map::new();
    if let Some(bucket) = &exchange.bucket {
        parameters.insert("bucketName".into(), bucket.as_str().into());
    }
    if let Some(host) = &exchange.call.host {
        parameters.insert("Host".into(), host.as_str().into());
    }
    if let Some(key) = &exchange.key {
        parameters.insert("key".into(), key.as_str().into());
    }
    for (name, value) in &exchange.query {
        if !UNRECORDED_PARAMETERS.contains(&name.as_str()) {
            parameters.insert(name.clone(), value.as_str().into());
        }
    }
    for name in RECORDED_HEADERS {
        if let Some(value) = exchange.header(name) {
            parameters.insert((*name).into(), value.into());
        }
    }
    parameters.extend(exchange.added_parameters());
    if parameters.is_empty() { Value::Null } else { Value::Object(parameters) }
}

fn additional(exchange: &Exchange, bytes_out: u64) -> Value {
    let mut data = Map::new();
    match exchange.signing {
        Signing::None => {}
        Signing::V4Header | Signing::V4Query => {
            data.insert("SignatureVersion".into(), "SigV4".into());
        }
        Signing::V2Header | Signing::V2Query => {
            data.insert("SignatureVersion".into(), "SigV2".into());
        }
    }
    if let Some((_, cipher)) = &exchange.call.tls {
        data.insert("CipherSuite".into(), cipher.as_str().into());
    }
    data.insert("bytesTransferredIn".into(), exchange.received().into());
    match exchange.signing {
        Signing::None => {}
        Signing::V4Header | Signing::V2Header => {
            data.insert("AuthenticationMethod".into(), "AuthHeader".into());
        }
        Signing::V4Query | Signing::V2Query => {
            data.insert("AuthenticationMethod".into(), "QueryString".into());
        }
    }
    data.insert("x-amz-id-2".into(), super::answer::host_id(&exchange.call.request_id).into());
    data.insert("bytesTransferredOut".into(), bytes_out.into());
    json!(data)
}

fn resources(exchange: &Exchange, operation: &S3Operation, key: Option<&str>) -> Vec<Resource> {
    let Some(bucket) = &exchange.bucket else { return Vec::new() };
    let arn = format!("arn:aws:s3:::{bucket}");
    let object = |arn, arn_prefix| Resource { account: None, kind: Some("AWS::S3::Object".into()), arn, arn_prefix };
    let mut resources = Vec::new();
    match key {
        Some(key) => resources.push(object(Some(format!("{arn}/{key}")), None)),
        None if operation.data && operation.scope == Scope::Bucket => {
            let prefix = exchange.parameter("prefix").unwrap_or("");
            resources.push(object(None, Some(format!("{arn}/{prefix}"))));
        }
        None => {}
    }
    let account = exchange.stored_bucket().map(|bucket| bucket.account.clone());
    resources.push(Resource { account, kind: Some("AWS::S3::Bucket".into()), arn: Some(arn), arn_prefix: None });
    resources
}
