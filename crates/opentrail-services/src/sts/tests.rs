use super::SERVICE;
use crate::call::{Call, Caller};
use crate::iam;
use crate::temporary::{TemporaryCredentials, TokenFault};
use crate::testing::{ACCOUNT, Bench, code, hostile, told};
use serde_json::{Value, json};
use time::Duration;

const OTHER: &str = "222222222222";

async fn ok(bench: &Bench, call: Call, operation: &str, input: Value) -> Value {
    let result = bench.run(&SERVICE, call, operation, input.clone()).await;
    result.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

/// The caller that credentials in an answer stand for.
fn holder(bench: &Bench, answer: &Value) -> Caller {
    let text = |member: &str| answer["Credentials"][member].as_str().expect("text").to_owned();
    let opened = TemporaryCredentials::open(&bench.app.seal, &text("AccessKeyId"), &text("SessionToken"), bench.app.intake.now());
    let opened = opened.expect("the token opens");
    assert_eq!(opened.secret, text("SecretAccessKey"));
    opened.caller(&bench.app.catalog).expect("catalog").expect("somebody")
}

async fn role(bench: &Bench, account: &str, name: &str, trust: Value) -> String {
    let call = Call {
        caller: Caller::Root { account: account.into(), access_key: "AKIAROOT000000000000".into(), session: None },
        account: account.into(),
        ..bench.call()
    };
    let document = json!({"Version": "2012-10-17", "Statement": trust});
    let input = json!({"RoleName": name, "AssumeRolePolicyDocument": document.to_string()});
    let made = bench.run(&iam::SERVICE, call, "CreateRole", input).await.expect("a role");
    made["Role"]["Arn"].as_str().expect("an ARN").to_owned()
}

fn allow(principal: &str, condition: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

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
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "AssumeRoot", json!({})).await), "UnsupportedOperation");
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "MakeTea", json!({})).await), "InvalidAction");
}

#[tokio::test]
async fn sessions_of_users_are_the_user_with_less_reach() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", Some(everything())).await;
    let answer = ok(&bench, alice.clone(), "GetSessionToken", json!({"DurationSeconds": "900"})).await;
    let record = bench.last_record();
    assert_eq!(record["requestParameters"], json!({"durationSeconds": 900}));
    let recorded = &record["responseElements"]["credentials"];
    assert_eq!(recorded["expiration"], "Nov 21, 2026, 10:15:00 AM");
    assert!(recorded["sessionToken"].is_string() && recorded.get("secretAccessKey").is_none());

    let session = Call { caller: holder(&bench, &answer), ..alice.clone() };
    let identity = ok(&bench, session.clone(), "GetCallerIdentity", json!({})).await;
    assert_eq!(identity["Arn"], format!("arn:aws:iam::{ACCOUNT}:user/alice"));
    let context = &bench.last_record()["userIdentity"]["sessionContext"];
    assert_eq!(context["attributes"], json!({"creationDate": "2026-11-21T10:00:00Z", "mfaAuthenticated": "false"}));
    assert_eq!(code(bench.run(&iam::SERVICE, session.clone(), "ListUsers", json!({})).await), "InvalidClientTokenId");
    let refused = told(bench.run(&SERVICE, session, "GetFederationToken", json!({"Name": "bob"})).await);
    assert_eq!(refused, ("AccessDenied".into(), "Cannot call GetFederationToken with session credentials".into()));

    for (input, expect) in [
        (json!({"DurationSeconds": "899"}), "ValidationError"),
        (json!({"DurationSeconds": "129601"}), "ValidationError"),
        (json!({"DurationSeconds": "soon"}), "ValidationError"),
        (json!({"SerialNumber": "arn:aws:iam::123456789012:mfa/x"}), "ValidationError"),
        (json!({"SerialNumber": "arn:aws:iam::123456789012:mfa/x", "TokenCode": "123456"}), "AccessDenied"),
        (json!({"DurationSeconds": []}), "SerializationException"),
    ] {
        assert_eq!(code(bench.run(&SERVICE, alice.clone(), "GetSessionToken", input.clone()).await), expect, "{input}");
    }
}

