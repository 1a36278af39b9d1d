mod audits;
mod groups;
mod policies;
mod roles;

use super::SERVICE;
use crate::call::{Call, Caller};
use crate::credentials::{AccessKey, bootstrap};
use crate::testing::{ACCOUNT, Bench, code, hostile, told};
use serde_json::{Value, json};

async fn ok(bench: &Bench, operation: &str, input: Value) -> Value {
    let result = bench.run(&SERVICE, bench.call_in("eu-west-1"), operation, input.clone()).await;
    result.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

async fn refused(bench: &Bench, operation: &str, input: Value, expect: (&str, u16), message: &str) {
    let result = bench.run(&SERVICE, bench.call(), operation, input.clone()).await;
    let error = result.expect_err("an error is expected");
    assert_eq!((error.code.as_str(), error.status), expect, "{operation} {input}: {error}");
    assert_eq!(error.message, message, "{operation} {input}");
    let record = bench.last_record();
    assert_eq!((&record["eventName"], &record["errorCode"]), (&json!(operation), &json!(expect.0)));
}

async fn create(bench: &Bench, name: &str) {
    ok(bench, "CreateUser", json!({"UserName": name})).await;
}

fn policy() -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}).to_string()
}

#[tokio::test]
async fn users_are_made_found_and_taken_away() {
    let bench = Bench::new();
    let created = ok(&bench, "CreateUser", json!({"UserName": "alice", "Path": "/dev/"})).await;
    let user = &created["User"];
    assert_eq!((&user["UserName"], &user["Path"]), (&json!("alice"), &json!("/dev/")));
    assert_eq!(user["Arn"], format!("arn:aws:iam::{ACCOUNT}:user/dev/alice"));
    assert_eq!(user["CreateDate"], "2026-11-21T10:00:00Z");
    assert!(user["UserId"].as_str().is_some_and(|id| id.len() == 21 && id.starts_with("AIDA")));
    let record = bench.last_record();
    assert_eq!((&record["awsRegion"], &record["eventSource"]), (&json!("us-east-1"), &json!("iam.amazonaws.com")));
    assert_eq!(record["requestParameters"], json!({"userName": "alice", "path": "/dev/"}));
    assert_eq!(record["responseElements"]["user"]["createDate"], "Nov 21, 2026, 10:00:00 AM");
    assert_eq!(record["responseElements"]["user"]["userId"], user["UserId"]);

    assert_eq!(ok(&bench, "GetUser", json!({"UserName": "alice"})).await, created);
    assert_eq!(bench.last_record()["responseElements"], Value::Null);
    assert_eq!(ok(&bench, "DeleteUser", json!({"UserName": "alice"})).await, Value::Null);
    let gone = "The user with name alice cannot be found.";
    for operation in ["GetUser", "DeleteUser", "CreateAccessKey", "ListAccessKeys", "ListUserPolicies"] {
        refused(&bench, operation, json!({"UserName": "alice"}), ("NoSuchEntity", 404), gone).await;
    }
}

#[tokio::test]
async fn names_and_paths_have_rules() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    let taken = "User with name ALICE already exists.";
    refused(&bench, "CreateUser", json!({"UserName": "ALICE"}), ("EntityAlreadyExists", 409), taken).await;
    let invalid = "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+";
    refused(&bench, "CreateUser", json!({"UserName": "a b"}), ("ValidationError", 400), invalid).await;
    let absent = "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null";
    refused(&bench, "CreateUser", json!({}), ("ValidationError", 400), absent).await;
    for bad in [
        json!({"UserName": "u".repeat(65)}),
        json!({"UserName": ""}),
        json!({"UserName": "bob", "Path": "dev"}),
        json!({"UserName": "bob", "Path": "/d v/"}),
        json!({"UserName": "bob", "Path": format!("/{}/", "p".repeat(511))}),
    ] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateUser", bad).await), "ValidationError");
    }
    let boundary = json!({"UserName": "bob", "PermissionsBoundary": "arn:aws:iam::aws:policy/X"});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateUser", boundary).await), "NoSuchEntity");
    let tagged = json!({"UserName": "bob", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "K", "Value": "v"}]});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateUser", tagged).await), "InvalidInput");
}

