"""IAM as users of the AWS CLI and boto3 know it: who may do what, and how it is managed."""

import csv
import io
import json

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT

READ_ONLY = "arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess"
FULL = "arn:aws:iam::aws:policy/AWSCloudTrail_FullAccess"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def trust(principal):
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def new_user(server, name, *statements, **more):
    """A user with these permissions, and its key."""
    iam = server.client("iam")
    iam.create_user(UserName=name, **more)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def refused(call, **arguments):
    """Code and message of the error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_groups_and_managed_policies_on_the_command_line(shared):
    key = new_user(shared, "auditor")
    denied = shared.run_aws("cloudtrail", "describe-trails", key=key)
    expect = (f"User: arn:aws:iam::{ACCOUNT}:user/auditor is not authorized to perform: cloudtrail:DescribeTrails on resource: * "
              "because no identity-based policy allows the cloudtrail:DescribeTrails action")
    assert denied.returncode == 255 and "(AccessDeniedException)" in denied.stderr and expect in denied.stderr

    group = shared.aws("iam", "create-group", "--group-name", "auditors", "--path", "/security/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/security/auditors"
    shared.aws("iam", "attach-group-policy", "--group-name", "auditors", "--policy-arn", READ_ONLY)
    shared.aws("iam", "add-user-to-group", "--group-name", "auditors", "--user-name", "auditor")
    assert shared.aws("cloudtrail", "describe-trails", key=key) == {"trailList": []}
    assert shared.run_aws("cloudtrail", "delete-trail", "--name", "x", key=key).returncode == 255
    members = shared.aws("iam", "get-group", "--group-name", "auditors")["Users"]
    assert [user["UserName"] for user in members] == ["auditor"]
    assert shared.aws("iam", "list-groups-for-user", "--user-name", "auditor")["Groups"][0]["GroupName"] == "auditors"

    conflict = shared.run_aws("iam", "delete-group", "--group-name", "auditors").stderr
    assert "(DeleteConflict)" in conflict and "must remove users from group first" in conflict
    shared.aws("iam", "remove-user-from-group", "--group-name", "auditors", "--user-name", "auditor")
    assert shared.run_aws("cloudtrail", "describe-trails", key=key).returncode == 255
    shared.aws("iam", "detach-group-policy", "--group-name", "auditors", "--policy-arn", READ_ONLY)
    shared.aws("iam", "delete-group", "--group-name", "auditors")
    record = shared.recorded("DescribeTrails", lambda record: record.get("errorCode") == "AccessDenied")
    assert record["userIdentity"]["userName"] == "auditor" and record["errorMessage"] == expect


def test_managed_policies_and_their_versions(shared):
    iam = shared.client("iam")
    key = new_user(shared, "operator")
    made = iam.create_policy(PolicyName="trails", Path="/ops/", Description="trails", PolicyDocument=policy(allow("cloudtrail:Get*")),
                             Tags=[{"Key": "team", "Value": "ops"}])["Policy"]
    arn = made["Arn"]
    assert made["DefaultVersionId"] == "v1" and arn == f"arn:aws:iam::{ACCOUNT}:policy/ops/trails"
    iam.attach_user_policy(UserName="operator", PolicyArn=arn)
    cloudtrail = shared.client("cloudtrail", key=key)
    assert refused(cloudtrail.describe_trails)[0] == "AccessDeniedException"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("cloudtrail:Describe*")), SetAsDefault=True)
    assert cloudtrail.describe_trails()["trailList"] == []
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert refused(cloudtrail.describe_trails)[0] == "AccessDeniedException"

    version = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Action"] == "cloudtrail:Describe*" and version["IsDefaultVersion"] is False
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v2", "v1"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == "operator"
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    for number in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow(f"s3:Get{number}")))
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=policy(allow("s3:*")))[0] == "LimitExceeded"
    assert refused(iam.create_policy, PolicyName="bad", PolicyDocument="{}")[0] == "MalformedPolicyDocument"
    assert refused(iam.create_policy, PolicyName="trails", PolicyDocument=policy(allow("s3:*")))[0] == "EntityAlreadyExists"

    names = [p["PolicyName"] for page in iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 5}) for p in page["Policies"]]
    assert {"trails", "AdministratorAccess", "SecurityAudit", "AWSCloudTrail_FullAccess"} <= set(names) and len(names) == len(set(names))
    full = iam.get_policy_version(PolicyArn=FULL, VersionId=iam.get_policy(PolicyArn=FULL)["Policy"]["DefaultVersionId"])
    actions = [action for statement in full["PolicyVersion"]["Document"]["Statement"] for action in [statement["Action"]]]
    assert "cloudtrail:*" in actions


def test_boundaries_and_conditions(shared):
    iam = shared.client("iam")
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=policy(allow(["cloudtrail:*", "iam:Get*"])))["Policy"]["Arn"]
    key = new_user(shared, "bounded", allow("*"), PermissionsBoundary=boundary)
    assert iam.get_user(UserName="bounded")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    shared.client("cloudtrail", key=key).describe_trails()
    code, message = refused(shared.client("iam", key=key).list_users)
    assert code == "AccessDenied" and message.endswith("because no permissions boundary allows the iam:ListUsers action")
    iam.delete_user_permissions_boundary(UserName="bounded")
    shared.client("iam", key=key).list_users()

    delegated = allow("iam:CreateUser", Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}})
    lead = shared.client("iam", key=new_user(shared, "lead", delegated))
    assert refused(lead.create_user, UserName="free")[0] == "AccessDenied"
    lead.create_user(UserName="held", PermissionsBoundary=boundary)
    tagged = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/stage": "left"}}}
    gone = new_user(shared, "leaver", allow("cloudtrail:*"), tagged)
    shared.client("cloudtrail", key=gone).describe_trails()
    iam.tag_user(UserName="leaver", Tags=[{"Key": "Stage", "Value": "left"}])
    _, message = refused(shared.client("cloudtrail", key=gone).describe_trails)
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_roles_tags_and_pages(shared):
    iam = shared.client("iam")
    for number in range(5):
        iam.create_role(RoleName=f"page-{number}", Path="/pages/", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Roles"]) for page in pages] == [2, 2, 1]
    iam.put_role_policy(RoleName="page-0", PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    assert iam.get_role_policy(RoleName="page-0", PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    iam.tag_role(RoleName="page-0", Tags=[{"Key": "k", "Value": "v"}])
    assert iam.get_role(RoleName="page-0")["Role"]["Tags"] == [{"Key": "k", "Value": "v"}]
    nobody = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"})
    code, message = refused(iam.update_assume_role_policy, RoleName="page-0", PolicyDocument=nobody)
    assert code == "MalformedPolicyDocument" and message.startswith("Invalid principal in policy")
    assert refused(iam.delete_role, RoleName="page-0")[0] == "DeleteConflict"


def test_nobody_touches_the_keys_of_others(shared):
    own = allow("iam:*AccessKey*", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    mallory = shared.client("iam", key=new_user(shared, "mallory", own))
    victim, _ = new_user(shared, "victim")
    root, _ = shared.root_key()
    mallory.list_access_keys()
    for call, arguments in [
        (mallory.create_access_key, {"UserName": "victim"}),
        (mallory.delete_access_key, {"UserName": "victim", "AccessKeyId": victim}),
        (mallory.update_access_key, {"UserName": "victim", "AccessKeyId": victim, "Status": "Inactive"}),
        (mallory.get_access_key_last_used, {"AccessKeyId": victim}),
        (mallory.put_user_policy, {"UserName": "mallory", "PolicyName": "own", "PolicyDocument": policy(allow("*"))}),
        (mallory.attach_user_policy, {"UserName": "mallory", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        (mallory.update_user, {"UserName": "mallory", "NewUserName": "victim2"}),
    ]:
        assert refused(call, **arguments)[0] == "AccessDenied"
    for id in (victim, root):
        assert refused(mallory.delete_access_key, AccessKeyId=id)[0] == "NoSuchEntity"


def test_last_use_survives_a_restart(server):
    iam = server.client("iam")
    key = new_user(server, "worker", allow("cloudtrail:*"))
    assert iam.get_access_key_last_used(AccessKeyId=key[0])["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    server.client("cloudtrail", "eu-west-1", key=key).describe_trails()
    server.kill()
    server.start()
    used = server.client("iam").get_access_key_last_used(AccessKeyId=key[0])
    assert used["UserName"] == "worker" and used["AccessKeyLastUsed"]["LastUsedDate"]
    assert (used["AccessKeyLastUsed"]["ServiceName"], used["AccessKeyLastUsed"]["Region"]) == ("cloudtrail", "eu-west-1")


def test_simulation_says_what_would_be_decided(shared):
    iam = shared.client("iam")
    new_user(shared, "planned", allow("s3:Get*", "arn:aws:s3:::logs/*"), {"Effect": "Deny", "Action": "s3:GetObjectAcl", "Resource": "*"})
    arn = f"arn:aws:iam::{ACCOUNT}:user/planned"
    result = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"], ResourceArns=["arn:aws:s3:::logs/a"])
    decided = {r["EvalActionName"]: r["EvalDecision"] for r in result["EvaluationResults"]}
    assert decided == {"s3:GetObject": "allowed", "s3:GetObjectAcl": "explicitDeny", "s3:PutObject": "implicitDeny"}
    assert result["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "user_planned_own"
    office = allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}})
    ask = {"PolicyInputList": [policy(office)], "ActionNames": ["s3:GetObject"]}
    [told] = iam.simulate_custom_policy(**ask)["EvaluationResults"]
    assert told["EvalDecision"] == "implicitDeny" and told["MissingContextValues"] == ["aws:SourceIp"]
    inside = [{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["198.51.100.7"], "ContextKeyType": "ip"}]
    [told] = iam.simulate_custom_policy(**ask, ContextEntries=inside)["EvaluationResults"]
    assert told["EvalDecision"] == "allowed"
    shared.aws("iam", "simulate-principal-policy", "--policy-source-arn", arn, "--action-names", "iam:ListUsers")


def test_what_audits_ask(shared):
    iam = shared.client("iam")
    new_user(shared, "seen", allow("s3:*"))
    details = iam.get_account_authorization_details(Filter=["User", "Role", "Group", "LocalManagedPolicy"])
    seen = next(user for user in details["UserDetailList"] if user["UserName"] == "seen")
    assert seen["UserPolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] >= 1 and summary["AccountAccessKeysPresent"] == 1 and summary["GroupsPerUserQuota"] == 10
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    report = iam.get_credential_report()
    rows = list(csv.DictReader(io.StringIO(report["Content"].decode())))
    assert rows[0]["user"] == "<root_account>" and any(row["user"] == "seen" and row["access_key_1_active"] == "true" for row in rows)
    iam.create_account_alias(AccountAlias="audit-me")
    assert iam.list_account_aliases()["AccountAliases"] == ["audit-me"]
    iam.delete_account_alias(AccountAlias="audit-me")
    made = iam.create_open_id_connect_provider(Url="https://id.example.com", ClientIDList=["app"], ThumbprintList=["a" * 40])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"])["ClientIDList"] == ["app"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"])
    for name in ("list_server_certificates", "list_saml_providers", "list_signing_certificates"):
        getattr(iam, name)()
