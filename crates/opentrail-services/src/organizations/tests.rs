use super::SERVICE;
use crate::call::{Call, Caller};
use crate::cloudtrail;
use crate::credentials::Account;
use crate::iam::Role;
use crate::session::Session;
use crate::testing::{ACCOUNT, Bench, code, hostile};
use opentrail_catalog::Changes;
use opentrail_model::trail::Trail;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const STANDALONE: &str = "333333333333";

async fn bench() -> Bench {
    let bench = Bench::new();
    let mut changes = Changes::new();
    for id in [ACCOUNT, STANDALONE] {
        changes.put(&Account::begin(id, bench.app.intake.now()));
    }
    bench.app.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    bench
}

fn root_of(bench: &Bench, account: &str) -> Call {
    let caller = Caller::Root { account: account.into(), access_key: "AKIAROOT000000000000".into(), session: None };
    Call { caller, account: account.into(), ..bench.call() }
}

async fn ok(bench: &Bench, account: &str, operation: &str, input: Value) -> Value {
    let result = bench.run(&SERVICE, root_of(bench, account), operation, input.clone()).await;
    result.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

async fn refused(bench: &Bench, account: &str, operation: &str, input: Value) -> String {
    code(bench.run(&SERVICE, root_of(bench, account), operation, input).await)
}

async fn trails(bench: &Bench, account: &str, operation: &str, input: Value) -> Result<Value, String> {
    bench.run(&cloudtrail::SERVICE, root_of(bench, account), operation, input).await.map_err(|error| error.code)
}

async fn create_account(bench: &Bench, name: &str) -> String {
    let input = json!({"AccountName": name, "Email": format!("{name}@example.com")});
    let status = ok(bench, ACCOUNT, "CreateAccount", input).await["CreateAccountStatus"].clone();
    assert_eq!(status["State"], "SUCCEEDED");
    status["AccountId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn organizations_are_made_described_and_taken_apart() {
    let bench = bench().await;
    assert_eq!(refused(&bench, ACCOUNT, "DescribeOrganization", json!({})).await, "AWSOrganizationsNotInUseException");
    let made = ok(&bench, ACCOUNT, "CreateOrganization", json!({"FeatureSet": "ALL"})).await;
    let record = bench.last_record();
    assert_eq!((&record["awsRegion"], &record["eventSource"]), (&json!("us-east-1"), &json!("organizations.amazonaws.com")));
    let id = made["Organization"]["Id"].as_str().expect("an id");
    assert_eq!(made["Organization"]["Arn"], format!("arn:aws:organizations::{ACCOUNT}:organization/{id}"));
    assert_eq!(ok(&bench, ACCOUNT, "DescribeOrganization", json!({})).await, made);
    assert_eq!(refused(&bench, ACCOUNT, "CreateOrganization", json!({})).await, "AlreadyInOrganizationException");

    let member = create_account(&bench, "one").await;
    let records = bench.records();
    let result = &records[records.len() - 1];
    assert_eq!((&result["eventName"], &result["eventType"]), (&json!("CreateAccountResult"), &json!("AwsServiceEvent")));
    assert_eq!(result["serviceEventDetails"]["createAccountStatus"]["accountId"], member);
    let same = json!({"AccountName": "again", "Email": "ONE@example.com"});
    assert_eq!(ok(&bench, ACCOUNT, "CreateAccount", same).await["CreateAccountStatus"]["FailureReason"], "EMAIL_ALREADY_EXISTS");
    let accounts = ok(&bench, ACCOUNT, "ListAccounts", json!({})).await;
    assert_eq!(accounts["Accounts"].as_array().expect("list").len(), 2);
    assert_eq!(refused(&bench, &member, "ListAccounts", json!({})).await, "AccessDeniedException");
    assert_eq!(ok(&bench, &member, "DescribeOrganization", json!({})).await, made);
    assert_eq!(refused(&bench, ACCOUNT, "DeleteOrganization", json!({})).await, "OrganizationNotEmptyException");
    assert_eq!(refused(&bench, ACCOUNT, "LeaveOrganization", json!({})).await, "MasterCannotLeaveOrganizationException");
    ok(&bench, ACCOUNT, "RemoveAccountFromOrganization", json!({"AccountId": member})).await;
    assert_eq!(refused(&bench, &member, "DescribeOrganization", json!({})).await, "AWSOrganizationsNotInUseException");
    ok(&bench, ACCOUNT, "DeleteOrganization", json!({})).await;
}

#[tokio::test]
async fn the_tree_has_a_root_units_and_accounts() {
    let bench = bench().await;
    ok(&bench, ACCOUNT, "CreateOrganization", json!({})).await;
    let root = ok(&bench, ACCOUNT, "ListRoots", json!({})).await["Roots"][0]["Id"].as_str().expect("root").to_owned();
    let made = ok(&bench, ACCOUNT, "CreateOrganizationalUnit", json!({"ParentId": root, "Name": "prod"})).await;
    let unit = made["OrganizationalUnit"]["Id"].as_str().expect("unit").to_owned();
    assert!(unit.starts_with(&format!("ou-{}-", &root[2..])));
    let again = json!({"ParentId": root, "Name": "prod"});
    assert_eq!(refused(&bench, ACCOUNT, "CreateOrganizationalUnit", again).await, "DuplicateOrganizationalUnitException");
    let account = create_account(&bench, "one").await;
    let moved = json!({"AccountId": account, "SourceParentId": root, "DestinationParentId": unit});
    ok(&bench, ACCOUNT, "MoveAccount", moved.clone()).await;
    assert_eq!(refused(&bench, ACCOUNT, "MoveAccount", moved).await, "SourceParentNotFoundException");
    let of = ok(&bench, ACCOUNT, "ListAccountsForParent", json!({"ParentId": unit})).await;
    assert_eq!(of["Accounts"][0]["Id"], account);
    let parents = ok(&bench, ACCOUNT, "ListParents", json!({"ChildId": account})).await;
    assert_eq!(parents["Parents"], json!([{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]));
    let children = ok(&bench, ACCOUNT, "ListChildren", json!({"ParentId": root, "ChildType": "ORGANIZATIONAL_UNIT"})).await;
    assert_eq!(children["Children"][0]["Id"], unit);
    let gone = json!({"OrganizationalUnitId": unit});
    assert_eq!(refused(&bench, ACCOUNT, "DeleteOrganizationalUnit", gone.clone()).await, "OrganizationalUnitNotEmptyException");
    ok(&bench, ACCOUNT, "MoveAccount", json!({"AccountId": account, "SourceParentId": unit, "DestinationParentId": root})).await;
    ok(&bench, ACCOUNT, "DeleteOrganizationalUnit", gone).await;
    assert_eq!(refused(&bench, ACCOUNT, "ListParents", json!({"ChildId": "999999999999"})).await, "ChildNotFoundException");
    assert_eq!(
        refused(&bench, ACCOUNT, "ListOrganizationalUnitsForParent", json!({"ParentId": "r-none"})).await,
        "ParentNotFoundException"
    );
    // Units nest five deep.
    let mut parent = root;
    for depth in 0..5 {
        let made = ok(&bench, ACCOUNT, "CreateOrganizationalUnit", json!({"ParentId": parent, "Name": depth.to_string()})).await;
        parent = made["OrganizationalUnit"]["Id"].as_str().expect("unit").to_owned();
    }
    let deeper = json!({"ParentId": parent, "Name": "deeper"});
    assert_eq!(refused(&bench, ACCOUNT, "CreateOrganizationalUnit", deeper).await, "ConstraintViolationException");
}

#[tokio::test]
async fn accounts_that_exist_join_by_invitation() {
    let bench = bench().await;
    ok(&bench, ACCOUNT, "CreateOrganization", json!({})).await;
    let target = json!({"Target": {"Id": STANDALONE, "Type": "ACCOUNT"}});
    let invited = ok(&bench, ACCOUNT, "InviteAccountToOrganization", target.clone()).await;
    let id = json!({"HandshakeId": invited["Handshake"]["Id"]});
    assert_eq!(refused(&bench, ACCOUNT, "InviteAccountToOrganization", target).await, "DuplicateHandshakeException");
    assert_eq!(refused(&bench, ACCOUNT, "AcceptHandshake", id.clone()).await, "HandshakeNotFoundException");
    let listed = ok(&bench, STANDALONE, "ListHandshakesForAccount", json!({})).await;
    assert_eq!(listed["Handshakes"][0]["State"], "OPEN");
    ok(&bench, STANDALONE, "AcceptHandshake", id.clone()).await;
    assert_eq!(refused(&bench, STANDALONE, "AcceptHandshake", id).await, "HandshakeAlreadyInStateException");
    let described = ok(&bench, ACCOUNT, "DescribeAccount", json!({"AccountId": STANDALONE})).await;
    assert_eq!(described["Account"]["JoinedMethod"], "INVITED");
    ok(&bench, STANDALONE, "LeaveOrganization", json!({})).await;
    assert_eq!(refused(&bench, ACCOUNT, "DescribeAccount", json!({"AccountId": STANDALONE})).await, "AccountNotFoundException");
}

#[tokio::test]
async fn organization_trails_belong_to_the_management_account() {
    let bench = bench().await;
    let create = json!({"Name": "whole", "S3BucketName": "logs", "IsOrganizationTrail": true});
    let expect = |code: &str| Err(code.to_owned());
    assert_eq!(trails(&bench, ACCOUNT, "CreateTrail", create.clone()).await, expect("OrganizationsNotInUseException"));
    ok(&bench, ACCOUNT, "CreateOrganization", json!({})).await;
    assert_eq!(trails(&bench, ACCOUNT, "CreateTrail", create.clone()).await, expect("CloudTrailAccessNotEnabledException"));
    ok(&bench, ACCOUNT, "EnableAWSServiceAccess", json!({"ServicePrincipal": "cloudtrail.amazonaws.com"})).await;
    let member = create_account(&bench, "one").await;
    assert_eq!(trails(&bench, &member, "CreateTrail", create.clone()).await, expect("NotOrganizationMasterAccountException"));
    let made = trails(&bench, ACCOUNT, "CreateTrail", create.clone()).await.expect("created");
    assert_eq!(made["IsOrganizationTrail"], true);
    let binding = bench.buckets.checked.lock().expect("no panic").pop().expect("asked");
    assert!(binding.organization.is_some_and(|id| id.starts_with("o-")));

    // Members see it by its ARN, and cannot touch it.
    let arn = json!({"Name": made["TrailARN"]});
    let seen = trails(&bench, &member, "DescribeTrails", json!({})).await.expect("described");
    assert_eq!(seen["trailList"][0]["TrailARN"], made["TrailARN"]);
    assert_eq!(trails(&bench, &member, "GetTrail", arn.clone()).await.expect("got")["Trail"]["IsOrganizationTrail"], true);
    trails(&bench, &member, "GetTrailStatus", arn.clone()).await.expect("status");
    assert_eq!(trails(&bench, &member, "GetTrail", json!({"Name": "whole"})).await, expect("TrailNotFoundException"));
    assert_eq!(trails(&bench, STANDALONE, "GetTrail", arn.clone()).await, expect("TrailNotFoundException"));
    for operation in ["StartLogging", "StopLogging", "DeleteTrail", "UpdateTrail"] {
        let refused = trails(&bench, &member, operation, arn.clone()).await;
        assert_eq!(refused, expect("NotOrganizationMasterAccountException"), "{operation}");
    }
    let tags = json!({"ResourceId": made["TrailARN"], "TagsList": [{"Key": "a", "Value": "b"}]});
    assert_eq!(trails(&bench, &member, "AddTags", tags).await, expect("NotOrganizationMasterAccountException"));

    // Whoever joins is taken, whoever leaves is not.
    let covered = || {
        let trail = bench.app.catalog.get::<Trail>(&format!("{ACCOUNT}/us-east-1/whole")).expect("catalog").expect("there");
        trail.accounts().map(str::to_owned).collect::<Vec<_>>()
    };
    let second = create_account(&bench, "two").await;
    assert!(covered().contains(&second) && covered().contains(&member) && covered().contains(&ACCOUNT.to_owned()));
    ok(&bench, &member, "LeaveOrganization", json!({})).await;
    assert!(!covered().contains(&member));
    assert_eq!(trails(&bench, &member, "GetTrail", arn.clone()).await, expect("TrailNotFoundException"));

    // A delegated administrator runs it; what it creates is the management account's.
    ok_trails(&bench, "RegisterOrganizationDelegatedAdmin", json!({"MemberAccountId": second})).await;
    let admins = ok(&bench, ACCOUNT, "ListDelegatedAdministrators", json!({})).await;
    assert_eq!(admins["DelegatedAdministrators"][0]["Id"], second);
    trails(&bench, &second, "StartLogging", arn.clone()).await.expect("started");
    let other = json!({"Name": "other", "S3BucketName": "logs", "IsOrganizationTrail": true});
    let other = trails(&bench, &second, "CreateTrail", other).await.expect("created");
    assert_eq!(other["TrailARN"], format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/other"));
    let flip = json!({"Name": other["TrailARN"], "IsOrganizationTrail": false});
    assert_eq!(trails(&bench, &second, "UpdateTrail", flip.clone()).await, expect("NotOrganizationMasterAccountException"));
    assert_eq!(trails(&bench, ACCOUNT, "UpdateTrail", flip).await.expect("updated")["IsOrganizationTrail"], false);
    let again = json!({"MemberAccountId": second});
    assert_eq!(trails(&bench, ACCOUNT, "RegisterOrganizationDelegatedAdmin", again).await, expect("AccountRegisteredException"));
    ok_trails(&bench, "DeregisterOrganizationDelegatedAdmin", json!({"DelegatedAdminAccountId": second})).await;
    assert_eq!(trails(&bench, &second, "StopLogging", arn).await, expect("NotOrganizationMasterAccountException"));
    let disable = json!({"ServicePrincipal": "cloudtrail.amazonaws.com"});
    assert_eq!(refused(&bench, ACCOUNT, "DisableAWSServiceAccess", disable).await, "ConstraintViolationException");
}

async fn ok_trails(bench: &Bench, operation: &str, input: Value) {
    trails(bench, ACCOUNT, operation, input).await.expect(operation);
}

#[test]
fn hostile_inputs() {
    hostile::check_after(
        &SERVICE,
        &[
            "AccountId",
            "PolicyId",
            "TargetId",
            "ResourceId",
            "RootId",
            "Type",
            "PolicyType",
            "Filter",
            "Content",
            "Description",
            "Tags",
            "Key",
            "Value",
            "TagKeys",
            "DestinationParentId",
            "SourceParentId",
            "OrganizationalUnitId",
            "Email",
            "AccountName",
            "ParentId",
            "ChildId",
            "ChildType",
            "Name",
            "ServicePrincipal",
            "Target",
            "HandshakeId",
        ],
        &[
            "123456789012",
            "a@example.com",
            "r-abcd",
            "cloudtrail.amazonaws.com",
            "ACCOUNT",
            "SERVICE_CONTROL_POLICY",
            "TAG_POLICY",
            "p-FullAWSAccess",
            ALLOW_ALL,
        ],
        |runtime, bench| {
            runtime.block_on(async {
                let (root, unit, member) = controlled(bench).await;
                let policy = policy(bench, "one", ALLOW_ALL).await;
                vec![root, unit, member, policy]
            })
        },
        |_, _, _| {},
    );
}

const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const DENY_TRAILS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"cloudtrail:*","Resource":"*"}]}"#;

/// An organization with service control policies, and its root, a unit, and a member in the unit.
async fn controlled(bench: &Bench) -> (String, String, String) {
    let mut changes = Changes::new();
    changes.put(&Account::begin(ACCOUNT, bench.app.intake.now()));
    bench.app.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    ok(bench, ACCOUNT, "CreateOrganization", json!({})).await;
    let root = ok(bench, ACCOUNT, "ListRoots", json!({})).await["Roots"][0]["Id"].as_str().expect("root").to_owned();
    let made = ok(bench, ACCOUNT, "CreateOrganizationalUnit", json!({"ParentId": root, "Name": "unit"})).await;
    let unit = made["OrganizationalUnit"]["Id"].as_str().expect("unit").to_owned();
    let member = create_account(bench, "member").await;
    let moved = json!({"AccountId": member, "SourceParentId": root, "DestinationParentId": unit});
    ok(bench, ACCOUNT, "MoveAccount", moved).await;
    ok(bench, ACCOUNT, "EnablePolicyType", json!({"RootId": root, "PolicyType": "SERVICE_CONTROL_POLICY"})).await;
    (root, unit, member)
}

async fn policy(bench: &Bench, name: &str, content: &str) -> String {
    let input = json!({"Name": name, "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": content});
    let made = ok(bench, ACCOUNT, "CreatePolicy", input).await;
    made["Policy"]["PolicySummary"]["Id"].as_str().expect("an id").to_owned()
}

/// A session of a role that may do everything as far as its own policies go.
async fn session_of(bench: &Bench, account: &str, path: &str, name: &str) -> Call {
    let role = Role {
        account: account.into(),
        name: name.into(),
        path: path.into(),
        id: format!("AROA{name}"),
        created: bench.app.intake.now(),
        trust: ALLOW_ALL.into(),
        description: None,
        max_session_seconds: 3600,
        policies: BTreeMap::from([("all".to_owned(), ALLOW_ALL.into())]),
        attached: BTreeSet::new(),
        boundary: None,
        tags: BTreeMap::new(),
    };
    let mut changes = Changes::new();
    changes.put(&role);
    bench.app.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    let caller = Caller::AssumedRole {
        account: account.into(),
        role: name.into(),
        role_arn: role.arn(),
        role_id: role.id.clone(),
        session_name: "s".into(),
        access_key: "ASIASESSION000000000".into(),
        session: Arc::new(Session::issued_at(bench.app.intake.now())),
    };
    Call { caller, account: account.into(), ..bench.call() }
}

#[tokio::test]
async fn service_control_policies_hold_members_and_spare_linked_roles_and_the_management_account() {
    let bench = Bench::new();
    let (root, unit, member) = controlled(&bench).await;
    let deny = policy(&bench, "no-trails", DENY_TRAILS).await;
    let describe = async |call: Call| bench.run(&cloudtrail::SERVICE, call, "DescribeTrails", json!({})).await.map(drop);
    let ordinary = session_of(&bench, &member, "/", "ordinary").await;
    let linked = session_of(&bench, &member, "/aws-service-role/cloudtrail.amazonaws.com/", "linked").await;
    let managing = session_of(&bench, ACCOUNT, "/", "managing").await;
    for target in [&root, &unit, &member] {
        describe(ordinary.clone()).await.expect("nothing denies yet");
        ok(&bench, ACCOUNT, "AttachPolicy", json!({"PolicyId": deny, "TargetId": target})).await;
        for held in [ordinary.clone(), root_of(&bench, &member)] {
            let error = describe(held).await.expect_err(target);
            assert!(error.message.ends_with("with an explicit deny in a service control policy"), "{error}");
        }
        for free in [linked.clone(), managing.clone(), root_of(&bench, ACCOUNT), root_of(&bench, STANDALONE)] {
            describe(free).await.expect(target);
        }
        ok(&bench, ACCOUNT, "DetachPolicy", json!({"PolicyId": deny, "TargetId": target})).await;
    }
    // What is attached to a unit does not reach beyond it, and goes with whoever leaves.
    ok(&bench, ACCOUNT, "AttachPolicy", json!({"PolicyId": deny, "TargetId": unit})).await;
    describe(ordinary.clone()).await.expect_err("in the unit");
    ok(&bench, ACCOUNT, "MoveAccount", json!({"AccountId": member, "SourceParentId": unit, "DestinationParentId": root})).await;
    describe(ordinary.clone()).await.expect("out of it");
    ok(&bench, ACCOUNT, "AttachPolicy", json!({"PolicyId": deny, "TargetId": member})).await;
    describe(ordinary.clone()).await.expect_err("on the account");
    ok(&bench, ACCOUNT, "RemoveAccountFromOrganization", json!({"AccountId": member})).await;
    describe(ordinary).await.expect("left");
}
