"""Versions of objects, as boto3 and the AWS CLI see them, and what is recorded of them."""

import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError

from server import SCRIPTS
from trail import Delivered, make_trail


@pytest.fixture(scope="module")
def s3(shared):
    return shared.client("s3")


@pytest.fixture
def bucket(s3, request):
    """A bucket with versions, named after its test."""
    name = request.node.name.replace("_", "-").split("[")[0][:60]
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def refused(call, code, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    assert answer["Error"]["Code"] == code, answer
    return answer


def versions(s3, bucket, **arguments):
    """(key, version, is it the latest, is it a marker), in the order of the listing's two lists."""
    answer = s3.list_object_versions(Bucket=bucket, **arguments)
    found = [(v["Key"], v["VersionId"], v["IsLatest"], False) for v in answer.get("Versions", [])]
    return found + [(m["Key"], m["VersionId"], m["IsLatest"], True) for m in answer.get("DeleteMarkers", [])]


def test_each_put_is_a_version(s3, bucket):
    put = [s3.put_object(Bucket=bucket, Key="k", Body=str(n))["VersionId"] for n in range(3)]
    assert len(set(put)) == 3 and all(len(v) == 32 for v in put)
    newest = s3.get_object(Bucket=bucket, Key="k")
    assert newest["Body"].read() == b"2" and newest["VersionId"] == put[2]
    for number, version in enumerate(put):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == str(number).encode()
        assert s3.head_object(Bucket=bucket, Key="k", VersionId=version)["VersionId"] == version
    assert versions(s3, bucket) == [("k", put[2], True, False), ("k", put[1], False, False), ("k", put[0], False, False)]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    copied = s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": put[0]})
    assert copied["CopySourceVersionId"] == put[0] and copied["VersionId"] not in put
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"0"
    refused(s3.get_object, "NoSuchVersion", Bucket=bucket, Key="k", VersionId="0" * 32)
    refused(s3.get_object, "NoSuchVersion", Bucket=bucket, Key="k", VersionId="null")
    refused(s3.get_object, "InvalidArgument", Bucket=bucket, Key="k", VersionId="nonsense")
    refused(s3.head_object, "404", Bucket=bucket, Key="k", VersionId="0" * 32)
    refused(s3.delete_bucket, "BucketNotEmpty", Bucket=bucket)
    refused(s3.put_object, "InvalidArgument", Bucket=bucket, Key="k\0ffff", Body=b"")


def test_delete_markers(s3, bucket):
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marked = s3.delete_object(Bucket=bucket, Key="k")
    assert marked["DeleteMarker"] is True and marked["VersionId"] != first
    gone = refused(s3.get_object, "NoSuchKey", Bucket=bucket, Key="k")
    headers = gone["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true" and headers["x-amz-version-id"] == marked["VersionId"]
    named = refused(s3.get_object, "MethodNotAllowed", Bucket=bucket, Key="k", VersionId=marked["VersionId"])
    assert named["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    refused(s3.head_object, "405", Bucket=bucket, Key="k", VersionId=marked["VersionId"])
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    assert versions(s3, bucket) == [("k", first, False, False), ("k", marked["VersionId"], True, True)]
    refused(s3.delete_bucket, "BucketNotEmpty", Bucket=bucket)
    removed = s3.delete_object(Bucket=bucket, Key="k", VersionId=marked["VersionId"])
    assert removed["DeleteMarker"] is True and removed["VersionId"] == marked["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1", "the version behind the marker is the latest again"
    assert s3.delete_object(Bucket=bucket, Key="k", VersionId=first)["VersionId"] == first
    assert s3.delete_object(Bucket=bucket, Key="k", VersionId=first)["VersionId"] == first, "nothing to do the second time"
    assert versions(s3, bucket) == []
    s3.delete_bucket(Bucket=bucket)


def test_null_versions(s3):
    bucket = "null-versions"
    s3.create_bucket(Bucket=bucket)
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versioned = s3.put_object(Bucket=bucket, Key="k", Body=b"enabled")["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"before"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"suspended")["VersionId"] == "null"
    assert versions(s3, bucket) == [("k", "null", True, False), ("k", versioned, False, False)], "there is one null version"
    marked = s3.delete_object(Bucket=bucket, Key="k")
    assert marked["VersionId"] == "null" and marked["DeleteMarker"] is True
    assert versions(s3, bucket) == [("k", versioned, False, False), ("k", "null", True, True)]
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"again")["VersionId"] == "null"
    assert versions(s3, bucket) == [("k", "null", True, False), ("k", versioned, False, False)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"enabled"


def test_listings_come_in_pages(s3, bucket):
    wanted = []
    for key in ("a/1", "a/2", "b", "c/x", "d"):
        for _ in range(3):
            wanted.append((key, s3.put_object(Bucket=bucket, Key=key, Body=b"")["VersionId"]))
    wanted.append(("b", s3.delete_object(Bucket=bucket, Key="b")["VersionId"]))
    for size in (1, 2, 5, 100):
        pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}))
        entries = [e for p in pages for e in p.get("Versions", []) + p.get("DeleteMarkers", [])]
        assert sorted((e["Key"], e["VersionId"]) for e in entries) == sorted(wanted), size
        assert sum(e["IsLatest"] for e in entries) == 5
        rolled = list(s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}))
        assert [c["Prefix"] for p in rolled for c in p.get("CommonPrefixes", [])] == ["a/", "c/"]
        assert len([e for p in rolled for e in p.get("Versions", []) + p.get("DeleteMarkers", [])]) == 7
    assert {key for key, *_ in versions(s3, bucket, Prefix="a/")} == {"a/1", "a/2"}
    refused(s3.list_object_versions, "InvalidArgument", Bucket=bucket, VersionIdMarker="x" * 32)


