"""An organisation and its trail: members see it and cannot change it; their files are delivered and proved."""

import re
import time
from datetime import timedelta

import pytest

from server import ACCOUNT, REGION, run_binary, wait_for
from test_accounts import create_account
from test_integrity import exported_keys
from test_sts import document, refused, with_session
from trail import keys, now, read_json

BUCKET = "org-logs"
ANY = re.compile(r".*\.json\.gz")


def member_session(server, account):
    """The management account's way into an account that it made."""
    iam = server.client("iam")
    try:
        iam.create_user(UserName="admin")
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    iam.put_user_policy(UserName="admin", PolicyName="p", PolicyDocument=document(
        {"Effect": "Allow", "Action": "*", "Resource": "*"}))
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    sts = server.client("sts", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="admin")["Credentials"]
    iam.delete_access_key(UserName="admin", AccessKeyId=key["AccessKeyId"])
    return credentials


def bucket_policy(organization):
    service = {"Service": "cloudtrail.amazonaws.com"}
    write = {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
             "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}
    return document(
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{BUCKET}"},
        write | {"Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/*"},
        write | {"Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{organization}/*"})


@pytest.fixture(scope="module")
def world(shared):
    organizations = shared.client("organizations")
    organization = organizations.create_organization(FeatureSet="ALL")["Organization"]["Id"]
    status = organizations.create_account(Email="dev@example.com", AccountName="dev")["CreateAccountStatus"]
    described = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
    assert described["State"] == "SUCCEEDED"
    shared.client("s3").create_bucket(Bucket=BUCKET)
    shared.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=bucket_policy(organization))
    return shared, organization, described["AccountId"]


def files(server, organization, account, kind):
    return keys(server, BUCKET, ANY, f"AWSLogs/{organization}/{account}/{kind}/")


def test_the_organization_as_audits_ask_for_it(world):
    server, organization, member = world
    described = server.aws("organizations", "describe-organization")["Organization"]
    assert described["Id"] == organization and described["MasterAccountId"] == ACCOUNT
    accounts = server.client("organizations").get_paginator("list_accounts").paginate()
    assert {account["Id"]: account["Status"] for page in accounts for account in page["Accounts"]} == {ACCOUNT: "ACTIVE", member: "ACTIVE"}
    root = server.client("organizations").list_roots()["Roots"][0]["Id"]
    assert server.client("organizations").list_parents(ChildId=member)["Parents"] == [{"Id": root, "Type": "ROOT"}]
    inside = with_session(server, member_session(server, member), "organizations")
    assert inside.describe_organization()["Organization"]["Id"] == organization
    assert refused(inside.list_accounts) == "AccessDeniedException"


