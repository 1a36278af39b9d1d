use super::{IMPORT_EVENTS, SERVICE, Upload, import_events, may_import};
use crate::testing::{ACCOUNT, Bench, code, hostile};
use serde_json::{Value, json};

fn upload(text: &str) -> Upload {
    let bytes = text.as_bytes().to_vec();
    Upload { source: "a/b.json".into(), stored_bytes: bytes.len() as u64, file: Box::new(std::io::Cursor::new(bytes)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_and_recorded_once() {
    let bench = Bench::new();
    let call = bench.call();
    let file = r#"{"Records":[{"eventID":"1","eventTime":"2026-11-20T10:00:00Z","recipientAccountId":"123456789012",
        "awsRegion":"us-east-1"},{"eventID":"2","eventTime":"2020-11-20T10:00:00Z"},{}]}"#;
    may_import(&bench.app, &call).expect("root may");
    let answer = import_events(&bench.app, &call, upload(file)).await.expect("imported");
    assert_eq!((&answer["accepted"], &answer["expired"], &answer["unparsedCount"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(answer["unparsed"][0]["record"], 2);
    assert_eq!((&answer["oldestExpired"], &answer["retentionDays"]), (&json!("2020-11-20T10:00:00Z"), &json!(90)));
    let record = bench.last_record();
    assert_eq!((&record["eventName"], &record["eventSource"]), (&json!(IMPORT_EVENTS), &json!("opentrail.amazonaws.com")));
    assert_eq!(record["requestParameters"], json!({"source": "a/b.json", "bytes": file.len()}));
    assert_eq!(record["responseElements"], json!({"accepted": 1, "duplicates": 0, "expired": 1, "unparsed": 1}));
    assert_eq!((&record["readOnly"], &record["recipientAccountId"]), (&json!(false), &json!(ACCOUNT)));
    let again = import_events(&bench.app, &call, upload(file)).await.expect("imported");
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn policies_decide_who_imports() {
    let bench = Bench::new();
    let policy =
        |action: &str| json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}], "Version": "2012-10-17"});
    let nobody = bench.call_of_user("nobody", None).await;
    assert_eq!(may_import(&bench.app, &nobody).expect_err("denied").code, "AccessDeniedException");
    let other = bench.call_of_user("other", Some(policy("cloudtrail:*"))).await;
    assert!(may_import(&bench.app, &other).is_err());
    assert_eq!(code(bench.run(&SERVICE, other, "DescribeHistory", json!({})).await), "AccessDeniedException");
    let importer = bench.call_of_user("importer", Some(policy("opentrail:ImportEvents"))).await;
    may_import(&bench.app, &importer).expect("allowed");
}

#[tokio::test]
async fn the_history_is_described() {
    let bench = Bench::new();
    let described = bench.run(&SERVICE, bench.call(), "DescribeHistory", json!({})).await.expect("described");
    assert_eq!((&described["AccountId"], &described["RetentionSeconds"]), (&json!(ACCOUNT), &json!(90 * 86_400)));
    assert!(described["Storage"]["LogBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{described}");
    assert_eq!(code(bench.run(&SERVICE, bench.call(), IMPORT_EVENTS, Value::Null).await), "ValidationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_values_are_completed_within_the_account() {
    let bench = Bench::new();
    let root = bench.call();
    let created = json!({"Name": "Other", "Email": "other@example.com", "AccountId": "210987654321"});
    bench.run(&SERVICE, root.clone(), "CreateAccount", created).await.expect("created");
    bench.run(&SERVICE, root.clone(), "DescribeHistory", json!({})).await.expect("described");
    bench.index();
    let complete =
        async |call: &crate::Call, input: Value| bench.run(&SERVICE, call.clone(), "Complete", input).await.expect("completed");
    let values = complete(&root, json!({"Field": "event", "Prefix": "cr"})).await;
    assert_eq!(values, json!({"Values": [{"Value": "CreateAccount", "Count": 1}]}));
    let names = complete(&root, json!({"Prefix": "requestparameters."})).await;
    assert!(names["Fields"].as_array().expect("names").contains(&json!("requestParameters.accountId")), "{names}");
    let mut other = root.clone();
    other.account = "210987654321".into();
    other.caller = crate::Caller::Root { account: other.account.clone(), access_key: "AKIAOTHER".into(), session: None };
    assert_eq!(complete(&other, json!({"Field": "event"})).await, json!({"Values": []}));
    assert_eq!(complete(&other, json!({"Prefix": "requestParameters."})).await, json!({"Fields": []}));
    let refused = code(bench.run(&SERVICE, root.clone(), "Complete", json!({"Field": "no such"})).await);
    assert_eq!(refused, "InvalidFieldException");
    assert_eq!(code(bench.run(&SERVICE, root, "Complete", json!({"MaxResults": 101})).await), "ValidationException");
}

#[test]
fn no_input_is_too_much() {
    hostile::check(&SERVICE, &["Query", "From"], &["*"], |_, _, _| {});
}
