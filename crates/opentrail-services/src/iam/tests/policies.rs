//! Managed policies: versions, attachments, quotas, and that a change is in effect once it is acknowledged.

use super::{SERVICE, create, ok, refused};
use crate::cloudtrail;
use crate::testing::{ACCOUNT, Bench, code, told};
use serde_json::{Value, json};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess";

fn document(action: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}).to_string()
}

async fn policy(bench: &Bench, name: &str, action: &str) -> String {
    let made = ok(bench, "CreatePolicy", json!({"PolicyName": name, "PolicyDocument": document(action)})).await;
    made["Policy"]["Arn"].as_str().expect("an ARN").to_owned()
}

#[tokio::test]
async fn policies_have_versions() {
    let bench = Bench::new();
    let input = json!({"PolicyName": "trails", "Path": "/ops/", "PolicyDocument": document("cloudtrail:List*"),
        "Description": "lists", "Tags": [{"Key": "k", "Value": "v"}]});
    let made = ok(&bench, "CreatePolicy", input).await["Policy"].clone();
    let arn = made["Arn"].clone();
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:policy/ops/trails"));
    assert_eq!((&made["DefaultVersionId"], &made["AttachmentCount"]), (&json!("v1"), &json!(0)));
    let named = json!({"PolicyArn": arn});
    assert_eq!(ok(&bench, "GetPolicy", named.clone()).await["Policy"], made);
    for number in 2..=5 {
        let input = json!({"PolicyArn": arn, "PolicyDocument": document("cloudtrail:*"), "SetAsDefault": "false"});
        let version = ok(&bench, "CreatePolicyVersion", input).await["PolicyVersion"].clone();
        assert_eq!((&version["VersionId"], &version["IsDefaultVersion"]), (&json!(format!("v{number}")), &json!(false)));
    }
    let sixth = json!({"PolicyArn": arn, "PolicyDocument": document("cloudtrail:*")});
    let full =
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.";
    refused(&bench, "CreatePolicyVersion", sixth.clone(), ("LimitExceeded", 409), full).await;
    let version = |id: &str| json!({"PolicyArn": arn, "VersionId": id});
    let default = "Cannot delete the default version of a policy.";
    refused(&bench, "DeletePolicyVersion", version("v1"), ("DeleteConflict", 409), default).await;
    ok(&bench, "SetDefaultPolicyVersion", version("v5")).await;
    let listed = ok(&bench, "ListPolicyVersions", named.clone()).await;
    let ids: Vec<&Value> = listed["Versions"].as_array().expect("list").iter().map(|version| &version["VersionId"]).collect();
    assert_eq!(ids, ["v5", "v4", "v3", "v2", "v1"]);
    for id in ["v1", "v2", "v3", "v4"] {
        ok(&bench, "DeletePolicyVersion", version(id)).await;
    }
    let sixth = ok(&bench, "CreatePolicyVersion", sixth).await;
    assert_eq!(sixth["PolicyVersion"]["VersionId"], "v6", "numbers are not used again");
    let (failure, message) = told(bench.run(&SERVICE, bench.call(), "DeletePolicy", named.clone()).await);
    assert!(failure == "DeleteConflict" && message.starts_with("This policy has more than one version."), "{message}");
    let gone = format!("Policy {} version v1 does not exist or is not attachable.", arn.as_str().expect("text"));
    refused(&bench, "GetPolicyVersion", version("v1"), ("NoSuchEntity", 404), &gone).await;
    for bad in ["1", "v0", "v+1", "v", "vx"] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "GetPolicyVersion", version(bad)).await), "ValidationError", "{bad}");
    }
    ok(&bench, "DeletePolicyVersion", version("v6")).await;
    ok(&bench, "DeletePolicy", named.clone()).await;
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "GetPolicy", named).await), "NoSuchEntity");
}

