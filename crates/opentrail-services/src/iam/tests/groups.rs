//! Groups, new names, providers, aliases and roles of services.

use super::{SERVICE, create, ok, refused};
use crate::cloudtrail;
use crate::credentials::AccessKey;
use crate::testing::{ACCOUNT, Bench, code, told};
use serde_json::json;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess";

#[tokio::test]
async fn members_have_their_groups_permissions() {
    let bench = Bench::new();
    let alice = bench.call_of_user("alice", None).await;
    let may = async || bench.run(&cloudtrail::SERVICE, alice.clone(), "DescribeTrails", json!({})).await.is_ok();
    let group = ok(&bench, "CreateGroup", json!({"GroupName": "auditors", "Path": "/sec/"})).await["Group"].clone();
    assert_eq!(group["Arn"], format!("arn:aws:iam::{ACCOUNT}:group/sec/auditors"));
    assert!(group["GroupId"].as_str().is_some_and(|id| id.starts_with("AGPA")));
    ok(&bench, "AttachGroupPolicy", json!({"GroupName": "auditors", "PolicyArn": READ_ONLY})).await;
    assert!(!may().await);
    let member = json!({"GroupName": "auditors", "UserName": "alice"});
    ok(&bench, "AddUserToGroup", member.clone()).await;
    ok(&bench, "AddUserToGroup", member.clone()).await;
    assert!(may().await);
    let told = ok(&bench, "GetGroup", json!({"GroupName": "auditors"})).await;
    assert_eq!((&told["Group"], &told["Users"][0]["UserName"]), (&group, &json!("alice")));
    assert_eq!(ok(&bench, "ListGroupsForUser", json!({"UserName": "alice"})).await["Groups"], json!([group]));

    ok(&bench, "UpdateGroup", json!({"GroupName": "auditors", "NewGroupName": "checkers", "NewPath": "/"})).await;
    assert!(may().await, "who is in a group stays in it");
    let groups = ok(&bench, "ListGroupsForUser", json!({"UserName": "alice"})).await;
    assert_eq!(groups["Groups"][0]["Arn"], format!("arn:aws:iam::{ACCOUNT}:group/checkers"));
    let conflict = ("DeleteConflict", 409);
    let members = "Cannot delete entity, must remove users from group first.";
    refused(&bench, "DeleteGroup", json!({"GroupName": "checkers"}), conflict, members).await;
    refused(&bench, "DeleteUser", json!({"UserName": "alice"}), conflict, members).await;
    let member = json!({"GroupName": "checkers", "UserName": "alice"});
    ok(&bench, "RemoveUserFromGroup", member.clone()).await;
    assert!(!may().await);
    refused(&bench, "RemoveUserFromGroup", member, ("NoSuchEntity", 404), "User alice not in group checkers").await;
    let attached = "Cannot delete entity, must detach all policies first.";
    refused(&bench, "DeleteGroup", json!({"GroupName": "checkers"}), conflict, attached).await;
    ok(&bench, "DetachGroupPolicy", json!({"GroupName": "checkers", "PolicyArn": READ_ONLY})).await;
    ok(&bench, "DeleteGroup", json!({"GroupName": "checkers"})).await;
    assert_eq!(ok(&bench, "ListGroups", json!({})).await["Groups"], json!([]));
}

#[tokio::test]
async fn a_renamed_user_keeps_keys_and_trust() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    create(&bench, "bob").await;
    let key = ok(&bench, "CreateAccessKey", json!({"UserName": "alice"})).await["AccessKey"]["AccessKeyId"].clone();
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:user/alice")}}]});
    ok(&bench, "CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": trust.to_string()})).await;
    let taken = "User with name BOB already exists.";
    let update = |name: &str| json!({"UserName": "alice", "NewUserName": name, "NewPath": "/x/"});
    refused(&bench, "UpdateUser", update("BOB"), ("EntityAlreadyExists", 409), taken).await;
    ok(&bench, "UpdateUser", update("Alice")).await;
    let stored = bench.app.catalog.get::<AccessKey>(key.as_str().expect("id")).expect("catalog").expect("stored");
    assert_eq!(stored.user.as_deref(), Some("Alice"));
    let role = ok(&bench, "GetRole", json!({"RoleName": "r"})).await["Role"]["AssumeRolePolicyDocument"].to_string();
    assert!(role.contains("user%2Fx%2FAlice"), "{role}");
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "GetUser", json!({"UserName": "alice"})).await), "NoSuchEntity");
}

#[tokio::test]
async fn a_password_follows_a_renamed_user() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    let profile = |name: &str| json!({"UserName": name, "Password": "correct-Horse-7-battery"});
    ok(&bench, "CreateLoginProfile", profile("alice")).await;
    ok(&bench, "UpdateUser", json!({"UserName": "alice", "NewUserName": "alicia"})).await;
    ok(&bench, "GetLoginProfile", json!({"UserName": "alicia"})).await;
    create(&bench, "alice").await;
    let inherited = bench.run(&SERVICE, bench.call(), "GetLoginProfile", json!({"UserName": "alice"})).await;
    assert_eq!(code(inherited), "NoSuchEntity", "who is given the old name later has no password");
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let bench = Bench::new();
    create(&bench, "alice").await;
    for number in 0..11 {
        let group = format!("g{number}");
        ok(&bench, "CreateGroup", json!({"GroupName": group})).await;
        let input = json!({"GroupName": group, "UserName": "alice"});
        if number < 10 {
            ok(&bench, "AddUserToGroup", input).await;
        } else {
            let quota = "Cannot exceed quota for GroupsPerUser: 10";
            refused(&bench, "AddUserToGroup", input, ("LimitExceeded", 409), quota).await;
        }
    }
}