def test_an_organization_trail_from_beginning_to_end(world):
    server, organization, member = world
    cloudtrail, organizations = server.client("cloudtrail"), server.client("organizations")
    create = dict(Name="whole", S3BucketName=BUCKET, IsOrganizationTrail=True, IsMultiRegionTrail=False, EnableLogFileValidation=True)
    assert refused(cloudtrail.create_trail, **create) == "CloudTrailAccessNotEnabledException"
    organizations.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    begun = now()
    arn = cloudtrail.create_trail(**create)["TrailARN"]
    cloudtrail.start_logging(Name=arn)

    # The member sees it, and cannot touch it.
    credentials = member_session(server, member)
    inside = with_session(server, credentials, "cloudtrail")
    assert [trail["TrailARN"] for trail in inside.describe_trails()["trailList"]] == [arn]
    assert [trail["TrailARN"] for trail in inside.list_trails()["Trails"]] == [arn]
    assert inside.get_trail(Name=arn)["Trail"]["IsOrganizationTrail"] is True
    assert inside.get_trail_status(Name=arn)["IsLogging"] is True
    for call in (inside.stop_logging, inside.delete_trail, inside.update_trail):
        assert refused(call, Name=arn) == "NotOrganizationMasterAccountException"
    assert refused(inside.create_trail, **create | {"Name": "mine"}) == "NotOrganizationMasterAccountException"

    # Everybody's events under everybody's folder, digests too; also those of an account that joins now.
    key = create_account(server, "late")
    late = server.client("sts", key=key).get_caller_identity()["Account"]
    handshake = organizations.invite_account_to_organization(Target={"Id": late, "Type": "ACCOUNT"})["Handshake"]["Id"]
    server.client("sts", key=key).get_caller_identity()
    server.client("organizations", key=key).accept_handshake(HandshakeId=handshake)
    with_session(server, credentials, "sts").get_caller_identity()
    server.client("sts", key=key).get_caller_identity()
    for account in (ACCOUNT, member, late):
        found = wait_for(f"files of {account}", lambda account=account: files(server, organization, account, "CloudTrail"), 30)
        records = [record for name in found for record in read_json(server, name, BUCKET)["Records"]]
        assert {record["recipientAccountId"] for record in records} == {account}
        wait_for(f"digests of {account}", lambda account=account: any(
            read_json(server, name, BUCKET)["logFiles"] for name in files(server, organization, account, "CloudTrail-Digest")), 30)
    calls = [record["eventName"] for name in files(server, organization, late, "CloudTrail") for record in read_json(server, name, BUCKET)["Records"]]
    assert calls.count("GetCallerIdentity") <= 1, "what happened before it joined is not in the files"

    # Who leaves is not taken any more.
    server.client("organizations", key=key).leave_organization()
    server.client("sts", key=key).get_caller_identity()
    assert server.client("cloudtrail", key=key).describe_trails()["trailList"] == []
    cloudtrail.stop_logging(Name=arn)
    wait_for("the last digests", lambda: cloudtrail.get_trail_status(Name=arn).get("LatestDigestDeliveryTime"), 20)
    settled(server)

    # The tools of AWS and our own agree that all is there.
    for account in (ACCOUNT, member, late):
        arguments = ["cloudtrail", "validate-logs", "--trail-arn", arn, "--account-id", account, "--verbose",
                     "--start-time", (begun - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")]
        done = server.run_aws(*arguments, timeout=120)
        assert done.returncode == 0 and "0 valid" not in done.stdout and "INVALID" not in done.stdout, done.stdout + done.stderr
        assert re.search(r"[1-9]\d*/\d+ log files valid", done.stdout), done.stdout
    (server.data_dir.parent / "keys.json").write_text(exported_keys(server))
    key_id, secret = server.root_key()
    done = run_binary("verify", f"s3://{BUCKET}", "--public-keys", server.data_dir.parent / "keys.json", env={
        "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": REGION,
        "AWS_ENDPOINT": server.endpoint, "AWS_ALLOW_HTTP": "true"})
    assert done.returncode == 0, done.stdout + done.stderr


def settled(server):
    """Until nothing more comes."""
    last = None
    while True:
        there = keys(server, BUCKET, ANY, "AWSLogs/")
        if there == last:
            return
        last = there
        time.sleep(2.5)


def test_delegated_administrators(world):
    server, _, member = world
    cloudtrail = server.client("cloudtrail")
    server.client("organizations").enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    cloudtrail.register_organization_delegated_admin(MemberAccountId=member)
    admins = server.client("organizations").list_delegated_administrators(ServicePrincipal="cloudtrail.amazonaws.com")
    assert [admin["Id"] for admin in admins["DelegatedAdministrators"]] == [member]
    inside = with_session(server, member_session(server, member), "cloudtrail")
    arn = inside.create_trail(Name="delegated", S3BucketName=BUCKET, IsOrganizationTrail=True)["TrailARN"]
    assert arn == f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/delegated"
    inside.start_logging(Name=arn)
    assert refused(cloudtrail.register_organization_delegated_admin, MemberAccountId=member) == "AccountRegisteredException"
    assert refused(cloudtrail.register_organization_delegated_admin, MemberAccountId=ACCOUNT) == "CannotDelegateManagementAccountException"
    cloudtrail.deregister_organization_delegated_admin(DelegatedAdminAccountId=member)
    assert refused(inside.delete_trail, Name=arn) == "NotOrganizationMasterAccountException"
    cloudtrail.delete_trail(Name=arn)