#[tokio::test]
async fn what_is_attached_counts_and_cannot_be_deleted() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    let arn = policy(&bench, "trails", "cloudtrail:*").await;
    ok(&bench, "AttachUserPolicy", json!({"UserName": "alice", "PolicyArn": arn})).await;
    ok(&bench, "AttachUserPolicy", json!({"UserName": "alice", "PolicyArn": READ_ONLY})).await;
    ok(&bench, "PutUserPermissionsBoundary", json!({"UserName": "alice", "PermissionsBoundary": arn})).await;
    let told = ok(&bench, "GetPolicy", json!({"PolicyArn": arn})).await;
    let counts = (&told["Policy"]["AttachmentCount"], &told["Policy"]["PermissionsBoundaryUsageCount"]);
    assert_eq!(counts, (&json!(1), &json!(1)));
    let attached = ok(&bench, "ListAttachedUserPolicies", json!({"UserName": "alice"})).await;
    let names: Vec<&Value> = attached["AttachedPolicies"].as_array().expect("list").iter().map(|p| &p["PolicyName"]).collect();
    assert_eq!(names, ["trails", "AWSCloudTrail_ReadOnlyAccess"]);
    let local = ok(&bench, "ListPolicies", json!({"Scope": "Local"})).await;
    assert_eq!(local["Policies"].as_array().map(Vec::len), Some(1));
    let used = ok(&bench, "ListPolicies", json!({"OnlyAttached": "true"})).await;
    assert_eq!(used["Policies"].as_array().map(Vec::len), Some(2));
    let entities = ok(&bench, "ListEntitiesForPolicy", json!({"PolicyArn": arn})).await;
    assert_eq!(entities["PolicyUsers"][0]["UserName"], "alice");
    let entities = ok(&bench, "ListEntitiesForPolicy", json!({"PolicyArn": arn, "EntityFilter": "Role"})).await;
    assert_eq!(entities["PolicyUsers"], json!([]));

    let attached = "Cannot delete a policy attached to entities.";
    refused(&bench, "DeletePolicy", json!({"PolicyArn": arn}), ("DeleteConflict", 409), attached).await;
    let outside = "Policy is outside your own account.";
    refused(&bench, "DeletePolicy", json!({"PolicyArn": READ_ONLY}), ("AccessDenied", 403), outside).await;
    ok(&bench, "DetachUserPolicy", json!({"UserName": "alice", "PolicyArn": arn})).await;
    let gone = format!("Policy {arn} was not found.");
    let again = json!({"UserName": "alice", "PolicyArn": arn});
    refused(&bench, "DetachUserPolicy", again, ("NoSuchEntity", 404), &gone).await;
    ok(&bench, "DeleteUserPermissionsBoundary", json!({"UserName": "alice"})).await;
    ok(&bench, "DeletePolicy", json!({"PolicyArn": arn})).await;
}

#[tokio::test]
async fn quotas_and_bad_arns() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    for number in 0..10 {
        let arn = policy(&bench, &format!("p{number}"), "s3:*").await;
        ok(&bench, "AttachUserPolicy", json!({"UserName": "alice", "PolicyArn": arn})).await;
    }
    let eleventh = json!({"UserName": "alice", "PolicyArn": READ_ONLY});
    let quota = "Cannot exceed quota for PoliciesPerUser: 10";
    refused(&bench, "AttachUserPolicy", eleventh, ("LimitExceeded", 409), quota).await;
    let long = json!({"PolicyName": "long", "PolicyDocument": document(&format!("s3:{}", "x".repeat(6200)))});
    refused(&bench, "CreatePolicy", long, ("LimitExceeded", 409), "Cannot exceed quota for PolicySize: 6144").await;
    let taken = json!({"PolicyName": "P1", "PolicyDocument": document("s3:*")});
    let message = "A policy called P1 already exists. Duplicate names are not allowed.";
    refused(&bench, "CreatePolicy", taken, ("EntityAlreadyExists", 409), message).await;
    let attach = async |arn: &str| {
        code(bench.run(&SERVICE, bench.call(), "AttachUserPolicy", json!({"UserName": "alice", "PolicyArn": arn})).await)
    };
    assert_eq!(attach("this-is-not-an-arn-at-all").await, "InvalidInput");
    assert_eq!(attach("arn:aws:iam::aws:policy/Nothing").await, "NoSuchEntity");
    assert_eq!(attach("arn:aws:iam::444455556666:policy/p1").await, "NoSuchEntity");
    assert_eq!(attach(&format!("arn:aws:iam::{ACCOUNT}:policy/elsewhere/p1")).await, "NoSuchEntity");
    assert_eq!(attach("arn:aws:iam::aws:policy/aws-service-role/CloudTrailServiceRolePolicy").await, "PolicyNotAttachable");
}

