"""Lifecycle rules, carried out by the server's worker with days of two seconds."""

from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from server import Server, wait_for
from trail import Delivered, make_trail

BIG = b"x" * (128 * 1024)


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    settings = {"OPENTRAIL_LIFECYCLE__INTERVAL": "300ms", "OPENTRAIL_LIFECYCLE__DAY": "2s"}
    server = Server(tmp_path_factory.mktemp("fast") / "data", **settings).start()
    yield server
    try:
        server.stop()
    finally:
        server.close()


def make(server, name, rules, versions=False, **create):
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name, **create)
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rules = [{"ID": f"r{n}", "Status": "Enabled", "Filter": {}} | rule for n, rule in enumerate(rules)]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    return s3


def listed(s3, bucket):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def entries(s3, bucket):
    answer = s3.list_object_versions(Bucket=bucket)
    return answer.get("Versions", []), answer.get("DeleteMarkers", [])


def test_objects_expire_and_it_is_recorded(fast):
    make_trail(fast, data_bucket="expiring", IsMultiRegionTrail=False)
    s3 = make(fast, "expiring", [
        {"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}},
        {"Filter": {"Tag": {"Key": "keep", "Value": "no"}}, "Expiration": {"Days": 1}},
        {"Filter": {"And": {"Prefix": "sized/", "ObjectSizeGreaterThan": 10}}, "Expiration": {"Days": 1}},
        {"Filter": {"Prefix": "off/"}, "Status": "Disabled", "Expiration": {"Days": 1}}])
    for key, body, tags in [("tmp/a", b"1", ""), ("kept", b"1", ""), ("tagged", b"1", "keep=no"), ("tagged2", b"1", "keep=yes"),
                            ("sized/small", b"1", ""), ("sized/large", b"1" * 11, ""), ("off/a", b"1", "")]:
        s3.put_object(Bucket="expiring", Key=key, Body=body, Tagging=tags)
    wait_for("the expiry", lambda: listed(s3, "expiring") == ["kept", "off/a", "sized/small", "tagged2"])
    record = Delivered(fast).find("the expiry's record", lambda r: r["eventName"] == "LifecycleExpiration"
                                  and r["serviceEventDetails"]["key"] == "tmp/a")
    assert record["eventType"] == "AwsServiceEvent" and record["eventCategory"] == "Data"
    assert record["userIdentity"]["invokedBy"] == record["sourceIPAddress"] == "s3.amazonaws.com"
    assert record["serviceEventDetails"] == {
        "action": "S3.EXPIRE.OBJECT", "bucketName": "expiring", "key": "tmp/a", "ruleId": "r0"}
    assert record["resources"][0] == {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::expiring/tmp/a"}


def test_current_versions_are_marked_and_old_ones_go(fast):
    s3 = make(fast, "aging", [
        {"Filter": {"Prefix": "old/"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}},
        {"Filter": {"Prefix": "marked/"}, "Expiration": {"Days": 2}},
        {"Filter": {"Prefix": "lone/"}, "Expiration": {"ExpiredObjectDeleteMarker": True}}], versions=True)
    put = lambda key: s3.put_object(Bucket="aging", Key=key, Body=b"")["VersionId"]
    old = [put("old/k") for _ in range(5)]
    put("marked/k")
    s3.delete_object(Bucket="aging", Key="lone/k", VersionId=put("lone/k"))
    s3.delete_object(Bucket="aging", Key="lone/k")

    def done():
        versions, markers = entries(s3, "aging")
        of = lambda prefix: [v["VersionId"] for v in versions if v["Key"].startswith(prefix)]
        return of("old/") == old[:1:-1] and len(of("marked/")) <= 1 and not [m for m in markers if m["Key"] == "lone/k"] \
            and "marked/k" not in listed(s3, "aging")

    wait_for("old versions to go", done)


def test_uploads_are_given_up(fast):
    s3 = make(fast, "uploads", [{"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}])
    upload = s3.create_multipart_upload(Bucket="uploads", Key="k")["UploadId"]
    s3.upload_part(Bucket="uploads", Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    wait_for("the upload to be gone", lambda: not s3.list_multipart_uploads(Bucket="uploads").get("Uploads"))


def test_locked_versions_stay(fast):
    s3 = make(fast, "holding", [
        {"Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}], ObjectLockEnabledForBucket=True)
    until = datetime.now(timezone.utc) + timedelta(days=1)
    held = s3.put_object(Bucket="holding", Key="held", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    s3.put_object(Bucket="holding", Key="free", Body=b"1")
    wait_for("the free version to go", lambda: [v["Key"] for v in entries(s3, "holding")[0]] == ["held"])
    wait_for("the held one to be marked", lambda: listed(s3, "holding") == [])
    assert s3.get_object(Bucket="holding", Key="held", VersionId=held["VersionId"])["Body"].read() == b"1"


def test_archives_must_be_restored(fast):
    s3 = make(fast, "archive", [{"Transitions": [{"Days": 0, "StorageClass": "GLACIER"}]}])
    s3.put_object(Bucket="archive", Key="k", Body=BIG)
    s3.put_object(Bucket="archive", Key="small", Body=b"x")
    wait_for("the transition", lambda: s3.head_object(Bucket="archive", Key="k").get("StorageClass") == "GLACIER")
    assert "StorageClass" not in s3.head_object(Bucket="archive", Key="small"), "under 128 KB nothing moves"
    for call, arguments in [(s3.get_object, {"Key": "k"}),
                            (s3.copy_object, {"Key": "copy", "CopySource": {"Bucket": "archive", "Key": "k"}})]:
        with pytest.raises(ClientError) as error:
            call(Bucket="archive", **arguments)
        assert error.value.response["Error"]["Code"] == "InvalidObjectState"
    answer = s3.restore_object(Bucket="archive", Key="k", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    again = s3.restore_object(Bucket="archive", Key="k", RestoreRequest={"Days": 2})
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert 'ongoing-request="false"' in s3.head_object(Bucket="archive", Key="k")["Restore"]
    assert s3.get_object(Bucket="archive", Key="k")["Body"].read() == BIG
    with pytest.raises(ClientError) as error:
        s3.restore_object(Bucket="archive", Key="small", RestoreRequest={"Days": 1})
    assert error.value.response["Error"]["Code"] == "InvalidObjectState"
    s3.put_object(Bucket="archive", Key="direct", Body=b"1", StorageClass="DEEP_ARCHIVE")
    with pytest.raises(ClientError):
        s3.get_object(Bucket="archive", Key="direct")


def test_configurations_come_back_as_they_were_given(fast):
    rules = [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 365},
         "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
         "NoncurrentVersionTransitions": [{"NoncurrentDays": 30, "StorageClass": "DEEP_ARCHIVE", "NewerNoncurrentVersions": 1}],
         "NoncurrentVersionExpiration": {"NoncurrentDays": 60}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"ID": "b", "Status": "Disabled", "Prefix": "old-style/", "Expiration": {"Date": datetime(2040, 1, 1, tzinfo=timezone.utc)}},
        {"ID": "c", "Status": "Enabled", "Filter": {"And": {"Prefix": "p", "Tags": [{"Key": "a", "Value": "b"}]}},
         "Expiration": {"Days": 1}}]
    s3 = fast.client("s3")
    s3.create_bucket(Bucket="configured")
    s3.put_bucket_lifecycle_configuration(Bucket="configured", LifecycleConfiguration={"Rules": rules})
    got = s3.get_bucket_lifecycle_configuration(Bucket="configured")
    assert got["Rules"] == rules and got["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    record = fast.recorded("PutBucketLifecycle", lambda r: r["requestParameters"]["bucketName"] == "configured")
    assert record["requestParameters"]["LifecycleConfiguration"]["Rule"][0]["ID"] == "a"
    s3.delete_bucket_lifecycle(Bucket="configured")
    for rule, code in [({"Expiration": {"Days": 0}}, "InvalidArgument"), ({}, "InvalidRequest"),
                       ({"Expiration": {"Days": 1}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, "InvalidArgument"),
                       ({"Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument")]:
        with pytest.raises(ClientError) as error:
            s3.put_bucket_lifecycle_configuration(
                Bucket="configured", LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {}} | rule]})
        assert error.value.response["Error"]["Code"] == code, error.value.response
    with pytest.raises(ClientError) as error:
        s3.get_bucket_lifecycle_configuration(Bucket="configured")
    assert error.value.response["Error"]["Code"] == "NoSuchLifecycleConfiguration"
