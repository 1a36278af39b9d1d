//! Log groups through the service's own operations.

use super::SERVICE;
use super::tidying::LogsTidier;
use crate::call::Call;
use crate::testing::{Bench, hostile};
use opentrail_logs::{LogBatch, LogStream};
use opentrail_wire::ApiError;
use serde_json::{Value, json};

async fn run(bench: &Bench, call: Call, operation: &str, input: Value) -> Result<Value, ApiError> {
    bench.run(&SERVICE, call, operation, input).await
}

async fn ok(bench: &Bench, operation: &str, input: Value) -> Value {
    run(bench, bench.call(), operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

async fn fails(bench: &Bench, operation: &str, input: Value, code: &str, message: &str) {
    let error = run(bench, bench.call(), operation, input).await.expect_err(operation);
    assert_eq!(error.code, code, "{operation}: {}", error.message);
    assert!(error.message.contains(message), "{operation}: {}", error.message);
}

fn now(bench: &Bench) -> i64 {
    i64::try_from(bench.app.intake.now().unix_timestamp_nanos() / 1_000_000).expect("a time")
}

async fn bench_with_stream() -> Bench {
    let bench = Bench::new();
    ok(&bench, "CreateLogGroup", json!({"logGroupName": "g"})).await;
    ok(&bench, "CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    bench
}

async fn put(bench: &Bench, messages: &[&str]) -> Value {
    let events: Vec<Value> =
        (0i64..).zip(messages).map(|(n, message)| json!({"timestamp": now(bench) + n, "message": message})).collect();
    ok(bench, "PutLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events})).await
}

#[tokio::test]
async fn groups_are_made_listed_and_removed() {
    let bench = Bench::new();
    for name in ["b", "a", "aa/x"] {
        ok(&bench, "CreateLogGroup", json!({"logGroupName": name, "tags": {"k": "v"}})).await;
    }
    fails(&bench, "CreateLogGroup", json!({"logGroupName": "a"}), "ResourceAlreadyExistsException", "already exists").await;
    fails(&bench, "CreateLogGroup", json!({"logGroupName": "a b"}), "InvalidParameterException", "logGroupName").await;
    fails(&bench, "CreateLogGroup", json!({"logGroupName": "aws/x"}), "InvalidParameterException", "reserved").await;
    fails(&bench, "CreateLogGroup", json!({"logGroupName": "k", "kmsKeyId": "x"}), "InvalidParameterException", "KMS key").await;
    let first = ok(&bench, "DescribeLogGroups", json!({"limit": 2})).await;
    let names = |page: &Value| {
        page["logGroups"].as_array().expect("groups").iter().map(|g| g["logGroupName"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["a", "aa/x"]);
    let second = ok(&bench, "DescribeLogGroups", json!({"limit": 2, "nextToken": first["nextToken"]})).await;
    assert_eq!((names(&second), second.get("nextToken")), (vec![json!("b")], None));
    assert_eq!(names(&ok(&bench, "DescribeLogGroups", json!({"logGroupNamePrefix": "a"})).await), ["a", "aa/x"]);
    assert_eq!(names(&ok(&bench, "ListLogGroups", json!({"logGroupNamePattern": "/x"})).await), ["aa/x"]);
    let arn = first["logGroups"][0]["arn"].as_str().expect("an ARN");
    assert_eq!(arn, "arn:aws:logs:us-east-1:123456789012:log-group:a:*");
    fails(&bench, "DescribeLogGroups", json!({"limit": 51}), "InvalidParameterException", "less than or equal to 50").await;
    ok(&bench, "DeleteLogGroup", json!({"logGroupName": "a"})).await;
    fails(&bench, "DeleteLogGroup", json!({"logGroupName": "a"}), "ResourceNotFoundException", "log group does not exist").await;
    let other = run(&bench, bench.call_in("eu-west-1"), "DescribeLogGroups", json!({})).await.expect("another region");
    assert_eq!(names(&other), Vec::<Value>::new());
}

#[tokio::test]
async fn tags_are_the_same_in_both_families() {
    let bench = Bench::new();
    ok(&bench, "CreateLogGroup", json!({"logGroupName": "g", "tags": {"a": "1"}})).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    ok(&bench, "TagResource", json!({"resourceArn": arn, "tags": {"b": "2"}})).await;
    ok(&bench, "TagLogGroup", json!({"logGroupName": "g", "tags": {"c": "3"}})).await;
    ok(&bench, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["a"]})).await;
    assert_eq!(ok(&bench, "ListTagsLogGroup", json!({"logGroupName": "g"})).await, json!({"tags": {"b": "2", "c": "3"}}));
    ok(&bench, "UntagLogGroup", json!({"logGroupName": "g", "tags": ["b"]})).await;
    assert_eq!(ok(&bench, "ListTagsForResource", json!({"resourceArn": arn})).await, json!({"tags": {"c": "3"}}));
    fails(&bench, "TagResource", json!({"resourceArn": format!("{arn}:*"), "tags": {}}), "InvalidParameterException", "ARN")
        .await;
    fails(&bench, "TagLogGroup", json!({"logGroupName": "g", "tags": {"aws:x": ""}}), "InvalidParameterException", "aws:x").await;
}

#[tokio::test]
async fn events_are_put_read_and_filtered() {
    let bench = bench_with_stream().await;
    let answer = put(&bench, &["{\"n\": 1}", "{\"n\": 2}", "three"]).await;
    assert_eq!(answer["nextSequenceToken"].as_str().map(str::len), Some(56));
    let got = ok(&bench, "GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    assert_eq!(got["events"][2]["message"], "three");
    let found = ok(&bench, "FilterLogEvents", json!({"logGroupName": "g", "filterPattern": "{ $.n > 1 }"})).await;
    assert_eq!(found["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["events"][0]["eventId"].as_str().map(str::len), Some(56));
    let streams = ok(&bench, "DescribeLogStreams", json!({"logGroupName": "g"})).await;
    assert_eq!(streams["logStreams"][0]["firstEventTimestamp"], now(&bench));
    assert_eq!(streams["logStreams"][0]["lastEventTimestamp"], now(&bench) + 2);
    let bad = json!({"logGroupName": "g", "filterPattern": "\"x"});
    fails(&bench, "FilterLogEvents", bad, "InvalidParameterException", "Invalid character(s) in term").await;
    let bad = json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "x"});
    fails(&bench, "GetLogEvents", bad, "InvalidParameterException", "The specified nextToken is invalid.").await;
    let event = json!([{"timestamp": now(&bench), "message": "m"}]);
    let nowhere = json!({"logGroupName": "g", "logStreamName": "x", "logEvents": event});
    fails(&bench, "PutLogEvents", nowhere, "ResourceNotFoundException", "log stream does not exist").await;
    let wrong = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": []});
    fails(&bench, "PutLogEvents", wrong, "InvalidParameterException", "logEvents").await;
    let late = json!([{"timestamp": 5, "message": "m"}, {"timestamp": 4, "message": "m"}]);
    let wrong = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": late});
    fails(&bench, "PutLogEvents", wrong, "InvalidParameterException", "chronological order").await;
    let old = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 5, "message": "m"}]});
    assert_eq!(ok(&bench, "PutLogEvents", old).await["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1}));
}

#[tokio::test]
async fn messages_are_never_recorded() {
    let bench = bench_with_stream().await;
    put(&bench, &["a secret"]).await;
    let records = bench.records();
    let last = records.iter().rfind(|record| record["eventName"] == "PutLogEvents").expect("recorded");
    assert_eq!(last["requestParameters"], json!({"logGroupName": "g", "logStreamName": "s"}));
    assert_eq!((&last["eventCategory"], &last["managementEvent"]), (&json!("Data"), &json!(false)));
    assert!(!last.to_string().contains("secret"));
}

#[tokio::test]
async fn what_is_removed_or_expired_leaves_nothing() {
    let bench = bench_with_stream().await;
    put(&bench, &["m"]).await;
    ok(&bench, "PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    fails(&bench, "PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 2}), "InvalidParameterException", "enum")
        .await;
    let mut tidier = LogsTidier::default();
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 0);
    bench.clock.advance(time::Duration::hours(25));
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 1);
    put(&bench, &["m", "n"]).await;
    ok(&bench, "DeleteLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 2);
    assert!(bench.app.catalog.list::<LogBatch>("").expect("reads").is_empty());
    assert!(bench.app.catalog.list::<LogStream>("").expect("reads").is_empty());
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 0);
}

