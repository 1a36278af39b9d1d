use super::SERVICE;
use crate::call::{Call, Caller};
use crate::testing::{ACCOUNT, Bench, code};
use serde_json::{Value, json};

#[tokio::test]
async fn callers_learn_who_they_are_and_nobody_is_refused_by_policy() {
    let bench = Bench::new();
    let root = bench.run(&SERVICE, bench.call_in("eu-west-1"), "GetCallerIdentity", json!({})).await;
    assert_eq!(root, Ok(json!({"Arn": format!("arn:aws:iam::{ACCOUNT}:root"), "UserId": ACCOUNT, "Account": ACCOUNT})));
    let record = bench.last_record();
    assert_eq!(record["eventSource"], "sts.amazonaws.com");
    assert_eq!(record["awsRegion"], "eu-west-1");
    assert_eq!(record["readOnly"], true);
    assert_eq!((&record["requestParameters"], &record["responseElements"]), (&Value::Null, &Value::Null));

    let user = bench.call_of_user("alice", None).await;
    let user = bench.run(&SERVICE, user, "GetCallerIdentity", json!({})).await;
    assert_eq!(user, Ok(json!({"Arn": format!("arn:aws:iam::{ACCOUNT}:user/alice"), "UserId": "AIDAalice", "Account": ACCOUNT})));
}

#[tokio::test]
async fn strangers_and_missing_operations() {
    let bench = Bench::new();
    let stranger = Call { caller: Caller::Anonymous, ..bench.call() };
    assert_eq!(code(bench.run(&SERVICE, stranger, "GetCallerIdentity", json!({})).await), "AccessDenied");
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "AssumeRole", json!({})).await), "UnsupportedOperation");
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "MakeTea", json!({})).await), "InvalidAction");
}
