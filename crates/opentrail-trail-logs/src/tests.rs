//! Trails with log groups, from the calls to what is in the group.

use crate::TrailLogs;
use opentrail_catalog::FollowerCursor;
use opentrail_delivery::LogGroupSettings;
use opentrail_services::testing::{ACCOUNT, Bench};
use opentrail_services::{Service, cloudtrail, iam, logs};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const GROUP: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g:*";
const ROLE: &str = "arn:aws:iam::123456789012:role/r";
const STREAM: &str = "123456789012_CloudTrail_us-east-1";

async fn ok(bench: &Bench, service: &'static Service, operation: &str, input: Value) -> Value {
    bench.run(service, bench.call(), operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

async fn allow(bench: &Bench, actions: &[&str]) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    let put = json!({"RoleName": "r", "PolicyName": "p", "PolicyDocument": policy.to_string()});
    ok(bench, &iam::SERVICE, "PutRolePolicy", put).await;
}

/// A bench with a role, a group and a trail that writes into it.
async fn bench_with_trail() -> Bench {
    let bench = Bench::new();
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    ok(&bench, &iam::SERVICE, "CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": trust.to_string()})).await;
    allow(&bench, &["logs:CreateLogStream", "logs:PutLogEvents"]).await;
    ok(&bench, &logs::SERVICE, "CreateLogGroup", json!({"logGroupName": "g"})).await;
    let trail =
        json!({"Name": "main", "S3BucketName": "trail-files", "CloudWatchLogsLogGroupArn": GROUP, "CloudWatchLogsRoleArn": ROLE});
    ok(&bench, &cloudtrail::SERVICE, "CreateTrail", trail).await;
    bench
}

async fn switch(bench: &Bench, operation: &str) {
    ok(bench, &cloudtrail::SERVICE, operation, json!({"Name": "main"})).await;
}

/// A call that can be told from others.
async fn mark(bench: &Bench, name: &str) {
    ok(bench, &iam::SERVICE, "CreateUser", json!({"UserName": name})).await;
}

/// What the trail's stream holds of these marks and of its own switches, oldest first.
async fn written(bench: &Bench) -> Vec<String> {
    let input = json!({"logGroupName": "g", "logStreamName": STREAM, "startFromHead": true});
    let Ok(page) = bench.run(&logs::SERVICE, bench.call(), "GetLogEvents", input).await else { return Vec::new() };
    let events = page["events"].as_array().cloned().unwrap_or_default();
    let records = events.iter().map(|event| -> Value {
        serde_json::from_str(event["message"].as_str().expect("a message")).expect("a message is a record")
    });
    let names = records.filter_map(|record| match record["eventName"].as_str()? {
        "CreateUser" => record["requestParameters"]["userName"].as_str().map(str::to_owned),
        name @ ("StartLogging" | "StopLogging" | "DeleteTrail") => Some(name.to_owned()),
        _ => None,
    });
    names.collect()
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited for {what}");
}

async fn expect(bench: &Bench, marks: &[&str]) {
    let last = marks.last().expect("something is expected");
    until(last, async || written(bench).await.iter().any(|name| name == last).then_some(())).await;
    assert_eq!(written(bench).await, marks);
}