/// A group is looked at when something of it can have expired, and within the hour for what was put late.
#[tokio::test]
async fn tidying_looks_when_it_is_time() {
    let bench = bench_with_stream().await;
    put(&bench, &["m"]).await;
    ok(&bench, "PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    let mut tidier = LogsTidier::default();
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 0);
    let late = json!([{"timestamp": now(&bench) - 86_390_000, "message": "late"}]);
    ok(&bench, "PutLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "logEvents": late})).await;
    bench.clock.advance(time::Duration::minutes(30));
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 0);
    bench.clock.advance(time::Duration::minutes(31));
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 1);
    ok(&bench, "PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 3})).await;
    bench.clock.advance(time::Duration::hours(71));
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 0);
    bench.clock.advance(time::Duration::hours(1));
    assert_eq!(tidier.tidy(&bench.app).await.expect("tidies"), 1);
}

#[tokio::test]
async fn metric_filters_come_back_byte_for_byte() {
    let bench = bench_with_stream().await;
    let pattern = " {($.eventName=ConsoleLogin) && ($.errorMessage = \"Failed authentication\") }";
    let filter = |name: &str, pattern: &str, transformation: Value| json!({"logGroupName": "g", "filterName": name, "filterPattern": pattern, "metricTransformations": [transformation]});
    let metric = |value: &str| json!({"metricName": "m", "metricNamespace": "n", "metricValue": value});
    ok(&bench, "PutMetricFilter", filter("f", pattern, metric("1"))).await;
    let listed = ok(&bench, "DescribeMetricFilters", json!({"logGroupName": "g"})).await;
    assert_eq!(listed["metricFilters"][0]["filterPattern"], pattern);
    let by_metric = ok(&bench, "DescribeMetricFilters", json!({"metricName": "m", "metricNamespace": "n"})).await;
    assert_eq!(by_metric, listed);
    fails(&bench, "DescribeMetricFilters", json!({"metricName": "m"}), "InvalidParameterException", "must contain either").await;
    let cases = [
        (filter("g", "{ $.a = }", metric("1")), "Invalid metric filter pattern"),
        (filter("g", "{ $.a = 1 }", metric("x")), "metric value x must be a valid number"),
        (filter("g", "{ $.a = 1 }", metric("$size")), "metric value $size must be a valid number"),
        (filter("g:h", "", metric("1")), "filterName"),
        (
            filter(
                "g",
                "{ $.a = 1 }",
                json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1", "defaultValue": 0, "dimensions": {"d": "$.d"}}),
            ),
            "mutually exclusive",
        ),
        (
            filter("g", "x", json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1", "dimensions": {"d": "$.d"}})),
            "valid selector",
        ),
    ];
    for (input, message) in cases {
        fails(&bench, "PutMetricFilter", input, "InvalidParameterException", message).await;
    }
    ok(&bench, "DeleteMetricFilter", json!({"logGroupName": "g", "filterName": "f"})).await;
    let gone = json!({"logGroupName": "g", "filterName": "f"});
    fails(&bench, "DeleteMetricFilter", gone, "ResourceNotFoundException", "metric filter does not exist").await;
}

#[tokio::test]
async fn patterns_are_tried_on_messages() {
    let bench = Bench::new();
    let line = "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /x HTTP/1.0\" 200 1534";
    let input = json!({"filterPattern": "[..., size > 1000]", "logEventMessages": ["x", line]});
    let tried = ok(&bench, "TestMetricFilter", input).await;
    assert_eq!(tried["matches"][0]["eventNumber"], 2);
    assert_eq!(tried["matches"][0]["extractedValues"]["$size"], "1534");
    let bad = json!({"filterPattern": "[a, a]", "logEventMessages": ["x"]});
    fails(&bench, "TestMetricFilter", bad, "InvalidParameterException", "Duplicate field 'a'").await;
}

#[tokio::test]
async fn policies_decide_by_group_and_stream() {
    let bench = bench_with_stream().await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:*:*:log-group:g:log-stream:s"
    }]});
    let call = bench.call_of_user("writer", Some(policy)).await;
    let event = json!([{"timestamp": now(&bench), "message": "m"}]);
    let input = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": event});
    run(&bench, call.clone(), "PutLogEvents", input).await.expect("allowed");
    let denied = run(&bench, call, "GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s"})).await.expect_err("denied");
    assert_eq!(denied.code, "AccessDeniedException");
}

