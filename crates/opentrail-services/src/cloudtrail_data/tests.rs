use super::{BUILT_IN_CHANNEL, SERVICE, built_in_channel_arn, put_audit_events_raw};
use crate::call::Call;
use crate::testing::{ACCOUNT, Bench, code, hostile, told};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn channel() -> String {
    built_in_channel_arn("us-east-1", ACCOUNT)
}

/// An event as the schema wants it.
fn event() -> Value {
    json!({
        "version": "1.0",
        "userIdentity": {"type": "CustomUser", "principalId": "p", "details": {"a": "b"}},
        "userAgent": "agent", "eventSource": "app.example.com", "eventName": "Login",
        "eventTime": "2026-11-21T09:59:00Z", "UID": "u-1",
        "requestParameters": {"k": [1, 2.5, null]}, "responseElements": {"ok": true},
        "errorCode": "e", "errorMessage": "m \" \\ é", "sourceIPAddress": "192.0.2.9",
        "recipientAccountId": ACCOUNT, "additionalEventData": {},
    })
}

fn given(events: &[(&str, String)]) -> Value {
    let list: Vec<Value> = events.iter().map(|(id, data)| json!({"id": id, "eventData": data})).collect();
    json!({"channelArn": channel(), "auditEvents": list})
}

/// Both ways in must agree, apart from random ids.
async fn put(bench: &Bench, input: Value) -> Result<Value, opentrail_wire::ApiError> {
    let arn = input["channelArn"].as_str().unwrap_or_default().to_owned();
    let body = json!({"auditEvents": input["auditEvents"]}).to_string();
    let raw = put_audit_events_raw(&bench.app, &bench.call(), &arn, input["externalId"].as_str(), body.as_bytes()).await;
    let raw = raw.map(|body| serde_json::from_slice::<Value>(&body).expect("JSON"));
    let tabled = bench.run(&SERVICE, bench.call(), "PutAuditEvents", input).await;
    match (&raw, &tabled) {
        (Ok(raw), Ok(tabled)) => {
            assert_eq!(raw["failed"], tabled["failed"]);
            let ids = |answer: &Value| {
                answer["successful"].as_array().map(|list| list.iter().map(|one| one["id"].clone()).collect::<Vec<_>>())
            };
            assert_eq!(ids(raw), ids(tabled));
        }
        _ => assert_eq!(raw, tabled),
    }
    raw
}

#[tokio::test]
async fn events_are_stored_as_they_came_and_the_call_is_a_data_event() {
    let bench = Bench::new();
    let spaced = serde_json::to_string_pretty(&event()).expect("JSON");
    let output = put(&bench, given(&[("a", event().to_string()), ("b", spaced)])).await.expect("taken");
    assert_eq!(output["failed"], json!([]));
    assert_eq!(output["successful"][1]["id"], "b");

    let records = bench.records();
    let [call, first, second] = &records[..3] else { panic!("three records per call") };
    assert_eq!(call["eventName"], "PutAuditEvents");
    assert_eq!((&call["eventCategory"], &call["managementEvent"]), (&json!("Data"), &json!(false)));
    assert_eq!(call["requestParameters"], json!({"channelArn": channel()}));
    assert_eq!(call["responseElements"], Value::Null);
    assert_eq!(call["resources"], json!([{"accountId": ACCOUNT, "type": "AWS::CloudTrail::Channel", "ARN": channel()}]));

    let expect = json!({
        "eventVersion": "1.11", "eventCategory": "ActivityAuditLog", "eventType": "ActivityLog",
        "eventID": output["successful"][0]["eventID"], "eventTime": "2026-11-21T09:59:00Z", "awsRegion": "us-east-1",
        "recipientAccountId": ACCOUNT,
        "metadata": {"ingestionTime": "2026-11-21T10:00:00Z", "channelARN": channel()},
        "eventData": event(),
    });
    assert_eq!(first, &expect);
    assert_eq!(second["eventData"], event());
    let log = bench.app.intake.log();
    let mut reader = log.reader(log.first()).expect("reader");
    let block = reader.next_block().expect("block").expect("an entry");
    let bytes: Vec<_> = block[0].entry.events.iter().map(|event| event.record.clone()).collect();
    assert_eq!(bytes[1].len(), bytes[2].len(), "whitespace is gone");
    assert!(!bytes[2].contains(&b'\n'));
}

