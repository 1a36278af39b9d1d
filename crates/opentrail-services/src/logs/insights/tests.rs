//! Queries over groups.

use super::super::SERVICE;
use crate::testing::{Bench, code, hostile, told};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::time::Duration;

async fn run(bench: &Bench, operation: &str, input: Value) -> Result<Value, ApiError> {
    bench.run(&SERVICE, bench.call(), operation, input).await
}

async fn ok(bench: &Bench, operation: &str, input: Value) -> Value {
    run(bench, operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// Two groups with two streams each, whose events alternate: `n` from 0, a second apart.
async fn with_groups() -> (Bench, i64) {
    let bench = Bench::new();
    let now = bench.app.intake.now().unix_timestamp();
    for group in ["a", "b"] {
        ok(&bench, "CreateLogGroup", json!({"logGroupName": group})).await;
        for stream in ["x", "y"] {
            ok(&bench, "CreateLogStream", json!({"logGroupName": group, "logStreamName": stream})).await;
        }
    }
    for n in 0..40i64 {
        let (group, stream) = (["a", "b"][n as usize % 2], ["x", "y"][n as usize / 2 % 2]);
        let events = json!([{"timestamp": (now - 100 + n) * 1000, "message": format!("{{\"n\": {n}}}")}]);
        ok(&bench, "PutLogEvents", json!({"logGroupName": group, "logStreamName": stream, "logEvents": events})).await;
    }
    (bench, now)
}

async fn results(bench: &Bench, now: i64, query: &str) -> Value {
    let input = json!({"logGroupNames": ["a", "b"], "startTime": now - 200, "endTime": now, "queryString": query});
    let id = ok(bench, "StartQuery", input).await["queryId"].clone();
    for _ in 0..500 {
        let answer = ok(bench, "GetQueryResults", json!({"queryId": id})).await;
        if answer["status"] == "Complete" {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the query does not end");
}

#[tokio::test]
async fn all_groups_and_streams_are_read_newest_first() {
    let (bench, now) = with_groups().await;
    let answer = results(&bench, now, "fields n, @log, @logStream").await;
    let rows = answer["results"].as_array().expect("rows");
    let values: Vec<String> = rows.iter().map(|row| row[0]["value"].as_str().expect("a value").to_owned()).collect();
    assert_eq!(values, (0..40).rev().map(|n: i64| n.to_string()).collect::<Vec<_>>());
    assert_eq!((&rows[0][1]["value"], &rows[0][2]["value"]), (&json!("123456789012:b"), &json!("y")));
    assert_eq!(answer["statistics"]["recordsScanned"], 40.0);
    let answer = results(&bench, now, "filter n >= 30 | stats sum(n) as s").await;
    assert_eq!(answer["results"], json!([[{"field": "s", "value": "345"}]]));
    assert_eq!(answer["statistics"]["recordsMatched"], 10.0);
    let newest = results(&bench, now, "limit 1").await;
    let pointer = newest["results"][0][2]["value"].clone();
    let record = ok(&bench, "GetLogRecord", json!({"logRecordPointer": pointer})).await;
    assert_eq!((&record["logRecord"]["n"], &record["logRecord"]["@message"]), (&json!("39"), &json!("{\"n\": 39}")));
    assert!(newest["statistics"]["recordsScanned"].as_f64().is_some_and(|scanned| scanned <= 2.0), "no more than is needed");
}

#[tokio::test]
async fn times_are_seconds_and_both_included() {
    let (bench, now) = with_groups().await;
    let input = json!({"logGroupName": "a", "startTime": now - 100, "endTime": now - 96, "queryString": "stats count(*) as n"});
    let id = ok(&bench, "StartQuery", input).await["queryId"].clone();
    let described = ok(&bench, "DescribeQueries", json!({"logGroupName": "a"})).await;
    let (start, end) = (now - 100, now - 96);
    assert_eq!(
        described["queries"][0]["queryString"],
        format!("SOURCE \"a\" START={start}000 END={end}999 | stats count(*) as n")
    );
    loop {
        let answer = ok(&bench, "GetQueryResults", json!({"queryId": id})).await;
        if answer["status"] == "Complete" {
            assert_eq!(answer["results"], json!([[{"field": "n", "value": "3"}]]));
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(code(run(&bench, "StopQuery", json!({"queryId": id})).await), "InvalidParameterException");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let (bench, now) = with_groups().await;
    let start = async |input: Value| {
        let mut whole = json!({"logGroupName": "a", "startTime": now - 9, "endTime": now, "queryString": "limit 1"});
        input.as_object().expect("members").iter().for_each(|(name, value)| whole[name] = value.clone());
        told(run(&bench, "StartQuery", whole).await)
    };
    let fault = start(json!({"queryString": "fields a | nope"})).await;
    assert_eq!(fault.0, "MalformedQueryException");
    assert!(fault.1.contains("at character 11"), "{}", fault.1);
    assert_eq!(start(json!({"endTime": now - 10})).await.0, "InvalidParameterException");
    assert_eq!(start(json!({"logGroupNames": ["b"]})).await.0, "InvalidParameterException");
    assert_eq!(start(json!({"logGroupName": "none"})).await.0, "ResourceNotFoundException");
    assert_eq!(start(json!({"limit": 0})).await.0, "InvalidParameterException");
    assert_eq!(start(json!({"queryLanguage": "SQL"})).await.0, "InvalidParameterException");
    assert_eq!(code(run(&bench, "GetQueryResults", json!({"queryId": "x"})).await), "ResourceNotFoundException");
    assert_eq!(code(run(&bench, "GetLogRecord", json!({"logRecordPointer": "YQ.1.2.3.4"})).await), "InvalidParameterException");
}

#[test]
fn hostile_inputs() {
    hostile::check(
        &SERVICE,
        &["queryString", "startTime", "endTime", "logGroupName", "logGroupNames", "queryId", "logRecordPointer", "name", "time"],
        &["g", "fields @message | sort n desc", "stats count(*) by bin(5m)", "YQBiAGM.1.2.3.4"],
        |runtime, bench, _| {
            let _ = runtime.block_on(run(bench, "CreateLogGroup", json!({"logGroupName": "g"})));
        },
    );
}
