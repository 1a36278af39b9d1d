"""Service control policies with the AWS CLI: who is held by them, who is not, and in which words."""

import json

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT
from test_accounts import create_account
from test_organization import member_session
from test_sts import document, refused, with_session

FULL = "p-FullAWSAccess"
KEEP_TRAILS = document(
    {"Effect": "Deny", "Action": ["cloudtrail:StopLogging", "cloudtrail:DeleteTrail"], "Resource": "*",
     "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/break-glass"}}})


@pytest.fixture(scope="module")
def world(shared):
    """The server, the root's id, a unit, and a member in it."""
    organizations = shared.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = shared.aws("organizations", "list-roots")["Roots"][0]
    assert root["PolicyTypes"] == []
    status = organizations.create_account(Email="dev@example.com", AccountName="dev")["CreateAccountStatus"]
    unit = shared.aws("organizations", "create-organizational-unit", "--parent-id", root["Id"], "--name", "prod")
    unit = unit["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=status["AccountId"], SourceParentId=root["Id"], DestinationParentId=unit)
    enabled = shared.aws("organizations", "enable-policy-type", "--root-id", root["Id"], "--policy-type", "SERVICE_CONTROL_POLICY")
    assert enabled["Root"]["PolicyTypes"] == [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]
    return shared, root["Id"], unit, status["AccountId"]


def attached(server, target):
    listed = server.aws("organizations", "list-policies-for-target", "--target-id", target, "--filter", "SERVICE_CONTROL_POLICY")
    return sorted(policy["Id"] for policy in listed["Policies"])


def create(server, name, content):
    made = server.aws("organizations", "create-policy", "--type", "SERVICE_CONTROL_POLICY", "--name", name, "--description", name,
                      "--content", content, "--tags", "Key=team,Value=audit")
    summary = made["Policy"]["PolicySummary"]
    assert json.loads(made["Policy"]["Content"]) == json.loads(content) and not summary["AwsManaged"]
    return summary["Id"]


def test_a_trail_that_members_cannot_stop(world):
    server, root, unit, member = world
    session = member_session(server, member)
    s3, trail = (with_session(server, session, name) for name in ("s3", "cloudtrail"))
    s3.create_bucket(Bucket="members-own")
    s3.put_bucket_policy(Bucket="members-own", Policy=document(
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:*",
         "Resource": ["arn:aws:s3:::members-own", "arn:aws:s3:::members-own/*"]}))
    arn = trail.create_trail(Name="own", S3BucketName="members-own")["TrailARN"]
    trail.start_logging(Name="own")

    policy = create(server, "keep-trails", KEEP_TRAILS)
    assert attached(server, unit) == [FULL]
    server.aws("organizations", "attach-policy", "--policy-id", policy, "--target-id", unit)
    assert attached(server, unit) == sorted([FULL, policy]) and attached(server, member) == [FULL]
    with pytest.raises(ClientError) as failure:
        trail.stop_logging(Name="own")
    error = failure.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    caller = f"arn:aws:sts::{member}:assumed-role/OrganizationAccountAccessRole/admin"
    assert error["Message"] == (f"User: {caller} is not authorized to perform: cloudtrail:StopLogging on resource: {arn} "
                                "with an explicit deny in a service control policy")
    trail.get_trail_status(Name="own")

    # The role that the condition spares.
    iam = with_session(server, session, "iam")
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    iam.create_role(RoleName="break-glass", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="break-glass", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    admin = server.client("iam").create_access_key(UserName="admin")["AccessKey"]
    sts = server.client("sts", key=(admin["AccessKeyId"], admin["SecretAccessKey"]))
    glass = sts.assume_role(RoleArn=f"arn:aws:iam::{member}:role/break-glass", RoleSessionName="now")["Credentials"]
    with_session(server, glass, "cloudtrail").stop_logging(Name="own")
    server.client("iam").delete_access_key(UserName="admin", AccessKeyId=admin["AccessKeyId"])

    # A change of the policy counts at once; one that is attached stays.
    trail.start_logging(Name="own")
    server.aws("organizations", "update-policy", "--policy-id", policy, "--content", document(
        {"Effect": "Deny", "Action": "cloudtrail:DeleteTrail", "Resource": "*"}))
    trail.stop_logging(Name="own")
    done = server.run_aws("organizations", "delete-policy", "--policy-id", policy)
    assert "(PolicyInUseException)" in done.stderr
    targets = server.aws("organizations", "list-targets-for-policy", "--policy-id", policy)["Targets"]
    assert [(target["TargetId"], target["Type"], target["Name"]) for target in targets] == [(unit, "ORGANIZATIONAL_UNIT", "prod")]
    server.aws("organizations", "detach-policy", "--policy-id", policy, "--target-id", unit)
    server.aws("organizations", "delete-policy", "--policy-id", policy)
    assert "(PolicyNotFoundException)" in server.run_aws("organizations", "describe-policy", "--policy-id", policy).stderr
    trail.delete_trail(Name="own")


def test_every_level_has_to_allow_and_the_management_account_is_free(world):
    server, root, unit, member = world
    session = member_session(server, member)
    only_trails = create(server, "only-trails", document({"Effect": "Allow", "Action": ["cloudtrail:*", "sts:*"], "Resource": "*"}))
    for target in (root, unit, member):
        server.aws("organizations", "attach-policy", "--policy-id", only_trails, "--target-id", target)
        with_session(server, session, "s3").list_buckets()
        server.aws("organizations", "detach-policy", "--policy-id", FULL, "--target-id", target)
        # That of the last level is the one that counts: SQS is in none of them.
        with pytest.raises(ClientError) as failure:
            with_session(server, session, "sqs").list_queues()
        assert failure.value.response["Error"]["Message"].endswith(
            "because no service control policy allows the sqs:ListQueues action"), target
        with pytest.raises(ClientError) as failure:
            with_session(server, session, "s3").list_buckets()
        assert "no service control policy allows the s3:ListAllMyBuckets action" in failure.value.response["Error"]["Message"]
        with_session(server, session, "cloudtrail").describe_trails()
        server.client("s3").list_buckets()
        last = server.run_aws("organizations", "detach-policy", "--policy-id", only_trails, "--target-id", target)
        assert "(ConstraintViolationException)" in last.stderr
        server.aws("organizations", "attach-policy", "--policy-id", FULL, "--target-id", target)
        server.aws("organizations", "detach-policy", "--policy-id", only_trails, "--target-id", target)
    with_session(server, session, "sqs").list_queues()
    server.aws("organizations", "delete-policy", "--policy-id", only_trails)


def test_the_root_user_of_a_member_is_held(world):
    server, *_ = world
    # An account that joins by invitation has a root user with an access key.
    invited, key = "444444444444", create_account(server, "invited", "--account-id", "444444444444")
    organizations = server.client("organizations")
    handshake = organizations.invite_account_to_organization(Target={"Id": invited, "Type": "ACCOUNT"})["Handshake"]["Id"]
    server.client("organizations", key=key).accept_handshake(HandshakeId=handshake)
    s3 = server.client("s3", key=key)
    s3.create_bucket(Bucket="roots-own")
    policy = create(server, "no-buckets", document({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}))
    organizations.attach_policy(PolicyId=policy, TargetId=invited)
    for call in (lambda: s3.list_objects_v2(Bucket="roots-own"), lambda: s3.delete_bucket_policy(Bucket="roots-own")):
        with pytest.raises(ClientError) as failure:
            call()
        assert "explicit deny in a service control policy" in failure.value.response["Error"]["Message"]
    server.client("organizations", key=key).leave_organization()
    s3.list_objects_v2(Bucket="roots-own")
    organizations.delete_policy(PolicyId=policy)


def test_simulations_tell_of_the_organization(world):
    server, _, _, member = world
    iam = with_session(server, member_session(server, member), "iam")
    role = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    policy = create(server, "no-queues", document({"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}))
    server.aws("organizations", "attach-policy", "--policy-id", policy, "--target-id", member)
    told = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["sqs:ListQueues", "s3:ListBucket"])["EvaluationResults"]
    assert [(one["EvalDecision"], one["OrganizationsDecisionDetail"]["AllowedByOrganizations"]) for one in told] == [
        ("explicitDeny", False), ("allowed", True)]
    server.aws("organizations", "detach-policy", "--policy-id", policy, "--target-id", member)
    server.aws("organizations", "delete-policy", "--policy-id", policy)


def test_policies_are_checked_listed_and_tagged(world):
    server, root, unit, member = world
    organizations = server.client("organizations")

    def refuse(code, **request):
        assert refused(organizations.create_policy, **request) == code

    good = {"Content": KEEP_TRAILS, "Description": "", "Name": "one", "Type": "SERVICE_CONTROL_POLICY"}
    refuse("MalformedPolicyDocumentException", **good | {"Content": "{"})
    refuse("MalformedPolicyDocumentException", **good | {"Content": document(
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})})
    refuse("ConstraintViolationException", **good | {"Content": KEEP_TRAILS + " " * 10_240})
    refuse("PolicyTypeNotAvailableForOrganizationException", **good | {"Type": "TAG_POLICY"})
    policy = create(server, "one", KEEP_TRAILS)
    refuse("DuplicatePolicyException", **good)
    listed = server.aws("organizations", "list-policies", "--filter", "SERVICE_CONTROL_POLICY")["Policies"]
    assert sorted((one["Name"], one["AwsManaged"]) for one in listed) == [("FullAWSAccess", True), ("one", False)]
    full = server.aws("organizations", "describe-policy", "--policy-id", FULL)["Policy"]
    assert full["PolicySummary"]["Arn"] == f"arn:aws:organizations::aws:policy/service_control_policy/{FULL}"
    assert refused(organizations.update_policy, PolicyId=FULL, Description="mine") == "InvalidInputException"
    assert refused(organizations.attach_policy, PolicyId=policy, TargetId="ou-none-12345678") == "TargetNotFoundException"
    assert refused(organizations.attach_policy, PolicyId=FULL, TargetId=unit) == "DuplicatePolicyAttachmentException"
    assert refused(organizations.detach_policy, PolicyId=policy, TargetId=unit) == "PolicyNotAttachedException"
    tags = lambda resource: server.aws("organizations", "list-tags-for-resource", "--resource-id", resource)["Tags"]
    assert tags(policy) == [{"Key": "team", "Value": "audit"}] and tags(member) == []
    server.aws("organizations", "tag-resource", "--resource-id", member, "--tags", "Key=stage,Value=prod")
    server.aws("organizations", "untag-resource", "--resource-id", policy, "--tag-keys", "team")
    assert tags(policy) == [] and tags(member) == [{"Key": "stage", "Value": "prod"}]
    session = member_session(server, member)
    assert refused(with_session(server, session, "organizations").list_policies, Filter="SERVICE_CONTROL_POLICY") == "AccessDeniedException"
    server.restart()
    assert tags(member) == [{"Key": "stage", "Value": "prod"}]
    organizations = server.client("organizations")
    disabled = organizations.disable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    assert disabled["Root"]["PolicyTypes"] == []
    assert refused(organizations.attach_policy, PolicyId=policy, TargetId=unit) == "PolicyTypeNotEnabledException"
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