#[tokio::test]
async fn each_event_is_judged_by_itself() {
    let bench = Bench::new();
    let with = |member: &str, value: Value| {
        let mut event = event();
        if value.is_null() {
            event.as_object_mut().expect("object").remove(member);
        } else {
            event[member] = value;
        }
        event.to_string()
    };
    let identity = |value: Value| with("userIdentity", value);
    let many = "x".repeat(1025);
    let deep = format!("{}1{}", "{\"a\":".repeat(70), "}".repeat(70));
    let cases = [
        ("not JSON".to_owned(), "InvalidData"),
        ("[]".to_owned(), "InvalidData"),
        ("{}".to_owned(), "FieldNotFound"),
        (format!("{} {{}}", event()), "InvalidData"),
        (with("version", Value::Null), "FieldNotFound"),
        (with("version", json!(1)), "InvalidData"),
        (with("version", json!("v".repeat(257))), "FieldTooLong"),
        (with("UID", Value::Null), "FieldNotFound"),
        (with("UID", json!(many)), "FieldTooLong"),
        (with("eventName", Value::Null), "FieldNotFound"),
        (with("eventSource", json!("")), "InvalidEventSource"),
        (with("eventTime", json!("yesterday")), "InvalidData"),
        (with("eventTime", Value::Null), "FieldNotFound"),
        (with("recipientAccountId", json!("999999999999")), "InvalidRecipient"),
        (with("recipientAccountId", Value::Null), "FieldNotFound"),
        (with("errorMessage", json!("m".repeat(257))), "FieldTooLong"),
        (with("requestParameters", json!("text")), "InvalidData"),
        (with("requestParameters", json!({"a": "x".repeat(100 * 1024)})), "FieldTooLong"),
        (with("additionalEventData", json!({"a": "x".repeat(28 * 1024)})), "FieldTooLong"),
        (identity(Value::Null), "FieldNotFound"),
        (identity(json!("me")), "InvalidData"),
        (identity(json!({"type": "t"})), "FieldNotFound"),
        (identity(json!({"type": "t", "principalId": "p", "details": []})), "InvalidData"),
        (identity(json!({"type": "t".repeat(129), "principalId": "p"})), "FieldTooLong"),
        (with("unknown", json!("x".repeat(256 * 1024))), "FieldTooLong"),
        // Readers of the log would stumble over these.
        (with("unknown", json!("LONE")).replace("LONE", "\\ud800"), "InvalidData"),
        (with("unknown", json!("BIG")).replace("\"BIG\"", "1e999"), "InvalidData"),
        (with("unknown", json!("DEEP")).replace("\"DEEP\"", &deep), "InvalidData"),
    ];
    for (data, expect) in cases {
        let output = put(&bench, given(&[("good", event().to_string()), ("bad", data.clone())])).await.expect("answered");
        let shown = &data[..data.len().min(200)];
        assert_eq!(output["failed"][0]["id"], "bad", "{shown}");
        assert_eq!(output["failed"][0]["errorCode"], expect, "{shown}: {output}");
        assert_eq!(output["successful"].as_array().map(Vec::len), Some(1), "{shown}");
    }
    for fine in [with("eventTime", json!("2026-11-21T09:59:00")), with("errorMessage", json!("é".repeat(256)))] {
        assert_eq!(put(&bench, given(&[("a", fine)])).await.expect("taken")["failed"], json!([]));
    }
}

#[tokio::test]
async fn checksums_are_those_of_the_text() {
    let bench = Bench::new();
    let data = event().to_string();
    let sum = STANDARD.encode(digest(&SHA256, data.as_bytes()));
    let mut input = given(&[("right", data.clone()), ("wrong", data)]);
    input["auditEvents"][0]["eventDataChecksum"] = sum.as_str().into();
    input["auditEvents"][1]["eventDataChecksum"] = sum.to_lowercase().into();
    let output = put(&bench, input).await.expect("answered");
    assert_eq!(output["successful"][0]["id"], "right");
    assert_eq!((&output["failed"][0]["id"], &output["failed"][0]["errorCode"]), (&json!("wrong"), &json!("InvalidChecksum")));
}

#[tokio::test]
async fn only_the_built_in_channel_is_there() {
    let bench = Bench::new();
    for (channel, expect) in [
        (channel(), None),
        (BUILT_IN_CHANNEL.to_owned(), None),
        (channel().replace("us-east-1", "eu-west-1"), Some("ChannelNotFound")),
        (channel().replace(ACCOUNT, "999999999999"), Some("ChannelNotFound")),
        (channel().replace("00000000-0000-4000", "11111111-0000-4000"), Some("ChannelNotFound")),
        ("11111111-0000-4000-8000-000000000000".to_owned(), Some("ChannelNotFound")),
        ("arn:aws:s3:::bucket".to_owned(), Some("InvalidChannelARN")),
        ("x".to_owned(), Some("InvalidChannelARN")),
        (String::new(), Some("InvalidChannelARN")),
    ] {
        let mut input = given(&[("a", event().to_string())]);
        input["channelArn"] = channel.as_str().into();
        let result = put(&bench, input).await;
        match expect {
            None => assert!(result.is_ok(), "{channel}"),
            Some(expect) => {
                assert_eq!(code(result), expect, "{channel}");
                assert_eq!(bench.last_record()["errorCode"], expect);
                assert_eq!(bench.last_record()["requestParameters"], json!({"channelArn": channel}));
            }
        }
    }
}

