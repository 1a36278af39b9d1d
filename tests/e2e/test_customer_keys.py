"""SSE-C: keys that come with each request. What is under them is read with them alone, and they are kept nowhere."""

import base64
import hashlib
import os

import pytest
from botocore.exceptions import ClientError

from test_sealing import holders

BUCKET = "customers"
KEY, OTHER = os.urandom(32), os.urandom(32)
MEGABYTE = 1024 * 1024


def sse(key, prefix=""):
    """The parameters of boto3, which adds the MD5."""
    return {f"{prefix}SSECustomerAlgorithm": "AES256", f"{prefix}SSECustomerKey": key}


def fault(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


@pytest.fixture(scope="module")
def s3(shared):
    client = shared.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


def test_what_is_put_with_a_key_is_read_with_it_alone(shared, s3):
    body = os.urandom(300_000)
    put = s3.put_object(Bucket=BUCKET, Key="a", Body=body, **sse(KEY))
    md5 = base64.b64encode(hashlib.md5(KEY).digest()).decode()
    assert (put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"]) == ("AES256", md5)
    assert "ServerSideEncryption" not in put and put["ETag"].strip('"') != hashlib.md5(body).hexdigest()
    got = s3.get_object(Bucket=BUCKET, Key="a", **sse(KEY))
    assert got["Body"].read() == body and got["SSECustomerKeyMD5"] == md5
    part = s3.get_object(Bucket=BUCKET, Key="a", Range="bytes=131000-132000", **sse(KEY))
    assert part["Body"].read() == body[131000:132001]
    assert s3.head_object(Bucket=BUCKET, Key="a", **sse(KEY))["ContentLength"] == len(body)
    for call in (s3.get_object, s3.head_object):
        assert fault(call, Bucket=BUCKET, Key="a")[0] == 400
        assert fault(call, Bucket=BUCKET, Key="a", **sse(OTHER))[0] == 403
    assert fault(s3.get_object, Bucket=BUCKET, Key="a") == (400, "InvalidRequest")
    assert fault(s3.get_object, Bucket=BUCKET, Key="a", **sse(OTHER)) == (403, "AccessDenied")
    s3.put_object(Bucket=BUCKET, Key="plain", Body=b"x")
    assert fault(s3.get_object, Bucket=BUCKET, Key="plain", **sse(KEY)) == (400, "InvalidRequest")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix="a")["Contents"]] == ["a"]
    shared.restart()
    again = shared.client("s3")
    assert again.get_object(Bucket=BUCKET, Key="a", **sse(KEY))["Body"].read() == body


def test_keys_that_are_none_are_refused(shared, s3):
    s3 = shared.client("s3")
    put = lambda **more: fault(s3.put_object, Bucket=BUCKET, Key="b", Body=b"x", **more)
    md5 = lambda key: base64.b64encode(hashlib.md5(key).digest()).decode()
    encoded = base64.b64encode(KEY).decode()
    assert put(SSECustomerAlgorithm="AES256", SSECustomerKey=KEY[:16]) == (400, "InvalidArgument")
    assert put(SSECustomerAlgorithm="AES128", SSECustomerKey=KEY) == (400, "InvalidEncryptionAlgorithmError")
    assert put(SSECustomerAlgorithm="AES256", SSECustomerKey=encoded, SSECustomerKeyMD5=md5(OTHER)) == (400, "InvalidArgument")
    assert put(SSECustomerAlgorithm="AES256") == (400, "InvalidArgument")
    assert put(ServerSideEncryption="AES256", **sse(KEY)) == (400, "InvalidArgument")
    assert fault(s3.head_object, Bucket=BUCKET, Key="b")[0] == 404


def test_copies_change_keys(shared):
    s3 = shared.client("s3")
    s3.put_object(Bucket=BUCKET, Key="from", Body=b"moved", **sse(KEY))
    source = {"Bucket": BUCKET, "Key": "from"}
    copy = lambda **more: s3.copy_object(Bucket=BUCKET, Key="to", CopySource=source, **more)
    assert fault(copy) == (400, "InvalidRequest")
    assert fault(copy, **sse(OTHER, "CopySource")) == (403, "AccessDenied")
    done = copy(**sse(KEY, "CopySource"), **sse(OTHER))
    assert done["SSECustomerKeyMD5"] == base64.b64encode(hashlib.md5(OTHER).digest()).decode()
    assert s3.get_object(Bucket=BUCKET, Key="to", **sse(OTHER))["Body"].read() == b"moved"
    assert fault(s3.get_object, Bucket=BUCKET, Key="to", **sse(KEY)) == (403, "AccessDenied")
    copy(**sse(KEY, "CopySource"))
    assert s3.get_object(Bucket=BUCKET, Key="to")["ServerSideEncryption"] == "AES256"
    # Onto itself, with another key.
    s3.copy_object(Bucket=BUCKET, Key="from", CopySource=source, **sse(KEY, "CopySource"), **sse(OTHER))
    assert s3.get_object(Bucket=BUCKET, Key="from", **sse(OTHER))["Body"].read() == b"moved"


def test_uploads_in_parts_keep_to_one_key(shared):
    s3 = shared.client("s3")
    parts = [os.urandom(5 * MEGABYTE), os.urandom(1000)]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts", **sse(KEY))
    assert upload["SSECustomerAlgorithm"] == "AES256"
    name = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload["UploadId"]}
    assert fault(s3.upload_part, **name, PartNumber=1, Body=parts[0]) == (400, "InvalidRequest")
    assert fault(s3.upload_part, **name, PartNumber=1, Body=parts[0], **sse(OTHER)) == (400, "InvalidRequest")
    first = s3.upload_part(**name, PartNumber=1, Body=parts[0], **sse(KEY))["ETag"]
    s3.put_object(Bucket=BUCKET, Key="second", Body=parts[1], **sse(OTHER))
    second = s3.upload_part_copy(**name, PartNumber=2, CopySource={"Bucket": BUCKET, "Key": "second"}, **sse(KEY),
                                 **sse(OTHER, "CopySource"))["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(**name, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]})
    assert s3.get_object(Bucket=BUCKET, Key="parts", **sse(KEY))["Body"].read() == b"".join(parts)
    assert s3.get_object(Bucket=BUCKET, Key="parts", PartNumber=2, **sse(KEY))["Body"].read() == parts[1]
    assert fault(s3.get_object, Bucket=BUCKET, Key="parts") == (400, "InvalidRequest")
    plain = s3.create_multipart_upload(Bucket=BUCKET, Key="plain-parts")["UploadId"]
    assert fault(s3.upload_part, Bucket=BUCKET, Key="plain-parts", UploadId=plain, PartNumber=1, Body=b"x", **sse(KEY)) == (
        400, "InvalidRequest")


def test_the_command_line_and_where_keys_are_kept(shared, tmp_path):
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "big").write_bytes(os.urandom(9 * MEGABYTE))
    key = ("--sse-c", "AES256", "--sse-c-key", f"fileb://{tmp_path}/key")
    shared.aws("s3", "cp", tmp_path / "big", f"s3://{BUCKET}/big", *key)
    shared.aws("s3", "cp", f"s3://{BUCKET}/big", tmp_path / "back", *key)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "big").read_bytes()
    assert shared.run_aws("s3", "cp", f"s3://{BUCKET}/big", tmp_path / "no").returncode == 1
    for form in (base64.b64encode(KEY).decode(), KEY.hex()):
        assert not holders(shared, form)
    files = [path for path in shared.data_dir.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY in path.read_bytes()]
    assert base64.b64encode(KEY).decode() not in shared.log_path.read_text()