#[tokio::test]
async fn what_the_trail_takes_is_in_the_group_once_also_over_restarts() {
    let bench = bench_with_trail().await;
    let delivery = TrailLogs::start(Arc::clone(&bench.app));
    mark(&bench, "before").await;
    switch(&bench, "StartLogging").await;
    mark(&bench, "one").await;
    expect(&bench, &["StartLogging", "one"]).await;
    delivery.stop().await;
    mark(&bench, "two").await;
    switch(&bench, "StopLogging").await;
    mark(&bench, "between").await;
    let delivery = TrailLogs::start(Arc::clone(&bench.app));
    expect(&bench, &["StartLogging", "one", "two", "StopLogging"]).await;
    switch(&bench, "StartLogging").await;
    mark(&bench, "three").await;
    expect(&bench, &["StartLogging", "one", "two", "StopLogging", "StartLogging", "three"]).await;
    assert!(delivery.stats().delivered >= 4);
    let status = ok(&bench, &cloudtrail::SERVICE, "GetTrailStatus", json!({"Name": "main"})).await;
    assert!(status["LatestCloudWatchLogsDeliveryTime"].is_number(), "{status}");
    assert_eq!(status.get("LatestCloudWatchLogsDeliveryError"), None);
    let made = bench.records().into_iter().filter(|record| record["eventName"] == "CreateLogStream").collect::<Vec<_>>();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0]["userIdentity"]["invokedBy"], "cloudtrail.amazonaws.com");
    delivery.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_and_what_waited_is_written_afterwards() {
    let bench = bench_with_trail().await;
    switch(&bench, "StartLogging").await;
    let delivery = TrailLogs::start(Arc::clone(&bench.app));
    expect(&bench, &["StartLogging"]).await;
    allow(&bench, &["logs:CreateLogStream"]).await;
    mark(&bench, "waits").await;
    let error = until("an error", async || {
        let status = ok(&bench, &cloudtrail::SERVICE, "GetTrailStatus", json!({"Name": "main"})).await;
        status["LatestCloudWatchLogsDeliveryError"].as_str().map(str::to_owned)
    })
    .await;
    assert!(error.starts_with("AccessDeniedException: ") && error.contains("logs:PutLogEvents"), "{error}");
    allow(&bench, &["logs:*"]).await;
    expect(&bench, &["StartLogging", "waits"]).await;
    // The same with a group that is gone and made again.
    ok(&bench, &logs::SERVICE, "DeleteLogGroup", json!({"logGroupName": "g"})).await;
    mark(&bench, "later").await;
    let error = until("an error", async || {
        let status = ok(&bench, &cloudtrail::SERVICE, "GetTrailStatus", json!({"Name": "main"})).await;
        status["LatestCloudWatchLogsDeliveryError"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(error, "ResourceNotFoundException: The specified log group does not exist.");
    ok(&bench, &logs::SERVICE, "CreateLogGroup", json!({"logGroupName": "g"})).await;
    expect(&bench, &["later"]).await;
    delivery.stop().await;
}

#[tokio::test]
async fn a_deleted_trail_is_written_to_its_end_and_leaves_nothing() {
    let bench = bench_with_trail().await;
    switch(&bench, "StartLogging").await;
    mark(&bench, "one").await;
    switch(&bench, "DeleteTrail").await;
    mark(&bench, "after").await;
    let delivery = TrailLogs::start(Arc::clone(&bench.app));
    expect(&bench, &["StartLogging", "one", "DeleteTrail"]).await;
    until("an end", async || bench.app.catalog.list::<LogGroupSettings>("").expect("reads").is_empty().then_some(())).await;
    assert!(bench.app.catalog.list::<FollowerCursor>("").expect("reads").is_empty());
    delivery.stop().await;
}

#[tokio::test]
async fn what_is_too_large_or_waits_too_long_is_told() {
    let bench = bench_with_trail().await;
    switch(&bench, "StartLogging").await;
    let delivery = TrailLogs::start(Arc::clone(&bench.app));
    expect(&bench, &["StartLogging"]).await;
    let record = json!({"eventVersion": "1.08", "eventSource": "x.example.com", "eventName": "Large", "awsRegion": "us-east-1",
        "eventCategory": "Management", "recipientAccountId": ACCOUNT, "additionalEventData": "x".repeat(256 * 1024)});
    let event = opentrail_eventlog::Event {
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        record: record.to_string().into_bytes().into(),
    };
    bench.app.intake.submit(vec![event], Default::default()).await.expect("submitted");
    let shown = async |what: &str| {
        until(what, async || {
            let status = ok(&bench, &cloudtrail::SERVICE, "GetTrailStatus", json!({"Name": "main"})).await;
            status["LatestCloudWatchLogsDeliveryError"].as_str().filter(|error| error.contains(what)).map(str::to_owned)
        })
        .await
    };
    assert_eq!(shown("EventTooLarge").await, "EventTooLarge: 1 events over 256 KB were not sent.");
    ok(&bench, &logs::SERVICE, "DeleteLogGroup", json!({"logGroupName": "g"})).await;
    mark(&bench, "lost").await;
    shown("ResourceNotFoundException").await;
    delivery.stop().await;
    // The log's own times are the machine's: a day later by the clock of the stamps.
    let later = time::OffsetDateTime::now_utc() + time::Duration::hours(25);
    bench.clock.advance(later - bench.app.intake.now());
    let delivery = TrailLogs::start(Arc::clone(&bench.app));
    let abandoned = until("an abandoned delivery", async || {
        bench.records().into_iter().find(|record| record["eventName"] == "LogGroupDeliveryAbandoned")
    })
    .await;
    assert_eq!(abandoned["serviceEventDetails"]["trailARN"], "arn:aws:cloudtrail:us-east-1:123456789012:trail/main");
    assert!(abandoned["serviceEventDetails"]["lostRecords"].as_u64() >= Some(1), "{abandoned}");
    delivery.stop().await;
}