#[tokio::test]
async fn a_change_is_in_effect_when_it_is_acknowledged() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", None).await;
    let describe = async || {
        bench.run(&cloudtrail::SERVICE, alice.clone(), "DescribeTrails", json!({})).await.map(|_| ()).map_err(|e| e.code)
    };
    let denied = Err("AccessDeniedException".to_owned());
    assert_eq!(describe().await, denied);
    let arn = policy(&bench, "trails", "cloudtrail:Describe*").await;
    ok(&bench, "AttachUserPolicy", json!({"UserName": "alice", "PolicyArn": arn})).await;
    for round in 0..5 {
        assert_eq!(describe().await, Ok(()), "{round}");
        let version = json!({"PolicyArn": arn, "PolicyDocument": document("s3:*"), "SetAsDefault": "true"});
        let made = ok(&bench, "CreatePolicyVersion", version).await["PolicyVersion"]["VersionId"].clone();
        assert_eq!(describe().await, denied, "{round}");
        ok(&bench, "SetDefaultPolicyVersion", json!({"PolicyArn": arn, "VersionId": "v1"})).await;
        ok(&bench, "DeletePolicyVersion", json!({"PolicyArn": arn, "VersionId": made})).await;
    }
    ok(&bench, "DetachUserPolicy", json!({"UserName": "alice", "PolicyArn": arn})).await;
    assert_eq!(describe().await, denied);
}

#[tokio::test]
async fn delegated_administrators_are_held_by_conditions() {
    let bench = Bench::new();
    let boundary = policy(&bench, "boundary", "s3:*").await;
    let delegated = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iam:CreateUser", "iam:PutUserPolicy"], "Resource": "*",
         "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}}},
        {"Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": "*",
         "Condition": {"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonS3*"}}},
        {"Effect": "Allow", "Action": "iam:TagUser", "Resource": "*",
         "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}, "StringEquals": {"aws:RequestTag/team": "dev"}}},
        {"Effect": "Allow", "Action": "iam:DeleteUser", "Resource": "*",
         "Condition": {"StringEquals": {"aws:ResourceTag/team": "dev"}}}]});
    let boss = bench.call_of_user("boss", Some(delegated)).await;
    let run = async |operation: &str, input: Value| {
        bench.run(&SERVICE, boss.clone(), operation, input.clone()).await.map(|_| ()).map_err(|error| error.code)
    };
    let denied = Err("AccessDenied".to_owned());
    assert_eq!(run("CreateUser", json!({"UserName": "dev"})).await, denied);
    assert_eq!(run("CreateUser", json!({"UserName": "dev", "PermissionsBoundary": boundary})).await, Ok(()));
    create(&bench, "free").await;
    let put = |name: &str| json!({"UserName": name, "PolicyName": "p", "PolicyDocument": document("*")});
    assert_eq!(run("PutUserPolicy", put("free")).await, denied);
    assert_eq!(run("PutUserPolicy", put("dev")).await, Ok(()));
    let attach = |name: &str| json!({"UserName": "dev", "PolicyArn": format!("arn:aws:iam::aws:policy/{name}")});
    assert_eq!(run("AttachUserPolicy", attach("AdministratorAccess")).await, denied);
    assert_eq!(run("AttachUserPolicy", attach("AmazonS3ReadOnlyAccess")).await, Ok(()));
    assert_eq!(run("DeleteUser", json!({"UserName": "free"})).await, denied);
    let tag = |key: &str, value: &str| json!({"UserName": "free", "Tags": [{"Key": key, "Value": value}]});
    assert_eq!(run("TagUser", tag("team", "ops")).await, denied);
    assert_eq!(run("TagUser", tag("owner", "dev")).await, denied);
    assert_eq!(run("TagUser", tag("team", "dev")).await, Ok(()));
    assert_eq!(run("DeleteUser", json!({"UserName": "free"})).await, Ok(()));
}