#[tokio::test]
async fn listings_come_in_pages() {
    let bench = Bench::new();
    for name in ["carol", "alice", "bob"] {
        create(&bench, name).await;
    }
    ok(&bench, "CreateUser", json!({"UserName": "dev", "Path": "/dev/"})).await;
    let first = ok(&bench, "ListUsers", json!({"MaxItems": "2"})).await;
    assert_eq!(bench.last_record()["requestParameters"], json!({"maxItems": 2}));
    let names = |page: &Value| page["Users"].as_array().expect("list").iter().map(|u| u["UserName"].clone()).collect::<Vec<_>>();
    assert_eq!((names(&first), &first["IsTruncated"]), (vec![json!("alice"), json!("bob")], &json!(true)));
    let second = ok(&bench, "ListUsers", json!({"MaxItems": "2", "Marker": first["Marker"]})).await;
    assert_eq!((names(&second), &second["IsTruncated"]), (vec![json!("carol"), json!("dev")], &json!(false)));
    assert_eq!(second.get("Marker"), None);
    assert_eq!(names(&ok(&bench, "ListUsers", json!({"PathPrefix": "/dev/"})).await), ["dev"]);
    for bad in [
        json!({"MaxItems": "0"}),
        json!({"MaxItems": "1001"}),
        json!({"MaxItems": "x"}),
        json!({"Marker": "!"}),
        json!({"PathPrefix": "x"}),
    ] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "ListUsers", bad).await), "ValidationError");
    }
}

#[tokio::test]
async fn a_secret_is_told_once_and_never_recorded() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    let created = ok(&bench, "CreateAccessKey", json!({"UserName": "alice"})).await;
    let key = &created["AccessKey"];
    let (id, secret) = (key["AccessKeyId"].as_str().expect("id"), key["SecretAccessKey"].as_str().expect("secret"));
    assert_eq!((key["UserName"].as_str(), key["Status"].as_str()), (Some("alice"), Some("Active")));
    let record = bench.last_record();
    let expect = json!({"accessKey": {"accessKeyId": id, "status": "Active", "userName": "alice", "createDate": "Nov 21, 2026, 10:00:00 AM"}});
    assert_eq!(record["responseElements"], expect);

    let listed = ok(&bench, "ListAccessKeys", json!({"UserName": "alice"})).await;
    let metadata = json!([{"AccessKeyId": id, "Status": "Active", "CreateDate": "2026-11-21T10:00:00Z", "UserName": "alice"}]);
    assert_eq!(listed, json!({"AccessKeyMetadata": metadata, "IsTruncated": false}));

    ok(&bench, "UpdateAccessKey", json!({"UserName": "alice", "AccessKeyId": id, "Status": "Inactive"})).await;
    let stored = bench.app.catalog.get::<AccessKey>(id).expect("catalog").expect("stored");
    assert_eq!((stored.active, stored.open_secret(&bench.app.seal).expect("opens").as_str()), (false, secret));
    ok(&bench, "CreateAccessKey", json!({"UserName": "alice"})).await;
    let full = "Cannot exceed quota for AccessKeysPerUser: 2";
    refused(&bench, "CreateAccessKey", json!({"UserName": "alice"}), ("LimitExceeded", 409), full).await;
    let attached = "Cannot delete entity, must delete access keys first.";
    refused(&bench, "DeleteUser", json!({"UserName": "alice"}), ("DeleteConflict", 409), attached).await;
    ok(&bench, "DeleteAccessKey", json!({"UserName": "alice", "AccessKeyId": id})).await;
    let gone = format!("The Access Key with id {id} cannot be found.");
    refused(&bench, "DeleteAccessKey", json!({"UserName": "alice", "AccessKeyId": id}), ("NoSuchEntity", 404), &gone).await;

    let log: String = bench.records().iter().map(Value::to_string).collect();
    assert!(!log.contains(secret));
}

