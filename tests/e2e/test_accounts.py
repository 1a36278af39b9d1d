"""Several accounts, and sharing log files between them as AWS documents it."""

import json
import re

import pytest

from server import ACCOUNT, REGION, run_binary, wait_for
from test_sts import allow, document, make_user, refused, trust, with_session
from trail import Delivered, make_trail

OTHER = "222222222222"


def account_command(server, *arguments, key=None, stdin=None):
    key_id, secret = key or server.root_key()
    environment = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": server.endpoint}
    return run_binary("account", *arguments, env=environment, stdin=stdin)


def create_account(server, name, *more):
    """The root key of a new account, from what the command prints."""
    done = account_command(server, "create", "--name", name, "--email", f"{name}@example.com", *more)
    assert done.returncode == 0, done.stderr
    return tuple(re.search(rf"{member} = (\S+)", done.stdout)[1] for member in ("aws_access_key_id", "aws_secret_access_key"))


@pytest.fixture(scope="module")
def other(shared):
    return create_account(shared, "other", "--account-id", OTHER)


def test_accounts_are_made_once_and_listed(shared, other):
    assert shared.client("sts", key=other).get_caller_identity() | {"ResponseMetadata": 0} == {
        "UserId": OTHER, "Account": OTHER, "Arn": f"arn:aws:iam::{OTHER}:root", "ResponseMetadata": 0}
    listed = account_command(shared, "list").stdout
    assert OTHER in listed and ACCOUNT in listed and "other@example.com" in listed
    for arguments in (["--name", "x", "--email", "other@example.com"], ["--name", "x", "--email", "x@example.com", "--account-id", OTHER],
                      ["--name", "x", "--email", "nonsense"], ["--name", "x", "--email", "x@example.com", "--account-id", "12"]):
        done = account_command(shared, "create", *arguments)
        assert done.returncode == 2 and "Exception" in done.stderr, done
    denied = account_command(shared, "list", key=other)
    assert denied.returncode == 2 and "AccessDeniedException" in denied.stderr
    record = shared.recorded("CreateAccount", lambda r: not r.get("errorCode"))
    assert record["responseElements"]["account"]["id"] == OTHER
    assert other[1] not in json.dumps(record)


def test_accounts_are_apart(shared, other):
    make_user(shared, "dora")
    iam = shared.client("iam", key=other)
    assert [user["UserName"] for user in iam.list_users()["Users"]] == []
    make_user(shared, "dora", key=other)
    assert iam.get_user(UserName="dora")["User"]["Arn"] == f"arn:aws:iam::{OTHER}:user/dora"
    shared.client("s3").create_bucket(Bucket="mine-alone")
    s3 = shared.client("s3", key=other)
    assert "mine-alone" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert refused(s3.list_objects_v2, Bucket="mine-alone") == "AccessDenied"
    lookup = shared.client("cloudtrail", key=other).lookup_events
    wait_for("the other account's own event", lambda: lookup(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}])["Events"])
    accounts = {json.loads(event["CloudTrailEvent"])["recipientAccountId"] for event in lookup()["Events"]}
    assert accounts == {OTHER}


