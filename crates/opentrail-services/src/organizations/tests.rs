use super::SERVICE;
use crate::call::{Call, Caller};
use crate::cloudtrail;
use crate::credentials::Account;
use crate::testing::{ACCOUNT, Bench, code, hostile};
use opentrail_catalog::Changes;
use opentrail_model::trail::Trail;
use serde_json::{Value, json};

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
    hostile::check(
        &SERVICE,
        &[
            "AccountId",
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
        &["123456789012", "a@example.com", "r-abcd", "cloudtrail.amazonaws.com", "ACCOUNT"],
        |_, _, _| {},
    );
}
