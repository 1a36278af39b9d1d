//! The event history and public keys.

use super::*;
use crate::testing::START;
use time::Duration;

fn names(output: &Value) -> Vec<String> {
    let events = output["Events"].as_array().expect("a list");
    events.iter().map(|event| event["EventName"].as_str().expect("a name").to_owned()).collect()
}

async fn lookup(bench: &Bench, input: Value) -> Value {
    bench.index();
    ok(bench, "us-east-1", "LookupEvents", input).await
}

fn by(key: &str, value: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]})
}

#[tokio::test]
async fn events_are_found_by_one_attribute_newest_first() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    bench.clock.advance(Duration::seconds(1));
    ok(&bench, "us-east-1", "StartLogging", json!({"Name": "main"})).await;
    create(&bench, "eu-west-1", "elsewhere").await;
    let all = lookup(&bench, json!({})).await;
    assert_eq!(names(&all), ["StartLogging", "CreateTrail"]);
    assert_eq!(all.get("NextToken"), None);
    let created = &all["Events"][1];
    let record: Value = serde_json::from_str(created["CloudTrailEvent"].as_str().expect("text")).expect("JSON");
    assert_eq!(created["EventId"], record["eventID"]);
    assert_eq!(created["EventTime"], START.unix_timestamp());
    assert_eq!((&created["ReadOnly"], &created["Username"]), (&json!("false"), &json!("root")));
    assert_eq!(created["EventSource"], "cloudtrail.amazonaws.com");
    assert_eq!(created["AccessKeyId"], "AKIAROOT000000000000");
    let resources = created["Resources"].as_array().expect("a list");
    assert!(resources.contains(&json!({"ResourceType": "AWS::S3::Bucket", "ResourceName": "logs"})), "{resources:?}");

    for (key, value, expect) in [
        ("EventName", "CreateTrail", vec!["CreateTrail"]),
        ("EventName", "createtrail", vec![]),
        ("EventId", record["eventID"].as_str().expect("text"), vec!["CreateTrail"]),
        ("ResourceName", "logs", vec!["CreateTrail"]),
        ("ReadOnly", "false", vec!["StartLogging", "CreateTrail"]),
    ] {
        assert_eq!(names(&lookup(&bench, by(key, value)).await), expect, "{key}");
    }
    let recorded = bench.last_record();
    assert_eq!(
        recorded["requestParameters"]["lookupAttributes"],
        json!([{"attributeKey": "ReadOnly", "attributeValue": "false"}])
    );
    assert_eq!((&recorded["readOnly"], &recorded["responseElements"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn pages_are_bound_to_their_question() {
    let bench = Bench::new();
    for n in 0..5 {
        refused_as(&bench, "us-east-1", "GetTrail", json!({"Name": format!("trail-{n}")}), "TrailNotFoundException").await;
    }
    bench.index();
    let question = |size: i64, token: Option<&str>| {
        let mut input = by("EventName", "GetTrail");
        input["MaxResults"] = size.into();
        input["NextToken"] = token.into();
        input
    };
    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = ok(&bench, "us-east-1", "LookupEvents", question(2, token.as_deref())).await;
        seen.extend(page["Events"].as_array().expect("a list").iter().map(|event| event["EventId"].clone()));
        let Some(next) = page["NextToken"].as_str() else { break };
        token = Some(next.to_owned());
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let token = token.expect("there was more than one page");
    // The size of a page may change, the question may not.
    ok(&bench, "us-east-1", "LookupEvents", question(50, Some(&token))).await;
    let code = "InvalidNextTokenException";
    refused_as(&bench, "us-east-1", "LookupEvents", json!({"NextToken": token}), code).await;
    refused_as(&bench, "eu-west-1", "LookupEvents", question(2, Some(&token)), code).await;
    refused_as(&bench, "us-east-1", "LookupEvents", question(2, Some("nonsense")), code).await;
    bench.clock.advance(Duration::hours(2));
    refused_as(&bench, "us-east-1", "LookupEvents", question(2, Some(&token)), code).await;
}

#[tokio::test]
async fn times_are_inclusive_and_reach_back_ninety_days() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let at = START.unix_timestamp();
    let within = |start: Value, end: Value| json!({"StartTime": start, "EndTime": end});
    for (input, expect) in [
        (within(json!(at), json!(at)), 1),
        (within(json!("2026-11-21T10:00:00Z"), Value::Null), 1),
        (within(json!(at as f64 + 1.0), Value::Null), 0),
        (within(Value::Null, json!(at - 1)), 0),
    ] {
        let mut input = input;
        input["LookupAttributes"] = by("EventName", "CreateTrail")["LookupAttributes"].clone();
        assert_eq!(names(&lookup(&bench, input.clone()).await).len(), expect, "{input}");
    }
    assert_eq!(bench.last_record()["requestParameters"]["endTime"], "Nov 21, 2026, 9:59:59 AM");
    refused_as(&bench, "us-east-1", "LookupEvents", within(json!(at + 1), json!(at)), "InvalidTimeRangeException").await;
    bench.clock.advance(Duration::days(91));
    assert_eq!(names(&lookup(&bench, by("EventName", "CreateTrail")).await).len(), 0);
}

#[tokio::test]
async fn wrong_questions_are_told_apart() {
    let bench = Bench::new();
    let long = "x".repeat(2001);
    let spaces = " ".repeat(1001);
    let attributes = "InvalidLookupAttributesException";
    for (input, code) in [
        (json!({"MaxResults": 0}), "InvalidMaxResultsException"),
        (json!({"MaxResults": 51}), "InvalidMaxResultsException"),
        (json!({"MaxResults": "many"}), "SerializationException"),
        (json!({"EventCategory": "data"}), "InvalidEventCategoryException"),
        (by("eventname", "x"), attributes),
        (by("EventName", ""), attributes),
        (by("EventName", &long), attributes),
        (by("EventName", &spaces), attributes),
        (json!({"LookupAttributes": [{"AttributeKey": "EventId", "AttributeValue": "a"}, {}]}), attributes),
        (
            json!({"EventCategory": "insight", "LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": "a"}]}),
            attributes,
        ),
        (json!({"StartTime": 1e300}), "SerializationException"),
    ] {
        refused_as(&bench, "us-east-1", "LookupEvents", input, code).await;
    }
    assert_eq!(lookup(&bench, json!({"EventCategory": "insight"})).await, json!({"Events": []}));
}