def test_many_versions_are_deleted_at_once(shared, s3, bucket):
    made = [{"Key": f"k{n}", "VersionId": s3.put_object(Bucket=bucket, Key=f"k{n}", Body=b"")["VersionId"]} for n in range(4)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [made[0], {"Key": "k1"}, {"Key": "k2", "VersionId": "wrong"}]})
    plain, marked = sorted(answer["Deleted"], key=lambda d: d["Key"])
    assert plain == made[0]
    assert marked["DeleteMarker"] is True and marked["DeleteMarkerVersionId"] and "VersionId" not in marked
    assert [(e["Key"], e["VersionId"], e["Code"]) for e in answer["Errors"]] == [("k2", "wrong", "InvalidArgument")]
    every = [{"Key": key, "VersionId": version} for key, version, *_ in versions(s3, bucket)]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": every})["Deleted"]) == 4
    shared.aws("s3api", "delete-bucket", "--bucket", bucket)


def test_conditions(s3, bucket):
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    refused(s3.put_object, "PreconditionFailed", Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    refused(s3.put_object, "PreconditionFailed", Bucket=bucket, Key="k", Body=b"2", IfMatch='"00"')
    refused(s3.put_object, "NoSuchKey", Bucket=bucket, Key="absent", Body=b"2", IfMatch='"00"')
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first["ETag"])
    refused(s3.delete_object, "PreconditionFailed", Bucket=bucket, Key="k", IfMatch=first["ETag"])
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=second["ETag"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfNoneMatch="*")
    refused(s3.copy_object, "PreconditionFailed", Bucket=bucket, Key="x", CopySourceIfMatch='"00"',
            CopySource={"Bucket": bucket, "Key": "k"})
    refused(s3.copy_object, "PreconditionFailed", Bucket=bucket, Key="k", IfNoneMatch="*", MetadataDirective="REPLACE",
            CopySource={"Bucket": bucket, "Key": "k"})


