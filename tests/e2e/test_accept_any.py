"""`auth.mode = accept-any`: any credentials do, for people's own tests."""

import io

import pytest

from server import ACCOUNT
from trail import make_trail, trail_arn

NONSENSE = ("test", "test")


@pytest.fixture
def open_server(make_server):
    server = make_server(OPENTRAIL_AUTH__MODE="accept-any").start()
    yield server
    server.stop()


def test_boto3_with_nonsense_credentials(open_server):
    server = open_server
    assert server.client("sts", key=NONSENSE).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    server.root_key = lambda: NONSENSE
    make_trail(server)
    [trail] = server.client("cloudtrail").describe_trails()["trailList"]
    assert trail["TrailARN"] == trail_arn()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="any")
    s3.put_object(Bucket="any", Key="small", Body=b"hello")
    assert s3.get_object(Bucket="any", Key="small")["Body"].read() == b"hello"
    big = bytes(range(256)) * 4096 * 9
    s3.upload_fileobj(io.BytesIO(big), "any", "big")
    back = io.BytesIO()
    s3.download_fileobj("any", "big", back)
    assert back.getvalue() == big
    assert server.recorded("CreateBucket", lambda record: record["requestParameters"]["bucketName"] == "any")["userIdentity"]["type"] == "Root"
    old = server.client("s3", signature_version="s3")
    assert old.get_object(Bucket="any", Key="small")["Body"].read() == b"hello"


def test_streaming_uploads(open_server):
    """Bodies in signed and unsigned chunks, as SDKs send them over TLS."""
    import http.client

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    server = open_server
    server.client("s3", key=NONSENSE).create_bucket(Bucket="any")
    url = f"{server.endpoint}/any/chunked"
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}
    request = AWSRequest("PUT", url, headers=headers)
    S3SigV4Auth(Credentials(*NONSENSE), "s3", "us-east-1").add_auth(request)
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=10)
    # botocore puts a hash of its own in the place of what we say; signatures are not checked in this mode.
    sent = {name: value for name, value in request.headers.items() if name.lower() != "x-amz-content-sha256"}
    sent |= {"x-amz-content-sha256": headers["x-amz-content-sha256"], "Content-Length": str(len(body))}
    connection.request("PUT", "/any/chunked", body, sent)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    assert server.client("s3", key=NONSENSE).get_object(Bucket="any", Key="chunked")["Body"].read() == b"hello"


def test_cli_with_nonsense_credentials(open_server):
    listed = open_server.aws("cloudtrail", "list-trails", key=NONSENSE)
    assert listed == {"Trails": []}
    open_server.aws("s3", "mb", "s3://from-the-cli", key=NONSENSE)
    assert "from-the-cli" in open_server.aws("s3", "ls", key=NONSENSE)