#[tokio::test]
async fn keys_are_their_owners_alone() {
    let bench = Bench::new();
    let root = bootstrap(&bench.app).await.expect("root key");
    create(&bench, "alice").await;
    create(&bench, "bob").await;
    let made = ok(&bench, "CreateAccessKey", json!({"UserName": "alice"})).await;
    let id = made["AccessKey"]["AccessKeyId"].clone();
    for input in [
        json!({"UserName": "bob", "AccessKeyId": id}),
        json!({"AccessKeyId": id}),
        json!({"UserName": "alice", "AccessKeyId": root.id}),
    ] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "DeleteAccessKey", input).await), "NoSuchEntity");
    }
    let last = ("DeleteConflict", 409);
    let message = "Cannot delete the last active access key of the root user.";
    refused(&bench, "DeleteAccessKey", json!({"AccessKeyId": root.id}), last, message).await;
    let off = json!({"AccessKeyId": root.id, "Status": "Inactive"});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "UpdateAccessKey", off.clone()).await), "InvalidInput");
    let second = ok(&bench, "CreateAccessKey", json!({})).await;
    assert_eq!(second["AccessKey"].get("UserName"), None);
    ok(&bench, "UpdateAccessKey", off).await;
    ok(&bench, "DeleteAccessKey", json!({"AccessKeyId": root.id})).await;
    for bad in [json!({"AccessKeyId": "short"}), json!({"AccessKeyId": "x".repeat(129)}), json!({})] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "DeleteAccessKey", bad).await), "ValidationError");
    }
    let status = json!({"AccessKeyId": id, "Status": "Sleeping"});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "UpdateAccessKey", status).await), "ValidationError");
}

#[tokio::test]
async fn inline_policies_are_kept_as_written() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    let put = |name: &str, document: &str| json!({"UserName": "alice", "PolicyName": name, "PolicyDocument": document});
    let written = format!(" {}", policy());
    assert_eq!(told(bench.run(&SERVICE, bench.call(), "PutUserPolicy", put("p", &written)).await).0, "MalformedPolicyDocument");
    ok(&bench, "PutUserPolicy", put("p", &policy())).await;
    assert_eq!(bench.last_record()["requestParameters"]["policyDocument"], policy());
    let got = ok(&bench, "GetUserPolicy", json!({"UserName": "alice", "PolicyName": "p"})).await;
    let encoded = got["PolicyDocument"].as_str().expect("text");
    assert!(encoded.starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{encoded}");
    assert_eq!(
        ok(&bench, "ListUserPolicies", json!({"UserName": "alice"})).await,
        json!({"PolicyNames": ["p"], "IsTruncated": false})
    );

    for bad in [
        "{",
        "{}",
        r#"{"Statement":[]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}"#,
    ] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "PutUserPolicy", put("q", bad)).await), "MalformedPolicyDocument");
    }
    let long = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::{}", "x".repeat(2000))}]});
    let message = "Maximum policy size of 2048 bytes exceeded for user alice";
    refused(&bench, "PutUserPolicy", put("q", &long.to_string()), ("LimitExceeded", 409), message).await;
    let attached = "Cannot delete entity, must delete policies first.";
    refused(&bench, "DeleteUser", json!({"UserName": "alice"}), ("DeleteConflict", 409), attached).await;
    ok(&bench, "DeleteUserPolicy", json!({"UserName": "alice", "PolicyName": "p"})).await;
    let gone = "The user policy with name p cannot be found.";
    for operation in ["GetUserPolicy", "DeleteUserPolicy"] {
        refused(&bench, operation, json!({"UserName": "alice", "PolicyName": "p"}), ("NoSuchEntity", 404), gone).await;
    }
    ok(&bench, "DeleteUser", json!({"UserName": "alice"})).await;
}