def test_rights_to_versions_are_their_own(shared, s3, bucket):
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    iam = shared.client("iam")
    iam.create_user(UserName="version-reader")
    iam.put_user_policy(UserName="version-reader", PolicyName="p", PolicyDocument=
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:DeleteObject"],"Resource":"*"}]}')
    key = iam.create_access_key(UserName="version-reader")["AccessKey"]
    reader = shared.client("s3", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    refused(reader.get_object, "AccessDenied", Bucket=bucket, Key="k", VersionId=version)
    refused(reader.delete_object, "AccessDenied", Bucket=bucket, Key="k", VersionId=version)
    errors = reader.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": version}]})["Errors"]
    assert errors[0]["Code"] == "AccessDenied" and "s3:DeleteObjectVersion" in errors[0]["Message"]
    assert reader.delete_object(Bucket=bucket, Key="k")["DeleteMarker"] is True


def test_versioning_settings(shared, s3, bucket):
    refused(s3.put_bucket_versioning, "IllegalVersioningConfigurationException", Bucket=bucket, VersioningConfiguration={})
    refused(s3.put_bucket_versioning, "MalformedXML", Bucket=bucket, VersioningConfiguration={"Status": "On"})
    refused(s3.put_bucket_versioning, "AccessDenied", Bucket=bucket, MFA="arn:aws:iam::123456789012:mfa/root 123456",
            VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"})
    refused(s3.put_bucket_versioning, "NoSuchBucket", Bucket="absent", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    record = shared.recorded("PutBucketVersioning", lambda r: "errorCode" not in r and r["requestParameters"]["bucketName"] == bucket)
    assert record["requestParameters"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert record["eventCategory"] == "Management" and record["readOnly"] is False


def test_records_name_versions(server):
    make_trail(server, data_bucket="versioned", IsMultiRegionTrail=False)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="versioned", Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket="versioned", Key="k")["VersionId"]
    s3.get_object(Bucket="versioned", Key="k", VersionId=version)
    s3.delete_objects(Bucket="versioned", Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    files = Delivered(server)
    put = files.named("PutObject")
    assert put["responseElements"]["x-amz-version-id"] == version
    deleted = files.find("the marker", lambda r: r["eventName"] == "DeleteObject" and "versionId" not in r["requestParameters"])
    assert deleted["responseElements"] == {"x-amz-version-id": marker, "x-amz-delete-marker": "true"}
    assert files.named("GetObject")["requestParameters"]["versionId"] == version
    removed = files.find("the removal", lambda r: r["eventName"] == "DeleteObject" and "versionId" in r["requestParameters"])
    assert removed["requestParameters"]["versionId"] == version
    assert removed["resources"][0]["ARN"] == "arn:aws:s3:::versioned/k"


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed")
def test_rclone_sees_old_versions(shared, s3, bucket, tmp_path):
    for text in ("one", "two"):
        s3.put_object(Bucket=bucket, Key="f.txt", Body=text.encode())
    key = shared.root_key()
    remote = f":s3,provider=Other,access_key_id={key[0]},secret_access_key={key[1]},endpoint='{shared.endpoint}',versions:{bucket}"
    listed = subprocess.run(["rclone", "lsf", remote], capture_output=True, text=True, timeout=60, check=True).stdout.split()
    assert len(listed) == 2 and "f.txt" in listed, listed


@pytest.mark.skipif(not (SCRIPTS / "s3cmd").exists(), reason="s3cmd is not installed")
def test_s3cmd_sets_versioning(shared, s3, bucket):
    key = shared.root_key()
    host = shared.endpoint.removeprefix("http://")
    base = [SCRIPTS / "s3cmd", f"--access_key={key[0]}", f"--secret_key={key[1]}", f"--host={host}", f"--host-bucket={host}", "--no-ssl", "-c", "/dev/null"]
    subprocess.run([*base, "setversioning", f"s3://{bucket}", "disable"], capture_output=True, timeout=60, check=True)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
