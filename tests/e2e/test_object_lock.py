"""Object Lock: what is held stays, whoever asks."""

from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from server import run_binary, wait_for
from trail import BUCKET, DIGEST_KEY, bucket_policy, keys, make_trail, settle, wait_for_digests


@pytest.fixture(scope="module")
def s3(shared):
    return shared.client("s3")


@pytest.fixture
def locked(s3, request):
    name = request.node.name.replace("_", "-").split("[")[0][:60]
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


@pytest.fixture(scope="module")
def writer(shared):
    """May do everything but bypass governance."""
    iam = shared.client("iam")
    iam.create_user(UserName="writer")
    iam.put_user_policy(UserName="writer", PolicyName="p", PolicyDocument="""{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Resource":"*"},
        {"Effect":"Deny","Action":"s3:BypassGovernanceRetention","Resource":"*"},
        {"Effect":"Deny","Action":"s3:PutObjectRetention","Resource":"*",
         "Condition":{"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"10"}}}]}""")
    key = iam.create_access_key(UserName="writer")["AccessKey"]
    return shared.client("s3", key=(key["AccessKeyId"], key["SecretAccessKey"]))


def soon(**more):
    return datetime.now(timezone.utc) + timedelta(**more)


def refused(call, code, text="", **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    assert answer["Error"]["Code"] == code and text in answer["Error"]["Message"], answer
    return answer


LOCKED = "object protected by object lock"


def test_governance_can_be_bypassed_by_who_may(s3, writer, locked):
    until = soon(days=1).replace(microsecond=0)
    put = s3.put_object(Bucket=locked, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    this = {"Bucket": locked, "Key": "k", "VersionId": put["VersionId"]}
    head = s3.head_object(**this)
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)
    assert s3.get_object_retention(**this)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    refused(s3.delete_object, "AccessDenied", LOCKED, **this)
    refused(writer.delete_object, "AccessDenied", LOCKED, BypassGovernanceRetention=True, **this)
    assert s3.delete_object(Bucket=locked, Key="k")["DeleteMarker"], "marking is not removing"
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": soon(hours=1)}
    longer = {"Mode": "GOVERNANCE", "RetainUntilDate": soon(days=2)}
    refused(s3.put_object_retention, "AccessDenied", LOCKED, Retention=shorter, **this)
    writer.put_object_retention(Retention=longer, **this)
    refused(writer.put_object_retention, "AccessDenied", Retention=shorter, BypassGovernanceRetention=True, **this)
    refused(writer.put_object_retention, "AccessDenied", Retention=longer | {"RetainUntilDate": soon(days=30)}, **this)
    s3.put_object_retention(Retention=shorter, BypassGovernanceRetention=True, **this)
    errors = s3.delete_objects(Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": put["VersionId"]}]})["Errors"]
    assert errors[0]["Code"] == "AccessDenied" and LOCKED in errors[0]["Message"]
    s3.delete_object(BypassGovernanceRetention=True, **this)
    refused(s3.get_object, "NoSuchVersion", **this)


def test_compliance_holds_against_everybody(shared, s3, locked):
    put = s3.put_object(Bucket=locked, Key="k", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon(seconds=5))
    this = {"Bucket": locked, "Key": "k", "VersionId": put["VersionId"]}
    refused(s3.delete_object, "AccessDenied", LOCKED, BypassGovernanceRetention=True, **this)
    for retention in ({"Mode": "GOVERNANCE", "RetainUntilDate": soon(days=1)}, {"Mode": "COMPLIANCE", "RetainUntilDate": soon(seconds=1)}, {}):
        refused(s3.put_object_retention, "AccessDenied", LOCKED, Retention=retention, BypassGovernanceRetention=True, **this)
    refused(s3.put_bucket_versioning, "InvalidBucketState", "cannot be changed",
            Bucket=locked, VersioningConfiguration={"Status": "Suspended"})
    refused(s3.delete_bucket, "BucketNotEmpty", Bucket=locked)
    done = shared.run_aws("s3api", "delete-object", "--bucket", locked, "--key", "k", "--version-id", put["VersionId"])
    assert "(AccessDenied)" in done.stderr and LOCKED in done.stderr
    s3.delete_object(Bucket=locked, Key="k")
    s3.put_object(Bucket=locked, Key="k", Body=b"2")
    assert s3.get_object(**this)["Body"].read() == b"1"

    def gone():
        try:
            s3.delete_object(**this)
            return True
        except ClientError:
            return False

    wait_for("the end of the retention", gone, 15)


def test_legal_holds_have_no_end(s3, locked):
    put = s3.put_object(Bucket=locked, Key="k", Body=b"1", ObjectLockLegalHoldStatus="ON")
    this = {"Bucket": locked, "Key": "k", "VersionId": put["VersionId"]}
    assert s3.get_object_legal_hold(**this)["LegalHold"]["Status"] == "ON"
    assert s3.get_object(**this)["ObjectLockLegalHoldStatus"] == "ON"
    refused(s3.delete_object, "AccessDenied", LOCKED, BypassGovernanceRetention=True, **this)
    s3.put_object_legal_hold(LegalHold={"Status": "OFF"}, **this)
    assert s3.get_object_legal_hold(**this)["LegalHold"]["Status"] == "OFF"
    s3.delete_object(**this)
    plain = s3.put_object(Bucket=locked, Key="plain", Body=b"")
    refused(s3.get_object_legal_hold, "NoSuchObjectLockConfiguration", Bucket=locked, Key="plain")
    refused(s3.get_object_retention, "NoSuchObjectLockConfiguration", Bucket=locked, Key="plain")
    s3.delete_object(Bucket=locked, Key="plain", VersionId=plain["VersionId"])


def test_default_retention(s3, locked):
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    default = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=default)
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == default
    put = s3.put_object(Bucket=locked, Key="k", Body=b"1")
    retention = s3.get_object_retention(Bucket=locked, Key="k")["Retention"]
    assert retention["Mode"] == "COMPLIANCE" and abs(retention["RetainUntilDate"] - soon(days=1)) < timedelta(minutes=2)
    refused(s3.delete_object, "AccessDenied", LOCKED, Bucket=locked, Key="k", VersionId=put["VersionId"])
    s3.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "k"})
    assert s3.get_object_retention(Bucket=locked, Key="copy")["Retention"]["Mode"] == "COMPLIANCE"
    upload = s3.create_multipart_upload(Bucket=locked, Key="parts", ObjectLockLegalHoldStatus="ON")["UploadId"]
    part = s3.upload_part(Bucket=locked, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=locked, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    head = s3.head_object(Bucket=locked, Key="parts")
    assert (head["ObjectLockMode"], head["ObjectLockLegalHoldStatus"]) == ("COMPLIANCE", "ON")


def test_what_makes_no_sense(shared, s3, locked):
    s3.create_bucket(Bucket="not-locked")
    put = {"Bucket": locked, "Key": "k", "Body": b""}
    refused(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", Bucket="not-locked")
    refused(s3.put_object, "InvalidRequest", "missing Object Lock Configuration", **put | {
        "Bucket": "not-locked", "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": soon(days=1)})
    refused(s3.put_object, "InvalidArgument", "must both be supplied", ObjectLockMode="GOVERNANCE", **put)
    refused(s3.put_object, "InvalidArgument", "in the future", ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=soon(days=-1), **put)
    refused(s3.put_object, "InvalidArgument", "wormMode", ObjectLockMode="FOREVER", ObjectLockRetainUntilDate=soon(days=1), **put)
    quiet = shared.client("s3", request_checksum_calculation="when_required")
    refused(quiet.put_object, "InvalidRequest", "Content-MD5", ObjectLockLegalHoldStatus="ON", **put)
    refused(s3.get_object_retention, "InvalidRequest", "missing Object Lock", Bucket="not-locked", Key="k")
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    refused(s3.put_object_lock_configuration, "InvalidBucketState", Bucket="not-locked", ObjectLockConfiguration=configuration)
    for bad in ({"Mode": "GOVERNANCE"}, {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, {"Days": 1}):
        refused(s3.put_object_lock_configuration, "MalformedXML", Bucket=locked,
                ObjectLockConfiguration=configuration | {"Rule": {"DefaultRetention": bad}})
    refused(s3.put_object_lock_configuration, "InvalidArgument", Bucket=locked,
            ObjectLockConfiguration=configuration | {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 0}}})
    s3.put_bucket_versioning(Bucket="not-locked", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket="not-locked", ObjectLockConfiguration=configuration)
    assert s3.get_object_lock_configuration(Bucket="not-locked")["ObjectLockConfiguration"] == configuration, "also later"


def test_a_trails_bucket_that_holds(server):
    """The recipe of docs/s3.md: what a trail delivers is held by default, and verify finds it whole."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}}})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=bucket_policy())
    make_trail(server, IsMultiRegionTrail=False)
    wait_for_digests(server, 1, with_files=True)
    settle(server)
    for key in keys(server) + keys(server, pattern=DIGEST_KEY):
        head = s3.head_object(Bucket=BUCKET, Key=key)
        assert head["ObjectLockMode"] == "COMPLIANCE" and head["ObjectLockRetainUntilDate"] > soon(days=364)
        refused(s3.delete_object, "AccessDenied", LOCKED, Bucket=BUCKET, Key=key, VersionId=head["VersionId"])
    victim = keys(server)[0]
    s3.put_object(Bucket=BUCKET, Key=victim, Body=b"forged")
    old = [v for v in s3.list_object_versions(Bucket=BUCKET, Prefix=victim)["Versions"] if not v["IsLatest"]]
    assert len(old) == 1, "the real file is still there, as the older version"
    key = server.root_key()
    environment = {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1"}
    assert run_binary("verify", f"s3://{BUCKET}", "--endpoint", server.endpoint, env=environment).returncode == 1
    s3.copy_object(Bucket=BUCKET, Key=victim, CopySource={"Bucket": BUCKET, "Key": victim, "VersionId": old[0]["VersionId"]})
    checked = run_binary("verify", f"s3://{BUCKET}", "--endpoint", server.endpoint, env=environment)
    assert checked.returncode == 0, checked.stdout + checked.stderr
