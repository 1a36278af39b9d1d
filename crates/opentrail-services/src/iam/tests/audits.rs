//! What audits ask: reports, summaries, simulations, last use.

use super::{SERVICE, create, ok, refused};
use crate::call::{Call, Caller};
use crate::credentials::{AccessKey, bootstrap};
use crate::testing::{ACCOUNT, Bench, code};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[tokio::test]
async fn the_credential_report_has_a_row_for_everybody() {
    let bench = Bench::new();
    bootstrap(&bench.app).await.expect("root key");
    let absent = "No report is present. Use GenerateCredentialReport to make one.";
    refused(&bench, "GetCredentialReport", json!({}), ("ReportNotPresent", 410), absent).await;
    create(&bench, "a,b").await;
    ok(&bench, "CreateAccessKey", json!({"UserName": "a,b"})).await;
    assert_eq!(ok(&bench, "GenerateCredentialReport", json!({})).await["State"], "STARTED");
    assert_eq!(ok(&bench, "GenerateCredentialReport", json!({})).await["State"], "COMPLETE");
    let report = ok(&bench, "GetCredentialReport", json!({})).await;
    let content = STANDARD.decode(report["Content"].as_str().expect("text")).expect("base 64");
    let content = String::from_utf8(content).expect("text");
    let rows: Vec<&str> = content.lines().collect();
    assert_eq!(rows.len(), 3, "{content}");
    assert!(rows.iter().all(|row| row.replace("\"a,b\"", "").replace(",b\",", ",").matches(',').count() == 21), "{content}");
    assert!(rows[1].starts_with(&format!("<root_account>,arn:aws:iam::{ACCOUNT}:root,2026-11-21T10:00:00+00:00,")));
    assert!(rows[2].contains(",true,2026-11-21T10:00:00+00:00,N/A,N/A,N/A,false,N/A,"), "{content}");
    bench.clock.advance(time::Duration::hours(5));
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "GetCredentialReport", json!({})).await), "ReportExpired");
}

#[tokio::test]
async fn last_use_is_told_and_only_to_the_account() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", None).await;
    let key = AccessKey::generate(&bench.app.seal, ACCOUNT, Some("alice"), alice.now).0;
    let mut changes = opentrail_catalog::Changes::new();
    changes.put(&AccessKey { id: "AKIAUSER000000000000".into(), ..key });
    bench.app.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    let ask = json!({"AccessKeyId": "AKIAUSER000000000000"});
    let used = ok(&bench, "GetAccessKeyLastUsed", ask.clone()).await;
    assert_eq!(used, json!({"UserName": "alice", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}));
    assert_eq!(code(bench.run(&SERVICE, alice, "GetUser", json!({})).await), "AccessDenied");
    let used = ok(&bench, "GetAccessKeyLastUsed", ask.clone()).await;
    assert_eq!(used["AccessKeyLastUsed"]["ServiceName"], "iam", "an attempt is a use");
    let caller = Caller::Root { account: "444455556666".into(), access_key: "AKIAAWAY000000000000".into(), session: None };
    let stranger = Call { account: "444455556666".into(), caller, ..bench.call() };
    assert_eq!(code(bench.run(&SERVICE, stranger, "GetAccessKeyLastUsed", ask).await), "NoSuchEntity");
}

#[tokio::test]
async fn simulations_decide_as_calls_would_be() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    ok(&bench, "CreateGroup", json!({"GroupName": "g"})).await;
    let deny = document(&json!([{"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}]));
    ok(&bench, "PutGroupPolicy", json!({"GroupName": "g", "PolicyName": "deny", "PolicyDocument": deny})).await;
    ok(&bench, "AddUserToGroup", json!({"GroupName": "g", "UserName": "alice"})).await;
    let s3 = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    ok(&bench, "AttachUserPolicy", json!({"UserName": "alice", "PolicyArn": s3})).await;
    let boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    ok(&bench, "PutUserPermissionsBoundary", json!({"UserName": "alice", "PermissionsBoundary": boundary})).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    let ask = json!({"PolicySourceArn": arn, "ActionNames": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "iam:GetUser"]});
    let told = ok(&bench, "SimulatePrincipalPolicy", ask).await;
    let results = told["EvaluationResults"].as_array().expect("list");
    let decisions: Vec<&Value> = results.iter().map(|result| &result["EvalDecision"]).collect();
    assert_eq!(decisions, ["allowed", "explicitDeny", "implicitDeny", "implicitDeny"]);
    assert_eq!(
        results[0]["MatchedStatements"],
        json!([{"SourcePolicyId": "AmazonS3FullAccess", "SourcePolicyType": "aws-managed"}])
    );
    assert_eq!(results[1]["MatchedStatements"][0]["SourcePolicyId"], "group_g_deny");
    assert_eq!(results[2]["PermissionsBoundaryDecisionDetail"], json!({"AllowedByPermissionsBoundary": false}));

    let trusting = document(&json!([{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": "*"}]));
    let nothing = document(&json!([{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]));
    let custom = |owner: &str| {
        json!({"PolicyInputList": [nothing], "ActionNames": ["s3:GetObject"], "ResourcePolicy": trusting, "CallerArn": arn,
            "ResourceOwner": format!("arn:aws:iam::{owner}:root")})
    };
    let decided = |told: Value| told["EvaluationResults"][0]["EvalDecision"].clone();
    assert_eq!(decided(ok(&bench, "SimulateCustomPolicy", custom(ACCOUNT)).await), "allowed");
    assert_eq!(decided(ok(&bench, "SimulateCustomPolicy", custom("444455556666")).await), "implicitDeny");
    for bad in [
        json!({"PolicyInputList": ["{"], "ActionNames": ["s3:GetObject"]}),
        json!({"PolicyInputList": [nothing], "ActionNames": ["GetObject"]}),
        json!({"PolicyInputList": [nothing], "ActionNames": ["s3:GetObject"], "CallerArn": "me"}),
    ] {
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "SimulateCustomPolicy", bad).await), "InvalidInput");
    }
    let nobody = json!({"PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:user/nobody"), "ActionNames": ["s3:GetObject"]});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "SimulatePrincipalPolicy", nobody).await), "NoSuchEntity");
}

#[tokio::test]
async fn details_come_in_pages() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        create(&bench, name).await;
    }
    let all = document(&json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]));
    let made = ok(&bench, "CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": all})).await;
    ok(&bench, "AttachUserPolicy", json!({"UserName": "a", "PolicyArn": made["Policy"]["Arn"]})).await;
    let first = ok(&bench, "GetAccountAuthorizationDetails", json!({"MaxItems": "2"})).await;
    assert_eq!(first["UserDetailList"].as_array().map(Vec::len), Some(2));
    assert_eq!(first["UserDetailList"][0]["AttachedManagedPolicies"][0]["PolicyName"], "p");
    let second = ok(&bench, "GetAccountAuthorizationDetails", json!({"Marker": first["Marker"]})).await;
    assert_eq!((second["UserDetailList"].as_array().map(Vec::len), &second["IsTruncated"]), (Some(1), &json!(false)));
    assert_eq!(second["Policies"][0]["PolicyVersionList"][0]["IsDefaultVersion"], true);
    let only = ok(&bench, "GetAccountAuthorizationDetails", json!({"Filter": ["LocalManagedPolicy"]})).await;
    assert_eq!((only["UserDetailList"].as_array().map(Vec::len), &only["Policies"][0]["PolicyName"]), (Some(0), &json!("p")));
    let summary = ok(&bench, "GetAccountSummary", json!({})).await.to_string();
    assert!(summary.contains(r#"{"key":"Users","value":3}"#), "{summary}");
}