#[test]
fn no_input_is_too_much() {
    const MEMBERS: &[&str] = &[
        "logGroupName",
        "logStreamName",
        "logGroupIdentifier",
        "logEvents",
        "timestamp",
        "message",
        "limit",
        "nextToken",
        "filterPattern",
        "filterName",
        "metricTransformations",
        "metricName",
        "metricNamespace",
        "metricValue",
        "tags",
        "resourceArn",
        "tagKeys",
        "startTime",
        "endTime",
        "logEventMessages",
        "retentionInDays",
        "logStreamNames",
        "orderBy",
        "destinationArn",
        "destinationName",
        "targetArn",
        "roleArn",
        "accessPolicy",
        "policyName",
        "policyDocument",
        "policyScope",
        "from",
        "to",
        "destination",
        "destinationPrefix",
        "taskId",
        "logGroupIdentifiers",
    ];
    const TEXTS: &[&str] = &[
        "g",
        "s",
        "arn:aws:logs:us-east-1:123456789012:log-group:g:*",
        "arn:aws:logs:us-east-1:123456789012:destination:d",
        "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        "arn:aws:sqs:us-east-1:123456789012:q",
        "{ $.a = 1 }",
        "[..., a]",
        "1",
        "$.a",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
    ];
    hostile::check(&SERVICE, MEMBERS, TEXTS, |_, _, _| {});
}