#[tokio::test]
async fn sessions_end_with_their_time_and_with_their_user() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", Some(everything())).await;
    let answer = ok(&bench, alice, "GetSessionToken", json!({"DurationSeconds": "900"})).await;
    holder(&bench, &answer);
    bench
        .run(&iam::SERVICE, bench.call(), "DeleteUserPolicy", json!({"UserName": "alice", "PolicyName": "p"}))
        .await
        .expect("gone");
    bench.run(&iam::SERVICE, bench.call(), "DeleteUser", json!({"UserName": "alice"})).await.expect("gone");
    bench.run(&iam::SERVICE, bench.call(), "CreateUser", json!({"UserName": "alice"})).await.expect("another");
    let text = |member: &str| answer["Credentials"][member].as_str().expect("text").to_owned();
    let open = |now| TemporaryCredentials::open(&bench.app.seal, &text("AccessKeyId"), &text("SessionToken"), now);
    let opened = open(bench.app.intake.now()).expect("opens");
    assert_eq!(opened.caller(&bench.app.catalog).expect("catalog"), None, "the user of that name is another");
    let later = bench.app.intake.now() + Duration::seconds(900);
    assert_eq!(open(later).map(|_| ()), Err(TokenFault::Expired));
}

#[tokio::test]
async fn roles_of_the_own_account_are_assumed_when_both_sides_allow_it() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", Some(everything())).await;
    let bob = bench.call_of_user("bob", None).await;
    let arn = role(&bench, ACCOUNT, "reader", allow(&format!("arn:aws:iam::{ACCOUNT}:root"), Value::Null)).await;
    let input = json!({"RoleArn": arn, "RoleSessionName": "work"});
    let answer = ok(&bench, alice.clone(), "AssumeRole", input.clone()).await;
    assert_eq!(answer["AssumedRoleUser"]["Arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/work"));
    let record = bench.last_record();
    assert_eq!((&record["readOnly"], &record["sharedEventID"]), (&json!(true), &Value::Null));
    assert_eq!(record["resources"][0]["ARN"], arn);
    let session = Call { caller: holder(&bench, &answer), ..alice.clone() };
    ok(&bench, session.clone(), "GetCallerIdentity", json!({})).await;
    let identity = bench.last_record()["userIdentity"].clone();
    assert_eq!(identity["type"], "AssumedRole");
    assert_eq!(identity["sessionContext"]["sessionIssuer"]["userName"], "reader");
    // The account as a whole is trusted, so bob's own policies have to allow it, and do not.
    let refused = told(bench.run(&SERVICE, bob, "AssumeRole", input.clone()).await);
    let message =
        format!("User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole on resource: {arn}");
    assert_eq!(refused, ("AccessDenied".into(), message));
    let root = told(bench.run(&SERVICE, bench.call(), "AssumeRole", input).await);
    assert_eq!(root.1, "Roles may not be assumed by root accounts.");
    let missing = json!({"RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/none"), "RoleSessionName": "work"});
    assert_eq!(code(bench.run(&SERVICE, alice.clone(), "AssumeRole", missing).await), "AccessDenied");
    // Chaining: an hour at most, and durations up to what the role says.
    for (call, seconds, expect) in [(alice, "3601", "MaxSessionDuration set for this role"), (session, "3601", "role chaining")] {
        let input = json!({"RoleArn": arn, "RoleSessionName": "work", "DurationSeconds": seconds});
        let open = role(&bench, ACCOUNT, &format!("open-{}", expect.len()), allow("*", Value::Null)).await;
        let mut input = input;
        input["RoleArn"] = open.into();
        let refused = told(bench.run(&SERVICE, call, "AssumeRole", input).await);
        assert!(refused.1.contains(expect), "{refused:?}");
    }
}