#[tokio::test]
async fn extended_lookups_take_several_attributes_and_all_categories() {
    let bench = Bench::with_lookups(None, true);
    create(&bench, "us-east-1", "main").await;
    bench.clock.advance(Duration::days(100));
    ok(&bench, "us-east-1", "StartLogging", json!({"Name": "main"})).await;
    let data = json!({"eventID": "d", "eventCategory": "Data", "eventName": "GetObject", "eventSource": "s3.amazonaws.com"});
    let event = opentrail_eventlog::Event {
        account: crate::testing::ACCOUNT.into(),
        region: "us-east-1".into(),
        record: data.to_string().into(),
    };
    bench.app.intake.submit(vec![event], bytes::Bytes::new()).await.expect("recorded");
    assert_eq!(names(&lookup(&bench, json!({})).await), ["GetObject", "StartLogging", "CreateTrail"]);
    let both = |name: &str, value: &str| {
        let first = json!({"AttributeKey": "EventSource", "AttributeValue": "cloudtrail.amazonaws.com"});
        json!({"LookupAttributes": [first, {"AttributeKey": name, "AttributeValue": value}]})
    };
    assert_eq!(names(&lookup(&bench, both("EventName", "StartLogging")).await), ["StartLogging"]);
    assert_eq!(names(&lookup(&bench, both("ResourceName", "main")).await), ["StartLogging", "CreateTrail"]);
    assert!(names(&lookup(&bench, both("EventName", "GetObject")).await).is_empty());
    assert_eq!(names(&lookup(&bench, json!({"EventCategory": "data"})).await), ["GetObject"]);
    // These calls are events themselves.
    let management = names(&lookup(&bench, json!({"EventCategory": "management"})).await);
    assert!(management.ends_with(&["StartLogging".to_owned(), "CreateTrail".to_owned()]), "{management:?}");
    assert!(!management.contains(&"GetObject".to_owned()));
    refused_as(&bench, "us-east-1", "LookupEvents", json!({"EventCategory": "x"}), "InvalidEventCategoryException").await;
    let many = json!({"LookupAttributes": vec![json!({"AttributeKey": "EventName", "AttributeValue": "x"}); 21]});
    refused_as(&bench, "us-east-1", "LookupEvents", many, "InvalidLookupAttributesException").await;
}

#[tokio::test]
async fn two_lookups_a_second() {
    let bench = Bench::limited(Some(2.0));
    for _ in 0..2 {
        ok(&bench, "us-east-1", "LookupEvents", json!({})).await;
    }
    refused(&bench, "us-east-1", "LookupEvents", json!({}), "ThrottlingException", "Rate exceeded").await;
    ok(&bench, "eu-west-1", "LookupEvents", json!({})).await;
    bench.clock.advance(Duration::milliseconds(500));
    ok(&bench, "us-east-1", "LookupEvents", json!({})).await;
}

#[tokio::test]
async fn public_keys_of_the_region_in_one_answer() {
    let bench = Bench::new();
    assert_eq!(ok(&bench, "us-east-1", "ListPublicKeys", json!({})).await, json!({"PublicKeyList": []}));
    let key = bench.app.signing_keys.current("us-east-1", crate::testing::ACCOUNT).await.expect("a key");
    let expect = json!([{
        "Value": key.value, "Fingerprint": key.fingerprint,
        "ValidityStartTime": key.valid_from.unix_timestamp(), "ValidityEndTime": key.valid_to.unix_timestamp(),
    }]);
    let at = START.unix_timestamp();
    for (region, input, found) in [
        ("us-east-1", json!({}), true),
        ("us-east-1", json!({"StartTime": at - 10_000_000, "EndTime": at as f64 + 0.5}), true),
        ("us-east-1", json!({"StartTime": at - 10_000_000, "EndTime": at - 9_000_000}), false),
        ("eu-west-1", json!({}), false),
    ] {
        let output = ok(&bench, region, "ListPublicKeys", input.clone()).await;
        assert_eq!(output["PublicKeyList"], if found { expect.clone() } else { json!([]) }, "{region} {input}");
    }
    for (input, code) in [
        (json!({"StartTime": at, "EndTime": at - 1}), "InvalidTimeRangeException"),
        (json!({"StartTime": at + 1}), "InvalidTimeRangeException"),
        (json!({"NextToken": "x"}), "InvalidTokenException"),
    ] {
        refused_as(&bench, "us-east-1", "ListPublicKeys", input, code).await;
    }
}
