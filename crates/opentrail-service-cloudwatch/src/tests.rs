//! Operations without sockets: refusals, permissions, what is recorded, hostile inputs.

use crate::SERVICE;
use opentrail_services::testing::{Bench, code, hostile, told};
use serde_json::{Value, json};

fn alarm(name: &str) -> Value {
    json!({
        "AlarmName": name, "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1.5, "ComparisonOperator": "GreaterThanThreshold",
    })
}

async fn ok(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.run(&SERVICE, bench.call(), operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

#[tokio::test]
async fn metric_data_are_recorded_without_what_they_are() {
    let bench = Bench::new();
    let data = json!([{"MetricName": "secret", "Value": "1.5"}]);
    ok(&bench, "PutMetricData", json!({"Namespace": "N", "MetricData": data})).await;
    let record = bench.last_record();
    assert_eq!((&record["requestParameters"], &record["eventCategory"]), (&json!({"namespace": "N"}), &json!("Data")));
    let store = &bench.app.watching.metrics;
    assert_eq!(store.catch_up_blocking().expect("reads").len(), 1);
    let listed = ok(&bench, "ListMetrics", json!({})).await;
    assert_eq!(listed["Metrics"][0]["MetricName"], "secret");
    let elsewhere = bench.run(&SERVICE, bench.call_in("eu-west-1"), "ListMetrics", json!({})).await;
    assert_eq!(elsewhere.expect("lists")["Metrics"], json!([]));
}

#[tokio::test]
async fn permissions_are_asked_for_each_alarm() {
    let bench = Bench::new();
    for name in ["mine", "yours"] {
        ok(&bench, "PutMetricAlarm", alarm(name)).await;
    }
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "cloudwatch:*", "Resource": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:mine",
    }]});
    let user = bench.call_of_user("somebody", Some(policy)).await;
    for (names, allowed) in [(json!(["mine"]), true), (json!(["yours"]), false), (json!(["mine", "yours"]), false)] {
        let input = json!({"AlarmNames": names});
        let result = bench.run(&SERVICE, user.clone(), "DisableAlarmActions", input).await;
        assert_eq!(result.is_ok(), allowed, "{names}");
    }
    assert_eq!(code(bench.run(&SERVICE, user, "PutMetricAlarm", alarm("other")).await), "AccessDeniedException");
}

#[tokio::test]
async fn alarms_come_back_as_they_were_given() {
    let bench = Bench::new();
    let mut given = alarm("a/b c");
    for (member, value) in [
        ("DatapointsToAlarm", json!(1)),
        ("TreatMissingData", json!("ignore")),
        ("Dimensions", json!([{"Name": "d", "Value": "v"}])),
        ("AlarmActions", json!(["arn:aws:sns:us-east-1:123456789012:t"])),
        ("ActionsEnabled", json!("false")),
    ] {
        given[member] = value;
    }
    ok(&bench, "PutMetricAlarm", given.clone()).await;
    let described = ok(&bench, "DescribeAlarms", json!({"AlarmNames": ["a/b c"]})).await;
    let shown = &described["MetricAlarms"][0];
    given["ActionsEnabled"] = json!(false);
    for (member, value) in given.as_object().expect("an object") {
        assert_eq!(&shown[member], value, "{member}");
    }
    assert_eq!(
        (&shown["StateValue"], &shown["StateReason"]),
        (&json!("INSUFFICIENT_DATA"), &json!("Unchecked: Initial alarm creation"))
    );
    assert!(shown.get("Unit").is_none() && shown.get("Metrics").is_none(), "{shown}");
}

#[tokio::test]
async fn cycles_of_composite_alarms_are_refused() {
    let bench = Bench::new();
    let composite = |name: &str, rule: &str| json!({"AlarmName": name, "AlarmRule": rule});
    ok(&bench, "PutMetricAlarm", alarm("leaf")).await;
    ok(&bench, "PutCompositeAlarm", composite("one", "ALARM(leaf)")).await;
    ok(&bench, "PutCompositeAlarm", composite("two", "ALARM(one)")).await;
    let cycle = bench.run(&SERVICE, bench.call(), "PutCompositeAlarm", composite("one", "NOT ALARM(two)")).await;
    assert!(told(cycle).1.contains("cycle"));
    let other = bench.run(&SERVICE, bench.call(), "PutMetricAlarm", alarm("two")).await;
    assert_eq!(code(other), "ValidationException");
}

#[test]
fn hostile_inputs_get_an_answer() {
    const MEMBERS: &[&str] = &[
        "AlarmName",
        "AlarmNames",
        "AlarmRule",
        "AlarmActions",
        "ActionsEnabled",
        "Namespace",
        "MetricName",
        "MetricData",
        "Dimensions",
        "Name",
        "Value",
        "Values",
        "Counts",
        "Unit",
        "Timestamp",
        "StatisticValues",
        "Period",
        "EvaluationPeriods",
        "Threshold",
        "ComparisonOperator",
        "Statistic",
        "Statistics",
        "StartTime",
        "EndTime",
        "MetricDataQueries",
        "Metrics",
        "Id",
        "Expression",
        "MetricStat",
        "Metric",
        "Stat",
        "NextToken",
        "MaxRecords",
        "MaxDatapoints",
        "StateValue",
        "StateReason",
        "ResourceARN",
        "Tags",
        "TagKeys",
        "Key",
        "ScanBy",
        "AlarmTypes",
    ];
    const TEXTS: &[&str] = &[
        "a",
        "",
        "N",
        "NaN",
        "1e400",
        "-1",
        "60",
        "9223372036854775807",
        "2026-11-21T10:00:00Z",
        "ALARM(a) AND NOT OK(b)",
        "m1 / m1",
        "SUM(METRICS())",
        "GreaterThanThreshold",
        "Sum",
        "p99.99",
        "OK",
        "ALARM",
        "TimestampAscending",
        "arn:aws:sns:us-east-1:123456789012:t",
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a",
        "MDAwMA",
        "\u{1f}",
        "Count/Second",
    ];
    hostile::check(&SERVICE, MEMBERS, TEXTS, |_, _, _| {});
}