#[tokio::test]
async fn roles_of_another_account_and_its_conditions() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", Some(everything())).await;
    let bob = bench.call_of_user("bob", None).await;
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let condition = json!({"StringEquals": {"sts:ExternalId": "secret-1"}});
    let arn = role(&bench, OTHER, "reader", allow(&root, condition)).await;
    let with = |id: Option<&str>| {
        let mut input = json!({"RoleArn": arn, "RoleSessionName": "work"});
        if let Some(id) = id {
            input["ExternalId"] = id.into();
        }
        input
    };
    for id in [None, Some("secret-2")] {
        assert_eq!(code(bench.run(&SERVICE, alice.clone(), "AssumeRole", with(id)).await), "AccessDenied", "{id:?}");
    }
    assert_eq!(code(bench.run(&SERVICE, bob, "AssumeRole", with(Some("secret-1"))).await), "AccessDenied");
    let answer = ok(&bench, alice.clone(), "AssumeRole", with(Some("secret-1"))).await;
    let records = bench.records();
    let [own, owners] = &records[records.len() - 2..] else { panic!("two records") };
    assert_eq!((&own["recipientAccountId"], &owners["recipientAccountId"]), (&json!(ACCOUNT), &json!(OTHER)));
    assert!(own["sharedEventID"].is_string());
    assert_eq!(own["sharedEventID"], owners["sharedEventID"]);
    assert_ne!(own["eventID"], owners["eventID"]);
    assert_eq!(own["userIdentity"]["type"], "IAMUser");
    assert_eq!(owners["userIdentity"], json!({"type": "AWSAccount", "principalId": "AIDAalice", "accountId": ACCOUNT}));
    let Caller::AssumedRole { account, .. } = holder(&bench, &answer) else { panic!("a role") };
    assert_eq!(account, OTHER);
}

#[tokio::test]
async fn tags_and_source_identity_pass_on_and_need_permission() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", Some(everything())).await;
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let plain = role(&bench, ACCOUNT, "plain", allow(&root, Value::Null)).await;
    let input = |arn: &str| {
        json!({"RoleArn": arn, "RoleSessionName": "work", "Tags": [{"Key": "team", "Value": "red"}],
        "TransitiveTagKeys": ["team"], "SourceIdentity": "alice@example.com"})
    };
    assert_eq!(code(bench.run(&SERVICE, alice.clone(), "AssumeRole", input(&plain)).await), "AccessDenied");
    let all = json!({"Effect": "Allow", "Principal": {"AWS": root}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]});
    let first = role(&bench, ACCOUNT, "first", all.clone()).await;
    let mut narrow = all;
    narrow["Condition"] = json!({"StringEquals": {"aws:PrincipalTag/team": "red", "sts:SourceIdentity": "alice@example.com"}});
    let second = role(&bench, ACCOUNT, "second", narrow).await;
    bench
        .run(
            &iam::SERVICE,
            bench.call(),
            "PutRolePolicy",
            json!({"RoleName": "first", "PolicyName": "p", "PolicyDocument": everything().to_string()}),
        )
        .await
        .expect("put");
    let answer = ok(&bench, alice.clone(), "AssumeRole", input(&first)).await;
    assert_eq!(answer["SourceIdentity"], "alice@example.com");
    assert_eq!(answer["PackedPolicySize"], 1);
    let session = Call { caller: holder(&bench, &answer), ..alice };
    let chained = ok(&bench, session.clone(), "AssumeRole", json!({"RoleArn": second, "RoleSessionName": "next"})).await;
    let chained = holder(&bench, &chained);
    let inner = chained.session().expect("a session");
    assert_eq!(inner.tags["team"], "red");
    assert_eq!(inner.source_identity.as_deref(), Some("alice@example.com"));
    let clash = json!({"RoleArn": second, "RoleSessionName": "next", "Tags": [{"Key": "Team", "Value": "blue"}]});
    assert_eq!(code(bench.run(&SERVICE, session.clone(), "AssumeRole", clash).await), "InvalidParameterValue");
    let other = json!({"RoleArn": second, "RoleSessionName": "next", "SourceIdentity": "mallory"});
    assert_eq!(code(bench.run(&SERVICE, session, "AssumeRole", other).await), "AccessDenied");
}