#[tokio::test]
async fn requests_are_bounded() {
    let bench = Bench::new();
    let same = given(&[("a", event().to_string()), ("a", event().to_string())]);
    assert_eq!(code(put(&bench, same).await), "DuplicatedAuditEventId");
    assert_eq!(code(put(&bench, given(&[])).await), "ValidationException");
    let ids: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let many: Vec<(&str, String)> = ids.iter().map(|id| (id.as_str(), event().to_string())).collect();
    assert_eq!(code(put(&bench, given(&many)).await), "ValidationException");
    assert!(put(&bench, given(&many[..100])).await.is_ok());
    let large: Vec<(&str, String)> = ids[..5].iter().map(|id| (id.as_str(), "x".repeat(250_000))).collect();
    assert_eq!(code(put(&bench, given(&large)).await), "ValidationException");
    for id in ["", "a b", &"i".repeat(129)] {
        assert_eq!(code(put(&bench, given(&[(id, event().to_string())])).await), "ValidationException", "{id}");
    }
    let mut external = given(&[("a", event().to_string())]);
    external["externalId"] = "x".into();
    assert_eq!(code(put(&bench, external.clone()).await), "ValidationException");
    external["externalId"] = "partner-1".into();
    assert!(put(&bench, external).await.is_ok());
    let raw = put_audit_events_raw(&bench.app, &bench.call(), &channel(), None, b"{").await;
    assert_eq!(raw.map_err(|error| error.code), Err("SerializationException".to_owned()));
    assert_eq!(bench.last_record()["errorCode"], "SerializationException");
}

#[tokio::test]
async fn users_need_permission_on_the_channel() {
    let bench = Bench::new();
    let input = given(&[("a", event().to_string())]);
    let body = json!({"auditEvents": input["auditEvents"]}).to_string();
    let allowed = |resource: &str| {
        json!({"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "cloudtrail-data:PutAuditEvents", "Resource": resource}]})
    };
    let may = bench.call_of_user("may", Some(allowed(&channel()))).await;
    let may_not = bench.call_of_user("maynot", Some(allowed("arn:aws:cloudtrail:*:*:channel/other"))).await;
    let raw = async |call: &Call| put_audit_events_raw(&bench.app, call, BUILT_IN_CHANNEL, None, body.as_bytes()).await;
    assert!(raw(&may).await.is_ok());
    let before = bench.records().len();
    assert_eq!(raw(&may_not).await.map_err(|error| (error.code, error.status)), Err(("AccessDenied".into(), 403)));
    assert_eq!(bench.records().len(), before + 1);
    assert_eq!(bench.last_record()["errorCode"], "AccessDenied");
    let tabled = bench.run(&SERVICE, may_not, "PutAuditEvents", input).await;
    assert_eq!(told(tabled).0, "AccessDenied");
}

const MEMBERS: &[&str] = &[
    "channelArn",
    "externalId",
    "auditEvents",
    "id",
    "eventData",
    "eventDataChecksum",
    "version",
    "userIdentity",
    "type",
    "principalId",
    "details",
    "eventTime",
    "eventSource",
    "eventName",
    "UID",
    "recipientAccountId",
    "requestParameters",
];
const TEXTS: &[&str] = &[BUILT_IN_CHANNEL, "{}", "[", "2026-11-21T10:00:00Z", ACCOUNT, "a"];

#[test]
fn nothing_panics() {
    hostile::check(&SERVICE, MEMBERS, TEXTS, |runtime, bench, input| {
        runtime.block_on(async {
            // The random value as an event inside a request that is right, and as a body.
            let _ = put(bench, given(&[("a", input.to_string())])).await;
            let body = input.to_string();
            let _ = put_audit_events_raw(&bench.app, &bench.call(), BUILT_IN_CHANNEL, None, body.as_bytes()).await;
            let cut = &body.as_bytes()[..body.len() / 2];
            let _ = put_audit_events_raw(&bench.app, &bench.call(), BUILT_IN_CHANNEL, None, cut).await;
        });
    });
}
