"""What a record looks like, and what is never in one."""

import gzip
import json
import re
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for
from trail import BUCKET, TRAIL, Delivered, keys, make_trail, trail_arn

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# The order in which CloudTrail writes a record's fields.
ORDER = [
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent",
    "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID",
    "readOnly", "resources", "eventType", "apiVersion", "managementEvent", "recipientAccountId", "sharedEventID",
    "serviceEventDetails", "eventCategory", "tlsDetails", "sessionCredentialFromConsole"]


@pytest.fixture(scope="module")
def delivered(shared):
    """A trail that takes management events and the data events of one bucket."""
    make_trail(shared, data_bucket="customer-data")
    # The first trail's own creation was before it logged.
    shared.client("cloudtrail").create_trail(
        Name="second", S3BucketName=BUCKET, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    shared.client("s3").create_bucket(Bucket="customer-data")
    return Delivered(shared)


def user(server, name, *statements):
    """A user with a policy, and their key."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def check_shape(record):
    fields = [field for field in record if field in ORDER]
    assert fields == list(record) == sorted(fields, key=ORDER.index)
    assert record["eventVersion"] in ("1.08", "1.09", "1.10", "1.11")
    assert re.fullmatch(UUID, record["eventID"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"])
    assert record["recipientAccountId"] == ACCOUNT and record["eventType"] == "AwsApiCall"
    assert record["managementEvent"] is (record["eventCategory"] == "Management")
    assert isinstance(record["readOnly"], bool)


def test_every_delivered_record_has_the_shape(delivered):
    delivered.named("StartLogging")
    records = delivered.records()
    for record in records:
        check_shape(record)
    identifiers = [record["eventID"] for record in records]
    assert len(identifiers) == len(set(identifiers))


def test_create_trail(delivered):
    record = delivered.named("CreateTrail")
    root = delivered.server.root_key()[0]
    assert record["userIdentity"] == {
        "type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT, "accessKeyId": root}
    assert record["eventSource"] == "cloudtrail.amazonaws.com" and record["awsRegion"] == REGION
    assert record["sourceIPAddress"] == "127.0.0.1" and "Boto3" in record["userAgent"]
    assert record["requestParameters"] == {
        "name": "second", "s3BucketName": BUCKET, "isMultiRegionTrail": True, "enableLogFileValidation": True}
    elements = record["responseElements"]
    assert elements["trailARN"] == trail_arn("second") and elements["logFileValidationEnabled"] is True
    assert elements["name"] == "second" and elements["isMultiRegionTrail"] is True
    assert record["readOnly"] is False and record["eventCategory"] == "Management"
    assert re.fullmatch(UUID, record["requestID"])
    assert record["tlsDetails"]["clientProvidedHostHeader"] == delivered.server.endpoint.removeprefix("http://")


def test_put_object(delivered):
    answer = delivered.server.client("s3").put_object(Bucket="customer-data", Key="in/voice.json", Body=b"12345")
    record = delivered.find("PutObject", lambda r: r["eventName"] == "PutObject" and r["requestParameters"]["key"] == "in/voice.json")
    assert record["eventCategory"] == "Data" and record["managementEvent"] is False and record["readOnly"] is False
    assert record["requestParameters"]["bucketName"] == "customer-data" and "Host" in record["requestParameters"]
    assert {(r["type"], r.get("ARN")) for r in record["resources"]} == {
        ("AWS::S3::Object", "arn:aws:s3:::customer-data/in/voice.json"), ("AWS::S3::Bucket", "arn:aws:s3:::customer-data")}
    assert record["userAgent"].startswith("[") and record["userAgent"].endswith("]")
    assert record["additionalEventData"]["bytesTransferredIn"] == 5
    assert record["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert delivered.server.lookup("PutObject") == [], "data events are not in the event history"


def test_deletions_in_bulk_are_recorded_one_by_one(delivered):
    s3 = delivered.server.client("s3")
    for number in range(3):
        s3.put_object(Bucket="customer-data", Key=f"bulk/{number}", Body=b"x")
    s3.delete_objects(Bucket="customer-data", Delete={"Objects": [{"Key": f"bulk/{number}"} for number in range(3)]})
    deleted = lambda: {
        record["requestParameters"].get("key") for record in delivered.records() if record["eventName"] == "DeleteObject"}
    wait_for("three deletions", lambda: {"bulk/0", "bulk/1", "bulk/2"} <= deleted())


def test_denied_call(delivered):
    server = delivered.server
    reader = user(server, "reader", {"Effect": "Allow", "Action": ["cloudtrail:Describe*", "s3:Get*", "s3:List*"], "Resource": "*"})
    cloudtrail = server.client("cloudtrail", key=reader)
    assert len(cloudtrail.describe_trails()["trailList"]) == 2
    with pytest.raises(ClientError) as caught:
        cloudtrail.delete_trail(Name=TRAIL)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    arn = f"arn:aws:iam::{ACCOUNT}:user/reader"
    assert error["Message"].startswith(f"User: {arn} is not authorized to perform: cloudtrail:DeleteTrail on resource: {trail_arn()}")
    record = delivered.named("DeleteTrail")
    assert record["errorCode"] == "AccessDenied" and record["errorMessage"] == error["Message"]
    assert record["responseElements"] is None and record["requestParameters"] == {"name": TRAIL}
    identity = record["userIdentity"]
    assert identity["type"] == "IAMUser" and identity["arn"] == arn and identity["userName"] == "reader"
    assert identity["accessKeyId"] == reader[0] and identity["principalId"].startswith("AIDA")
    assert server.client("cloudtrail").get_trail_status(Name=TRAIL)["IsLogging"] is True

    s3 = server.client("s3", key=reader)
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="customer-data", Key="denied", Body=b"x")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    record = delivered.find("the denied PutObject", lambda r: r["eventName"] == "PutObject" and r["requestParameters"].get("key") == "denied")
    assert record["errorCode"] == "AccessDenied" and record["userIdentity"]["userName"] == "reader"
    with pytest.raises(ClientError):
        s3.get_object(Bucket="customer-data", Key="denied")
    for call in (server.client("iam", key=reader).list_users, server.client("cloudtrail", key=reader).lookup_events):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def test_anonymous_call(delivered):
    url = f"{delivered.server.endpoint}/customer-data/secret-plans"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    assert caught.value.code == 403
    record = delivered.find("the anonymous GetObject", lambda r: r["eventName"] == "GetObject" and r["requestParameters"].get("key") == "secret-plans")
    assert record["errorCode"] == "AccessDenied"
    assert record["userIdentity"] == {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}


def test_global_services_are_recorded_once(delivered):
    server = delivered.server
    server.client("iam", "eu-west-1").create_user(UserName="from-the-west")
    server.client("sts", "eu-west-1").get_caller_identity()
    record = delivered.find("CreateUser", lambda r: r["eventName"] == "CreateUser" and r["requestParameters"]["userName"] == "from-the-west")
    assert record["awsRegion"] == REGION
    west = delivered.find("regional STS", lambda r: r["eventName"] == "GetCallerIdentity" and r["awsRegion"] == "eu-west-1")
    assert west["eventID"] in {r["eventID"] for r in server.lookup("GetCallerIdentity", region="eu-west-1")}
    same = [r for r in delivered.records() if r["eventName"] == "CreateUser" and r["requestParameters"]["userName"] == "from-the-west"]
    assert len(same) == 1


def test_secrets_are_nowhere(delivered):
    """Neither secret keys nor signatures are in anything that can be read back."""
    server = delivered.server
    alice = user(server, "alice", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    s3 = server.client("s3", key=alice)
    s3.put_object(Bucket="customer-data", Key="signed", Body=b"x")
    links = [
        server.client("s3", key=alice, signature_version=version).generate_presigned_url(
            "get_object", Params={"Bucket": "customer-data", "Key": "signed"}) for version in ("s3", "s3v4")]
    for link in links:
        with urllib.request.urlopen(link, timeout=10) as answer:
            assert answer.read() == b"x"
    signatures = [re.search(r"[?&](?:X-Amz-)?Signature=([^&]+)", link)[1] for link in links]
    server.client("sts", key=alice).get_caller_identity()
    delivered.find("Alice's last call", lambda r: r["eventName"] == "GetCallerIdentity" and r["userIdentity"].get("userName") == "alice")
    wait_for("two GETs", lambda: sum(
        r["eventName"] == "GetObject" and r["requestParameters"].get("key") == "signed" for r in delivered.records()) >= 2)
    secrets = [alice[1], server.root_key()[1], *signatures]
    texts = {f"history in {region}": json.dumps(server.lookup(None, region)) for region in (REGION, "eu-west-1")}
    every = server.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    for key in [item["Key"] for page in every for item in page["Contents"]]:
        body = server.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        texts[key] = gzip.decompress(body).decode() if key.endswith(".gz") else body.decode()
    assert len(texts) > 4 and any("CreateAccessKey" in text for text in texts.values())
    found = [(place, secret) for place, text in texts.items() for secret in secrets if secret in text]
    assert not found
    made = next(r for r in delivered.records() if r["eventName"] == "CreateAccessKey" and r["requestParameters"]["userName"] == "alice")
    assert made["responseElements"]["accessKey"]["accessKeyId"] == alice[0]
    assert "secretAccessKey" not in made["responseElements"]["accessKey"]
    log = server.log_path.read_text()
    assert not [secret for secret in secrets if secret in log], "nor in what the server prints"
