//! Which resource policies are asked about.

use super::*;

fn allow(action: &str, resource: &str) -> Option<Value> {
    Some(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}))
}

#[tokio::test]
async fn names_and_arns_are_judged_alike() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "mine").await;
    create(&bench, "us-east-1", "other").await;
    let call = bench.call_of_user("alice", allow("cloudtrail:*", &arn("us-east-1", "mine"))).await;
    for (given, allowed) in
        [("mine", true), (&arn("us-east-1", "mine"), true), ("other", false), (&arn("us-east-1", "other"), false)]
    {
        let result = bench.run(&SERVICE, call.clone(), "StartLogging", json!({"Name": given})).await;
        assert_eq!(result.is_ok(), allowed, "{given}");
        let result = bench.run(&SERVICE, call.clone(), "GetEventSelectors", json!({"TrailName": given})).await;
        assert_eq!(result.is_ok(), allowed, "{given}");
    }
    let (code, message) = told(bench.run(&SERVICE, call.clone(), "DeleteTrail", json!({"Name": "other"})).await);
    assert_eq!(code, "AccessDeniedException");
    assert_eq!(
        message,
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: cloudtrail:DeleteTrail on resource: {} because no identity-based policy allows the cloudtrail:DeleteTrail action",
            arn("us-east-1", "other")
        )
    );
    assert_eq!(bench.last_record()["errorCode"], "AccessDenied");
    for operation in ["DescribeTrails", "ListTrails", "LookupEvents", "ListPublicKeys"] {
        assert_eq!(told(bench.run(&SERVICE, call.clone(), operation, json!({})).await).0, "AccessDeniedException");
    }
}

#[tokio::test]
async fn every_listed_resource_is_asked_about() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "mine").await;
    create(&bench, "us-east-1", "other").await;
    let call = bench.call_of_user("alice", allow("cloudtrail:ListTags", &arn("us-east-1", "mine"))).await;
    let list = async |names: &[&str]| {
        let arns: Vec<String> = names.iter().map(|name| arn("us-east-1", name)).collect();
        bench.run(&SERVICE, call.clone(), "ListTags", json!({"ResourceIdList": arns})).await
    };
    assert!(list(&["mine"]).await.is_ok());
    assert!(list(&["mine", "mine"]).await.is_ok());
    assert_eq!(told(list(&["mine", "other"]).await).0, "AccessDeniedException");
    assert_eq!(told(list(&["other", "mine"]).await).0, "AccessDeniedException");
}

#[tokio::test]
async fn tags_of_trails_and_requests_are_condition_keys() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "red").await;
    create(&bench, "us-east-1", "blue").await;
    let tags =
        |name: &str, value: &str| json!({"ResourceId": arn("us-east-1", name), "TagsList": [{"Key": "team", "Value": value}]});
    for name in ["red", "blue"] {
        bench.run(&SERVICE, bench.call(), "AddTags", tags(name, name)).await.expect("root may");
    }
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "cloudtrail:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}},
        {"Effect": "Deny", "Action": "cloudtrail:AddTags", "Resource": "*",
         "Condition": {"StringNotEquals": {"aws:RequestTag/team": "red"}}}]});
    let alice = bench.call_of_user("alice", Some(policy)).await;
    let run = async |operation: &str, input: Value| bench.run(&SERVICE, alice.clone(), operation, input).await.is_ok();
    assert!(run("StopLogging", json!({"Name": "red"})).await);
    assert!(!run("StopLogging", json!({"Name": "blue"})).await);
    assert!(run("AddTags", tags("red", "red")).await);
    assert!(!run("AddTags", tags("red", "blue")).await);
}
