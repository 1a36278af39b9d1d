//! Operations through [`crate::service::run`], against a real catalog, log and history.

mod hostile;
mod lookups;
mod permissions;
mod selectors;
mod settings;
mod tags;
mod trails;

use super::SERVICE;
use crate::testing::{ACCOUNT, Bench, told};
use serde_json::{Value, json};

fn arn(region: &str, name: &str) -> String {
    format!("arn:aws:cloudtrail:{region}:{ACCOUNT}:trail/{name}")
}

/// The answer of a call that has to succeed.
async fn ok(bench: &Bench, region: &str, operation: &str, input: Value) -> Value {
    let result = bench.run(&SERVICE, bench.call_in(region), operation, input.clone()).await;
    result.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

/// A call has to fail with this code and this text, and be recorded with them.
async fn refused(bench: &Bench, region: &str, operation: &str, input: Value, code: &str, message: &str) {
    let told = told(bench.run(&SERVICE, bench.call_in(region), operation, input.clone()).await);
    assert_eq!(told, (code.to_owned(), message.to_owned()), "{operation} {input}");
    let record = bench.last_record();
    assert_eq!(record["eventName"], operation);
    assert_eq!(record["errorCode"], code, "{record}");
    assert_eq!(record["errorMessage"], message, "{record}");
    assert_eq!(record["responseElements"], Value::Null);
}

/// A call has to fail with this code.
async fn refused_as(bench: &Bench, region: &str, operation: &str, input: Value, code: &str) {
    let told = told(bench.run(&SERVICE, bench.call_in(region), operation, input.clone()).await);
    assert_eq!(told.0, code, "{operation} {input}: {}", told.1);
}

async fn create(bench: &Bench, region: &str, name: &str) -> Value {
    ok(bench, region, "CreateTrail", json!({"Name": name, "S3BucketName": "logs"})).await
}

async fn create_everywhere(bench: &Bench, region: &str, name: &str) -> Value {
    ok(bench, region, "CreateTrail", json!({"Name": name, "S3BucketName": "logs", "IsMultiRegionTrail": true})).await
}
