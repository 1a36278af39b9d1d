"""Settings of buckets and objects besides versions, holds and rules."""

import json
import socket

import boto3
import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from server import ACCOUNT


@pytest.fixture(scope="module")
def s3(shared):
    return shared.client("s3")


@pytest.fixture
def bucket(s3, request):
    name = request.node.name.replace("_", "-").split("[")[0][:60]
    s3.create_bucket(Bucket=name)
    return name


def refused(call, code, text="", **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    assert answer["Error"]["Code"] == code and text in answer["Error"]["Message"], answer
    return answer


def user(shared, name, *statements):
    iam = shared.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*"} | s for s in statements]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return shared.client("s3", key=(key["AccessKeyId"], key["SecretAccessKey"]))


def public_policy(bucket, **condition):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]})


def test_public_access_is_blocked(shared, s3, bucket):
    anonymous = shared.client("s3", signature_version=UNSIGNED)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}, "new buckets are closed"
    refused(s3.put_bucket_policy, "AccessDenied", Bucket=bucket, Policy=public_policy(bucket))
    s3.put_bucket_policy(Bucket=bucket, Policy=public_policy(bucket, StringEquals={"aws:PrincipalAccount": "123456789012"}))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    s3.delete_public_access_block(Bucket=bucket)
    refused(s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=public_policy(bucket))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert anonymous.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    refused(anonymous.get_object, "AccessDenied", Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    got = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert got == {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}


def test_an_account_closes_its_buckets(server, monkeypatch):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="account-wide")
    s3.delete_public_access_block(Bucket="account-wide")
    s3.put_object(Bucket="account-wide", Key="k", Body=b"1")
    s3.put_bucket_policy(Bucket="account-wide", Policy=public_policy("account-wide"))
    anonymous = server.client("s3", signature_version=UNSIGNED)
    assert anonymous.get_object(Bucket="account-wide", Key="k")["Body"].read() == b"1"
    # The client puts the account before the host's name.
    find = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: find(
        "127.0.0.1" if host.endswith(".localhost") else host, *rest, **more))
    key = server.root_key()
    control = boto3.client("s3control", "us-east-1", endpoint_url=server.endpoint.replace("127.0.0.1", "localhost"),
                           aws_access_key_id=key[0], aws_secret_access_key=key[1])
    refused(control.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", AccountId=ACCOUNT)
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=block)
    assert control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"] == block
    refused(anonymous.get_object, "AccessDenied", Bucket="account-wide", Key="k")
    refused(s3.put_bucket_policy, "AccessDenied", Bucket="account-wide", Policy=public_policy("account-wide"))
    refused(control.get_public_access_block, "AccessDenied", AccountId="000000000001")
    record = server.recorded("PutAccountPublicAccessBlock")
    assert record["requestParameters"]["PublicAccessBlockConfiguration"] == block and record["eventCategory"] == "Management"
    control.delete_public_access_block(AccountId=ACCOUNT)
    assert anonymous.get_object(Bucket="account-wide", Key="k")["Body"].read() == b"1"


def test_tags_of_objects(shared, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="team=audit&stage=a%20b")
    tags = lambda key="k": {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
    assert tags() == {"team": "audit", "stage": "a b"}
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    assert tags("copy") == tags()
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"}, TaggingDirective="REPLACE", Tagging="x=1")
    assert tags("copy") == {"x": "1"}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "open", "Value": "yes"}]})
    assert tags() == {"open": "yes"}
    reader = user(shared, "tag-reader",
                  {"Action": "s3:GetObject", "Condition": {"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}},
                  {"Action": ["s3:PutObject", "s3:PutObjectTagging"],
                   "Condition": {"StringEquals": {"s3:RequestObjectTag/team": "mine"}}})
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    refused(reader.get_object, "AccessDenied", Bucket=bucket, Key="copy")
    reader.put_object(Bucket=bucket, Key="new", Body=b"", Tagging="team=mine")
    refused(reader.put_object, "AccessDenied", Bucket=bucket, Key="new", Body=b"", Tagging="team=yours")
    refused(reader.put_object_tagging, "AccessDenied", Bucket=bucket, Key="new", Tagging={"TagSet": [{"Key": "team", "Value": "x"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags() == {}
    refused(s3.put_object, "BadRequest", Bucket=bucket, Key="k", Body=b"", Tagging="&".join(f"k{n}=1" for n in range(11)))
    refused(s3.put_object, "InvalidTag", Bucket=bucket, Key="k", Body=b"", Tagging="k=" + "v" * 257)
    refused(s3.put_object_tagging, "NoSuchKey", Bucket=bucket, Key="absent", Tagging={"TagSet": []})


def test_ownership_and_acls(s3, bucket):
    rules = lambda: s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules() == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    refused(s3.put_bucket_acl, "AccessControlListNotSupported", Bucket=bucket, ACL="public-read")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    assert rules() == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    refused(s3.put_bucket_acl, "AccessDenied", Bucket=bucket, ACL="public-read")
    refused(s3.put_object, "AccessDenied", Bucket=bucket, Key="k", Body=b"", ACL="public-read")
    refused(s3.put_object, "NotImplemented", Bucket=bucket, Key="k", Body=b"", ACL="aws-exec-read")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="bucket-owner-full-control")
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    refused(s3.get_bucket_ownership_controls, "OwnershipControlsNotFoundError", Bucket=bucket)


def test_attributes(shared, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"123", ChecksumAlgorithm="SHA256")
    every = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=every)
    assert got["ObjectSize"] == 3 and got["StorageClass"] == "STANDARD" and got["ETag"] == "202cb962ac59075b964b07152d234b70"
    assert got["Checksum"]["ChecksumSHA256"] and got["Checksum"]["ChecksumType"] == "FULL_OBJECT" and "ObjectParts" not in got
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="CRC32")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]})
    parts = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectParts"])
    assert parts["ObjectParts"]["TotalPartsCount"] == 1 and "ETag" not in parts
    cli = shared.aws("s3api", "get-object-attributes", "--bucket", bucket, "--key", "k", "--object-attributes", "ETag", "ObjectSize")
    assert cli["ObjectSize"] == 3


def test_checksums(s3, bucket):
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=b"123", ChecksumAlgorithm=algorithm)
        except Exception as error:  # Two of them need a library that may be absent.
            assert "botocore[crt]" in str(error), error
            continue
        assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[f"Checksum{algorithm}"]


def test_notifications_need_destinations_that_are_there(s3, bucket):
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:absent", "Events": ["s3:ObjectCreated:*"]}
    put = lambda **q: s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue | q]})
    refused(put, "InvalidArgument", "Unable to validate")
    refused(put, "InvalidArgument", "not supported", Events=["s3:ObjectMade"])
    refused(put, "InvalidArgument", "ARN", QueueArn="queue")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})


def test_what_is_not_set_says_so(s3, bucket):
    for call, code in [(s3.get_bucket_cors, "NoSuchCORSConfiguration"), (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
                       (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
                       (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                       (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
                       (s3.get_bucket_tagging, "NoSuchTagSet"), (s3.get_bucket_policy, "NoSuchBucketPolicy")]:
        refused(call, code, Bucket=bucket)
    refused(s3.put_bucket_logging, "NotImplemented", Bucket=bucket, BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "logs/"}})
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    for name in ("A", "ab", "a..b", "1.2.3.4", "-ab", "x" * 64, "xn--a"):
        with pytest.raises(Exception) as error:
            s3.create_bucket(Bucket=name)
        assert "InvalidBucketName" in str(error.value) or "Invalid bucket name" in str(error.value), (name, error.value)
