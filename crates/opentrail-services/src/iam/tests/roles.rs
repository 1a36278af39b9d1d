//! Roles: made, found, changed, taken away; and who may do what with their sessions.

use super::{SERVICE, ok, refused};
use crate::call::{Call, Caller};
use crate::cloudtrail;
use crate::iam::Role;
use crate::session::Session;
use crate::testing::{ACCOUNT, Bench, code, told};
use opentrail_policy::PolicyText;
use serde_json::{Value, json};
use std::sync::Arc;

fn trust(principal: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})
        .to_string()
}

fn account_trust() -> String {
    trust(&json!({"AWS": ACCOUNT}))
}

async fn create(bench: &Bench, name: &str) -> Value {
    ok(bench, "CreateRole", json!({"RoleName": name, "AssumeRolePolicyDocument": account_trust()})).await
}

/// A call in a session of a role that exists.
fn call_of_role(bench: &Bench, name: &str, session: Session) -> Call {
    let role = bench.app.catalog.get::<Role>(&Role::key_of(ACCOUNT, name)).expect("catalog").expect("stored");
    let caller = Caller::AssumedRole {
        account: ACCOUNT.into(),
        role: role.name.clone(),
        role_arn: role.arn(),
        role_id: role.id.clone(),
        session_name: "work".into(),
        access_key: "ASIAROLE000000000000".into(),
        session: Arc::new(session),
    };
    Call { caller, ..bench.call() }
}

fn allow(action: &str, resource: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}).to_string()
}