def test_the_documented_recipe(shared, other):
    """A role in the owner's account, read-only on the reader's folder; the reader's user assumes it with the AWS CLI."""
    owner = shared.client("s3")
    owner.create_bucket(Bucket="all-logs")
    for account in (ACCOUNT, OTHER):
        owner.put_object(Bucket="all-logs", Key=f"AWSLogs/{account}/CloudTrail/{REGION}/2026/11/21/file.json.gz", Body=account.encode())
    iam = shared.client("iam")
    role = iam.create_role(RoleName="logs-of-other", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{OTHER}:root"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="logs-of-other", PolicyName="read", PolicyDocument=document(
        allow("s3:GetObject", f"arn:aws:s3:::all-logs/AWSLogs/{OTHER}/*"),
        allow("s3:ListBucket", "arn:aws:s3:::all-logs", Condition={"StringLike": {"s3:prefix": f"AWSLogs/{OTHER}/*"}})))
    assume = ["sts", "assume-role", "--role-arn", role, "--role-session-name", "reading"]
    nobody = make_user(shared, "nobody", key=other)
    assert "(AccessDenied)" in shared.run_aws(*assume, key=nobody).stderr
    reader = make_user(shared, "reader", allow("sts:AssumeRole", role), key=other)
    credentials = shared.aws(*assume, key=reader)["Credentials"]
    session = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    folder = f"s3://all-logs/AWSLogs/{OTHER}/CloudTrail/{REGION}/2026/11/21/"
    assert "file.json.gz" in shared.aws("s3", "ls", folder, key=session)
    assert shared.aws("s3", "cp", folder + "file.json.gz", "-", key=session) == OTHER
    for arguments in (
        ["s3", "cp", folder.replace(OTHER, ACCOUNT) + "file.json.gz", "-"], ["s3", "ls", "s3://all-logs/"],
        ["s3", "ls", folder.replace(OTHER, ACCOUNT)], ["s3", "rm", folder + "file.json.gz"], ["iam", "list-users"],
        ["s3api", "get-bucket-policy", "--bucket", "all-logs"], ["cloudtrail", "describe-trails"],
    ):
        done = shared.run_aws(*arguments, key=session)
        assert done.returncode != 0 and ("AccessDenied" in done.stderr or "Forbidden" in done.stderr), (arguments, done)

    own = wait_for("the caller's record", lambda: next((json.loads(e["CloudTrailEvent"]) for e in shared.client("cloudtrail", key=other)
                   .lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}])["Events"]
                   if "errorCode" not in e["CloudTrailEvent"]), None))
    owners = shared.recorded("AssumeRole", lambda r: r["userIdentity"]["type"] == "AWSAccount")
    assert own["sharedEventID"] == owners["sharedEventID"] and own["eventID"] != owners["eventID"]
    assert own["userIdentity"]["userName"] == "reader"
    assert owners["userIdentity"].keys() == {"type", "principalId", "accountId"} and owners["userIdentity"]["accountId"] == OTHER

    iam.delete_role_policy(RoleName="logs-of-other", PolicyName="read")
    iam.delete_role(RoleName="logs-of-other")
    assert shared.run_aws("s3", "ls", folder, key=session).returncode != 0


def test_reads_by_bucket_policy_are_data_events_in_both_accounts(shared, other):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="lent")
    s3.put_object(Bucket="lent", Key="a.txt", Body=b"a")
    make_trail(shared, name="owners", bucket="owners-logs", data_bucket="lent", IsMultiRegionTrail=False)
    theirs = shared.client("s3", key=other)
    theirs.create_bucket(Bucket="readers-logs")
    theirs.put_bucket_policy(Bucket="readers-logs", Policy=document(
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::readers-logs"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::readers-logs/AWSLogs/{OTHER}/*"}))
    trail = shared.client("cloudtrail", key=other)
    trail.create_trail(Name="readers", S3BucketName="readers-logs")
    trail.put_event_selectors(TrailName="readers", EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": False,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::lent/"]}]}])
    trail.start_logging(Name="readers")

    user = make_user(shared, "borrower", allow("s3:GetObject", "arn:aws:s3:::lent/*"), key=other)
    borrower = shared.client("s3", key=user)
    assert refused(borrower.get_object, Bucket="lent", Key="a.txt") == "AccessDenied"
    s3.put_bucket_policy(Bucket="lent", Policy=document(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lent/*"}))
    assert borrower.get_object(Bucket="lent", Key="a.txt")["Body"].read() == b"a"
    unprivileged = make_user(shared, "unprivileged", key=other)
    assert refused(shared.client("s3", key=unprivileged).get_object, Bucket="lent", Key="a.txt") == "AccessDenied"

    good = lambda record: record["eventName"] == "GetObject" and "errorCode" not in record
    bad = lambda record: record["eventName"] == "GetObject" and record.get("errorCode") == "AccessDenied"
    owners = Delivered(shared, "owners-logs").find("the owner's copy", lambda r: good(r) and r["userIdentity"]["type"] == "AWSAccount")
    readers_files = DeliveredOf(shared, "readers-logs", other)
    own = readers_files.find("the reader's copy", good)
    assert own["sharedEventID"] == owners["sharedEventID"] and own["eventID"] != owners["eventID"]
    assert (own["recipientAccountId"], owners["recipientAccountId"]) == (OTHER, ACCOUNT)
    assert own["userIdentity"]["userName"] == "borrower" and "arn" not in owners["userIdentity"]
    refusal = readers_files.find("the reader's refusal", bad)
    assert all("accountId" not in resource for resource in refusal["resources"])
    refusal = Delivered(shared, "owners-logs").find("the owner's copy of the refusal", bad)
    assert any(resource.get("accountId") == ACCOUNT for resource in refusal["resources"])


class DeliveredOf(Delivered):
    """Files in another account's bucket."""

    def __init__(self, server, bucket, key):
        super().__init__(View(server, key), bucket)


class View:
    """A server as another account sees it."""

    def __init__(self, server, key):
        self.server, self.key = server, key

    def client(self, service, region=REGION):
        return self.server.client(service, region, key=self.key)