#[tokio::test]
async fn without_a_name_the_caller_is_meant() {
    let bench = Bench::new();
    let root = ok(&bench, "GetUser", json!({})).await;
    assert_eq!(root["User"]["Arn"], format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!(bench.last_record()["requestParameters"], Value::Null);
    let own = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*",
        "Resource": format!("arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")}]});
    let alice = bench.call_of_user("alice", Some(own)).await;
    let run = async |operation: &str, input: Value| bench.run(&SERVICE, alice.clone(), operation, input).await;
    assert_eq!(run("GetUser", json!({})).await.expect("allowed")["User"]["UserName"], "alice");
    assert_eq!(run("CreateAccessKey", json!({})).await.expect("allowed")["AccessKey"]["UserName"], "alice");
    create(&bench, "bob").await;
    let (refusal, message) = told(run("CreateAccessKey", json!({"UserName": "bob"})).await);
    assert_eq!(refusal, "AccessDenied");
    assert!(message.contains(&format!("on resource: arn:aws:iam::{ACCOUNT}:user/bob")), "{message}");
    let nobody = Call { caller: Caller::Anonymous, ..bench.call() };
    assert_eq!(code(bench.run(&SERVICE, nobody, "GetUser", json!({})).await), "AccessDenied");
}

#[tokio::test]
async fn policies_are_asked_about_the_stored_path() {
    let bench = Bench::new();
    ok(&bench, "CreateUser", json!({"UserName": "boss", "Path": "/admin/"})).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": format!("arn:aws:iam::{ACCOUNT}:user/admin/*")}]});
    let alice = bench.call_of_user("alice", Some(policy)).await;
    for operation in ["CreateAccessKey", "GetUser", "DeleteUser"] {
        let denied = bench.run(&SERVICE, alice.clone(), operation, json!({"UserName": "boss"})).await;
        assert_eq!(code(denied), "AccessDenied", "{operation}");
    }
    assert_eq!(code(bench.run(&SERVICE, alice, "CreateUser", json!({"UserName": "x", "Path": "/admin/"})).await), "AccessDenied");
}

#[tokio::test]
async fn what_is_missing_says_so() {
    let bench = Bench::new();
    let unsupported = "UploadServerCertificate is not supported by OpenTrail yet.";
    refused(&bench, "UploadServerCertificate", json!({}), ("UnsupportedOperation", 400), unsupported).await;
    let unknown = "Could not find operation MakeTea for version 2010-05-08";
    refused(&bench, "MakeTea", json!({}), ("InvalidAction", 400), unknown).await;
    assert!(SERVICE.operations.iter().all(|operation| !SERVICE.missing.contains(&operation.name)));
}

const MEMBERS: &[&str] = &[
    "UserName",
    "Path",
    "PathPrefix",
    "PolicyName",
    "PolicyDocument",
    "AccessKeyId",
    "Status",
    "MaxItems",
    "Marker",
    "Tags",
    "Key",
    "Value",
    "TagKeys",
    "PermissionsBoundary",
    "GroupName",
    "RoleName",
    "AssumeRolePolicyDocument",
    "MaxSessionDuration",
    "PolicyArn",
    "VersionId",
    "SetAsDefault",
    "Description",
    "InstanceProfileName",
    "ActionNames",
    "ResourceArns",
    "ContextEntries",
    "PolicyInputList",
    "PolicySourceArn",
    "CallerArn",
    "SerialNumber",
    "VirtualMFADeviceName",
    "AuthenticationCode1",
    "AuthenticationCode2",
    "Url",
    "ClientIDList",
    "ThumbprintList",
    "OpenIDConnectProviderArn",
    "Password",
    "NewPassword",
    "OldPassword",
    "AccountAlias",
    "PathPrefix",
    "Marker",
    "MaxItems",
    "Tags",
    "TagKeys",
    "Key",
    "Value",
    "PermissionsBoundary",
    "AWSServiceName",
    "MinimumPasswordLength",
];
const TEXTS: &[&str] = &[
    "alice",
    "/",
    "/a/",
    "Active",
    "Inactive",
    "AKIA0123456789ABCDEF",
    "{}",
    "{\"Statement\":{}}",
    "3",
    "\u{0}é",
    "v1",
    "true",
    "arn:aws:iam::aws:policy/AdministratorAccess",
    "arn:aws:iam::123456789012:user/somebody",
    "somebody",
    "https://id.example.com",
    "s3:GetObject",
    "123456",
    "cloudtrail.amazonaws.com",
];

#[test]
fn nothing_panics() {
    hostile::check(&SERVICE, MEMBERS, TEXTS, |_, _, _| {});
}