#[tokio::test]
async fn roles_are_made_changed_and_taken_away() {
    let bench = Bench::new();
    let tags = json!([{"Key": "Team", "Value": "audit"}]);
    let input = json!({"RoleName": "reader", "Path": "/ops/", "AssumeRolePolicyDocument": account_trust(),
        "Description": "reads", "MaxSessionDuration": "7200", "Tags": tags});
    let role = ok(&bench, "CreateRole", input).await["Role"].clone();
    assert_eq!(role["Arn"], format!("arn:aws:iam::{ACCOUNT}:role/ops/reader"));
    assert_eq!((&role["MaxSessionDuration"], &role["Tags"]), (&json!(7200), &tags));
    assert!(role["RoleId"].as_str().is_some_and(|id| id.len() == 21 && id.starts_with("AROA")));
    assert!(role["AssumeRolePolicyDocument"].as_str().is_some_and(|text| text.starts_with("%7B%22")));
    let record = bench.last_record();
    assert_eq!(record["requestParameters"]["maxSessionDuration"], 7200);
    assert_eq!(record["responseElements"]["role"]["createDate"], "Nov 21, 2026, 10:00:00 AM");

    let name = json!({"RoleName": "reader"});
    assert_eq!(ok(&bench, "GetRole", name.clone()).await["Role"], role);
    let listed = ok(&bench, "ListRoles", json!({"PathPrefix": "/ops/"})).await;
    assert_eq!((&listed["Roles"][0]["RoleName"], listed["Roles"][0].get("Tags")), (&json!("reader"), None));
    assert_eq!(ok(&bench, "ListRoles", json!({"PathPrefix": "/dev/"})).await["Roles"], json!([]));

    ok(&bench, "UpdateRole", json!({"RoleName": "reader", "Description": ""})).await;
    let updated = ok(&bench, "GetRole", name.clone()).await["Role"].clone();
    assert_eq!((updated.get("Description"), &updated["MaxSessionDuration"]), (None, &json!(3600)));
    let service = trust(&json!({"Service": "cloudtrail.amazonaws.com"}));
    ok(&bench, "UpdateAssumeRolePolicy", json!({"RoleName": "reader", "PolicyDocument": service})).await;
    ok(&bench, "UntagRole", json!({"RoleName": "reader", "TagKeys": ["team"]})).await;
    assert_eq!(ok(&bench, "ListRoleTags", name.clone()).await["Tags"], json!([]));

    ok(&bench, "PutRolePolicy", json!({"RoleName": "reader", "PolicyName": "p", "PolicyDocument": allow("s3:*", "*")})).await;
    let conflict = ("DeleteConflict", 409);
    refused(&bench, "DeleteRole", name.clone(), conflict, "Cannot delete entity, must delete policies first.").await;
    ok(&bench, "DeleteRolePolicy", json!({"RoleName": "reader", "PolicyName": "p"})).await;
    let admin = json!({"RoleName": "reader", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    ok(&bench, "AttachRolePolicy", admin.clone()).await;
    refused(&bench, "DeleteRole", name.clone(), conflict, "Cannot delete entity, must detach all policies first.").await;
    ok(&bench, "DetachRolePolicy", admin).await;
    ok(&bench, "DeleteRole", name.clone()).await;
    refused(&bench, "GetRole", name, ("NoSuchEntity", 404), "The role with name reader cannot be found.").await;
}

#[tokio::test]
async fn trust_policies_have_rules() {
    let bench = Bench::new();
    let run = async |document: String| {
        let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": document});
        told(bench.run(&SERVICE, bench.call(), "CreateRole", input).await)
    };
    let missing = format!("arn:aws:iam::{ACCOUNT}:user/nobody");
    let expect = format!("Invalid principal in policy: \"AWS\":\"{missing}\"");
    assert_eq!(run(trust(&json!({"AWS": missing}))).await, ("MalformedPolicyDocument".into(), expect));
    let with_resource = allow("sts:AssumeRole", "*");
    assert_eq!(run(with_resource).await.0, "MalformedPolicyDocument");
    let long = trust(&json!({"AWS": (0..80).map(|n| format!("arn:aws:iam::444455556666:role/role-{n}")).collect::<Vec<_>>()}));
    let quota = "Cannot exceed quota for ACLSizePerRole: 2048".to_owned();
    assert_eq!(run(long).await, ("LimitExceeded".into(), quota));
    let reserved = json!({"RoleName": "r", "Path": "/aws-service-role/x/", "AssumeRolePolicyDocument": account_trust()});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateRole", reserved).await), "ValidationError");
    for seconds in ["3599", "43201", "-1"] {
        let input = json!({"RoleName": "r", "MaxSessionDuration": seconds, "AssumeRolePolicyDocument": account_trust()});
        assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateRole", input).await), "ValidationError", "{seconds}");
    }
}

#[tokio::test]
async fn a_user_made_again_is_not_trusted_in_the_place_of_the_old() {
    let bench = Bench::new();
    let user = ok(&bench, "CreateUser", json!({"UserName": "alice"})).await["User"].clone();
    ok(&bench, "CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": trust(&json!({"AWS": user["Arn"]}))})).await;
    ok(&bench, "DeleteUser", json!({"UserName": "alice"})).await;
    ok(&bench, "CreateUser", json!({"UserName": "alice"})).await;
    let role = ok(&bench, "GetRole", json!({"RoleName": "r"})).await["Role"]["AssumeRolePolicyDocument"].to_string();
    assert!(role.contains(user["UserId"].as_str().expect("id")) && !role.contains("user%2Falice"), "{role}");
}