#[tokio::test]
async fn federated_users_have_what_both_the_user_and_the_policy_allow() {
    let bench = Bench::new();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["cloudtrail:*", "sts:*"], "Resource": "*"}]});
    let alice = bench.call_of_user("alice", Some(policy)).await;
    let narrow =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cloudtrail:List*", "Resource": "*"}]});
    let answer = ok(&bench, alice.clone(), "GetFederationToken", json!({"Name": "guest", "Policy": narrow.to_string()})).await;
    assert_eq!(
        answer["FederatedUser"],
        json!({"FederatedUserId": format!("{ACCOUNT}:guest"),
        "Arn": format!("arn:aws:sts::{ACCOUNT}:federated-user/guest")})
    );
    assert_eq!(bench.last_record()["readOnly"], false);
    let guest = Call { caller: holder(&bench, &answer), ..alice.clone() };
    let trails = &crate::cloudtrail::SERVICE;
    bench.run(trails, guest.clone(), "ListTrails", json!({})).await.expect("allowed by both");
    let identity = bench.last_record()["userIdentity"].clone();
    assert_eq!((&identity["type"], &identity["principalId"]), (&json!("FederatedUser"), &json!(format!("{ACCOUNT}:guest"))));
    assert_eq!(identity["sessionContext"]["sessionIssuer"]["type"], "IAMUser");
    assert_eq!(code(bench.run(trails, guest, "DescribeTrails", json!({})).await), "AccessDeniedException");
    let nothing = ok(&bench, alice.clone(), "GetFederationToken", json!({"Name": "guest"})).await;
    let guest = Call { caller: holder(&bench, &nothing), ..alice };
    assert_eq!(code(bench.run(trails, guest, "ListTrails", json!({})).await), "AccessDeniedException");
}

#[tokio::test]
async fn bad_input_is_refused_in_aws_words() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", Some(everything())).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/none");
    let long = "x".repeat(2049);
    for (input, expect) in [
        (json!({}), "ValidationError"),
        (json!({"RoleArn": arn}), "ValidationError"),
        (json!({"RoleArn": "arn", "RoleSessionName": "ab"}), "ValidationError"),
        (json!({"RoleArn": arn, "RoleSessionName": "a b"}), "ValidationError"),
        (json!({"RoleArn": arn, "RoleSessionName": "ab", "ExternalId": "x"}), "ValidationError"),
        (json!({"RoleArn": arn, "RoleSessionName": "ab", "Policy": "{"}), "MalformedPolicyDocument"),
        (json!({"RoleArn": arn, "RoleSessionName": "ab", "Policy": long}), "ValidationError"),
        (json!({"RoleArn": arn, "RoleSessionName": "ab", "SourceIdentity": "aws:x"}), "ValidationError"),
        (json!({"RoleArn": arn, "RoleSessionName": "ab", "TransitiveTagKeys": ["x"]}), "ValidationError"),
        (json!({"RoleArn": arn, "RoleSessionName": "ab"}), "AccessDenied"),
    ] {
        assert_eq!(code(bench.run(&SERVICE, alice.clone(), "AssumeRole", input.clone()).await), expect, "{input}");
    }
    let tags: Vec<Value> = (0..50).map(|n| json!({"Key": format!("{n}{}", "k".repeat(100)), "Value": "v".repeat(200)})).collect();
    let input = json!({"RoleArn": arn, "RoleSessionName": "ab", "Tags": tags});
    assert_eq!(code(bench.run(&SERVICE, alice, "AssumeRole", input).await), "PackedPolicyTooLarge");
}

#[test]
fn hostile_inputs() {
    hostile::check(
        &SERVICE,
        &[
            "RoleArn",
            "RoleSessionName",
            "DurationSeconds",
            "Policy",
            "PolicyArns",
            "Tags",
            "Key",
            "Value",
            "TokenCode",
            "Name",
            "AccessKeyId",
        ],
        &["arn:aws:iam::123456789012:role/x", "3600", "name", "{}"],
        |_, _, _| {},
    );
}