#[tokio::test]
async fn providers_are_kept_by_their_issuer() {
    let bench = Bench::new();
    let print = "0123456789ABCDEF0123456789abcdef01234567";
    let input = json!({"Url": "https://id.example.com/realm/", "ClientIDList": ["b", "a"], "ThumbprintList": [print]});
    let arn = ok(&bench, "CreateOpenIDConnectProvider", input.clone()).await["OpenIDConnectProviderArn"].clone();
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.com/realm"));
    let taken = "Provider with url https://id.example.com/realm/ already exists.";
    refused(&bench, "CreateOpenIDConnectProvider", input, ("EntityAlreadyExists", 409), taken).await;
    let named = json!({"OpenIDConnectProviderArn": arn});
    let with = |member: &str, value: serde_json::Value| {
        let mut input = named.clone();
        input[member] = value;
        input
    };
    ok(&bench, "AddClientIDToOpenIDConnectProvider", with("ClientID", json!("c"))).await;
    ok(&bench, "RemoveClientIDFromOpenIDConnectProvider", with("ClientID", json!("a"))).await;
    ok(&bench, "TagOpenIDConnectProvider", with("Tags", json!([{"Key": "k", "Value": "v"}]))).await;
    let told = ok(&bench, "GetOpenIDConnectProvider", named.clone()).await;
    assert_eq!((&told["Url"], &told["ClientIDList"]), (&json!("id.example.com/realm"), &json!(["b", "c"])));
    assert_eq!(told["ThumbprintList"], json!([print.to_ascii_lowercase()]));
    assert_eq!(ok(&bench, "ListOpenIDConnectProviders", json!({})).await["OpenIDConnectProviderList"], json!([{"Arn": arn}]));
    ok(&bench, "DeleteOpenIDConnectProvider", named.clone()).await;
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "GetOpenIDConnectProvider", named).await), "NoSuchEntity");
    for url in ["http://id.example.com", "https://", "https://id.example.com:8443", "https://u@x", "https://x?y"] {
        assert_eq!(
            code(bench.run(&SERVICE, bench.call(), "CreateOpenIDConnectProvider", json!({"Url": url})).await),
            "ValidationError",
            "{url}"
        );
    }
}

#[tokio::test]
async fn an_account_has_one_alias() {
    let bench = Bench::new();
    ok(&bench, "CreateAccountAlias", json!({"AccountAlias": "first"})).await;
    ok(&bench, "CreateAccountAlias", json!({"AccountAlias": "second"})).await;
    assert_eq!(ok(&bench, "ListAccountAliases", json!({})).await["AccountAliases"], json!(["second"]));
    let gone = "The account alias first cannot be found.";
    refused(&bench, "DeleteAccountAlias", json!({"AccountAlias": "first"}), ("NoSuchEntity", 404), gone).await;
    ok(&bench, "DeleteAccountAlias", json!({"AccountAlias": "second"})).await;
    for bad in ["ab", "Abc", "-abc", "abc-", "a--b", "123456789012"] {
        assert_eq!(
            code(bench.run(&SERVICE, bench.call(), "CreateAccountAlias", json!({"AccountAlias": bad})).await),
            "ValidationError",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn roles_of_services_are_theirs() {
    let bench = Bench::new();
    let input = json!({"AWSServiceName": "cloudtrail.amazonaws.com"});
    let role = ok(&bench, "CreateServiceLinkedRole", input.clone()).await["Role"].clone();
    let path = "role/aws-service-role/cloudtrail.amazonaws.com/AWSServiceRoleForCloudTrail";
    assert_eq!(role["Arn"], format!("arn:aws:iam::{ACCOUNT}:{path}"));
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateServiceLinkedRole", input).await), "InvalidInput");
    let name = role["RoleName"].clone();
    for (operation, input) in [
        ("AttachRolePolicy", json!({"RoleName": name, "PolicyArn": READ_ONLY})),
        ("DeleteRole", json!({"RoleName": name})),
        ("TagRole", json!({"RoleName": name, "Tags": [{"Key": "k", "Value": "v"}]})),
    ] {
        let (refusal, message) = told(bench.run(&SERVICE, bench.call(), operation, input).await);
        assert_eq!(refusal, "UnmodifiableEntity", "{operation}");
        assert!(message.ends_with("this role is only modifiable by AWS"), "{message}");
    }
    let task = ok(&bench, "DeleteServiceLinkedRole", json!({"RoleName": name})).await;
    assert_eq!(ok(&bench, "GetServiceLinkedRoleDeletionStatus", task).await["Status"], "SUCCEEDED");
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "GetRole", json!({"RoleName": name})).await), "NoSuchEntity");
    let unknown = json!({"AWSServiceName": "tea.amazonaws.com"});
    assert_eq!(code(bench.run(&SERVICE, bench.call(), "CreateServiceLinkedRole", unknown).await), "InvalidInput");
}