#[tokio::test]
async fn sessions_have_their_roles_permissions() {
    let bench = Bench::new();
    create(&bench, "reader").await;
    let session = || Session::issued_at(bench.app.intake.now());
    let get = async |call: Call| bench.run(&SERVICE, call, "GetRole", json!({"RoleName": "reader"})).await;
    let refusal = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/work is not authorized to perform: iam:GetRole on resource: \
         arn:aws:iam::{ACCOUNT}:role/reader because no identity-based policy allows the iam:GetRole action"
    );
    assert_eq!(told(get(call_of_role(&bench, "reader", session())).await), ("AccessDenied".into(), refusal));
    assert_eq!(bench.last_record()["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"], "reader");

    ok(&bench, "AttachRolePolicy", json!({"RoleName": "reader", "PolicyArn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"})).await;
    let allowed = get(call_of_role(&bench, "reader", session())).await.expect("allowed");
    assert_eq!(allowed["Role"]["RoleLastUsed"]["Region"], "us-east-1");

    let narrow = Session { policies: vec![PolicyText::from(allow("iam:List*", "*").as_str())], ..session() };
    let (_, message) = told(get(call_of_role(&bench, "reader", narrow)).await);
    assert!(message.ends_with("because no session policy allows the iam:GetRole action"), "{message}");
    let by_arn = Session { policy_arns: vec!["arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess".into()], ..session() };
    assert_eq!(code(get(call_of_role(&bench, "reader", by_arn)).await), "AccessDenied");

    let boundary = json!({"RoleName": "reader", "PermissionsBoundary": "arn:aws:iam::aws:policy/AmazonS3FullAccess"});
    ok(&bench, "PutRolePermissionsBoundary", boundary).await;
    let (_, message) = told(get(call_of_role(&bench, "reader", session())).await);
    assert!(message.ends_with("because no permissions boundary allows the iam:GetRole action"), "{message}");
    ok(&bench, "DeleteRolePermissionsBoundary", json!({"RoleName": "reader"})).await;
    get(call_of_role(&bench, "reader", session())).await.expect("allowed again");

    let old = call_of_role(&bench, "reader", session());
    let admin = json!({"RoleName": "reader", "PolicyArn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"});
    ok(&bench, "DetachRolePolicy", admin.clone()).await;
    ok(&bench, "DeleteRole", json!({"RoleName": "reader"})).await;
    create(&bench, "reader").await;
    ok(&bench, "AttachRolePolicy", admin).await;
    assert_eq!(code(get(old).await), "AccessDenied", "a session of the old role gains nothing from the new one");
    get(call_of_role(&bench, "reader", session())).await.expect("the new one is its own");
}

#[tokio::test]
async fn tags_of_role_and_session_are_condition_keys() {
    let bench = Bench::new();
    let tags = json!([{"Key": "Team", "Value": "audit"}, {"Key": "stage", "Value": "test"}]);
    let input = json!({"RoleName": "tagged", "AssumeRolePolicyDocument": account_trust(), "Tags": tags});
    ok(&bench, "CreateRole", input).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cloudtrail:DescribeTrails",
        "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "audit", "aws:PrincipalTag/stage": "live"}}}]});
    let put = json!({"RoleName": "tagged", "PolicyName": "p", "PolicyDocument": policy.to_string()});
    ok(&bench, "PutRolePolicy", put).await;
    let describe = async |session: Session| {
        let call = call_of_role(&bench, "tagged", session);
        bench.run(&cloudtrail::SERVICE, call, "DescribeTrails", json!({})).await
    };
    let plain = Session::issued_at(bench.app.intake.now());
    assert_eq!(code(describe(plain.clone()).await), "AccessDeniedException");
    let live = Session { tags: [("Stage".into(), "live".into())].into(), ..plain };
    describe(live).await.expect("the session's tag wins");
}

#[tokio::test]
async fn roles_of_machines_are_passed_on_with_permission_only() {
    let bench = Bench::new();
    create(&bench, "worker").await;
    let profile = json!({"InstanceProfileName": "worker", "RoleName": "worker"});
    ok(&bench, "CreateInstanceProfile", json!({"InstanceProfileName": "worker"})).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:AddRole*", "Resource": "*"}]});
    let alice = bench.call_of_user("alice", Some(policy)).await;
    let (_, message) = told(bench.run(&SERVICE, alice, "AddRoleToInstanceProfile", profile.clone()).await);
    assert!(message.contains("is not authorized to perform: iam:PassRole on resource: arn:aws:iam::"), "{message}");
    ok(&bench, "AddRoleToInstanceProfile", profile.clone()).await;
    let expect = "Cannot delete entity, must remove roles from instance profile first.";
    refused(&bench, "DeleteRole", json!({"RoleName": "worker"}), ("DeleteConflict", 409), expect).await;
    let listed = ok(&bench, "ListInstanceProfilesForRole", json!({"RoleName": "worker"})).await;
    assert_eq!(listed["InstanceProfiles"][0]["Roles"][0]["RoleName"], "worker");
    ok(&bench, "RemoveRoleFromInstanceProfile", profile).await;
    ok(&bench, "DeleteInstanceProfile", json!({"InstanceProfileName": "worker"})).await;
    ok(&bench, "DeleteRole", json!({"RoleName": "worker"})).await;
}
