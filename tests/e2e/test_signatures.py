"""Faults of signatures get AWS's code in each protocol, and every one of them is recorded."""

import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from unittest import mock
from xml.etree import ElementTree

import botocore
import botocore.auth
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from server import REGION

UNKNOWN_KEY = "AKIAQQQQQQQQQQQQQQQQ"
CALLS = {
    "cloudtrail": ("describe_trails", "DescribeTrails"),
    "sts": ("get_caller_identity", "GetCallerIdentity"),
    "s3": ("list_buckets", "ListBuckets"),
}


def fault(client, service):
    with pytest.raises(ClientError) as caught:
        getattr(client, CALLS[service][0])()
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["ResponseMetadata"].get("RequestId")


def skewed(by):
    """botocore's clock, moved."""
    moved = lambda *_, **__: datetime.now(timezone.utc).replace(tzinfo=None) + by
    targets = [name for name in ("get_current_datetime", "datetime") if hasattr(botocore.auth, name)]
    if "get_current_datetime" in targets:
        return mock.patch.object(botocore.auth, "get_current_datetime", moved)
    fake = mock.Mock(wraps=botocore.auth.datetime)
    fake.datetime.utcnow = moved
    fake.datetime.now = moved
    return mock.patch.object(botocore.auth, "datetime", fake)


def wrong_key_id(server, service):
    return fault(server.client(service, key=(UNKNOWN_KEY, "x" * 40)), service)


def wrong_secret(server, service):
    return fault(server.client(service, key=(server.root_key()[0], "x" * 40)), service)


def clock_behind(server, service):
    with skewed(timedelta(minutes=-20)):
        return fault(server.client(service), service)


def clock_ahead(server, service):
    with skewed(timedelta(minutes=20)):
        return fault(server.client(service), service)


def unsigned(server, service):
    return fault(server.client(service, signature_version=UNSIGNED), service)


EXPECTED = [
    (wrong_key_id, "cloudtrail", "UnrecognizedClientException", 400),
    (wrong_key_id, "sts", "InvalidClientTokenId", 403),
    (wrong_key_id, "s3", "InvalidAccessKeyId", 403),
    (wrong_secret, "cloudtrail", "InvalidSignatureException", 400),
    (wrong_secret, "sts", "SignatureDoesNotMatch", 403),
    (wrong_secret, "s3", "SignatureDoesNotMatch", 403),
    (clock_behind, "cloudtrail", "InvalidSignatureException", 400),
    (clock_behind, "sts", "SignatureDoesNotMatch", 403),
    (clock_behind, "s3", "RequestTimeTooSkewed", 403),
    (clock_ahead, "cloudtrail", "InvalidSignatureException", 400),
    (clock_ahead, "sts", "SignatureDoesNotMatch", 403),
    (clock_ahead, "s3", "RequestTimeTooSkewed", 403),
    (unsigned, "cloudtrail", "MissingAuthenticationTokenException", 400),
    (unsigned, "sts", "MissingAuthenticationToken", 403),
    (unsigned, "s3", "AccessDenied", 403),
]


@pytest.mark.parametrize(("make", "service", "code", "status"), EXPECTED, ids=lambda v: getattr(v, "__name__", str(v)))
def test_fault(shared, make, service, code, status):
    found, answered, request_id = make(shared, service)
    assert (found, answered) == (code, status)
    assert request_id
    record = shared.recorded(CALLS[service][1], lambda record: record["requestID"] == request_id)
    assert record["errorCode"] == code and record["eventSource"] == f"{service}.amazonaws.com"
    if make is not unsigned and make is not wrong_key_id:
        assert record["userIdentity"].get("type") != "Root", "nobody is believed to be root without a good signature"


def raw(server, path, method="GET", headers=None, body=None):
    request = urllib.request.Request(server.endpoint + path, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def code_in_xml(body):
    root = ElementTree.fromstring(body)
    return next(node.text for node in root.iter() if node.tag.endswith("Code"))


@pytest.fixture(scope="module")
def presigned(shared):
    """An object, and a way to presign a URL for it."""
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="a/b c.txt", Body=b"hello")

    def url(version="s3v4", seconds=300, **parameters):
        client = shared.client("s3", signature_version=version)
        made = client.generate_presigned_url(
            "get_object", Params={"Bucket": "presigned", "Key": "a/b c.txt"} | parameters, ExpiresIn=seconds)
        return made.removeprefix(shared.endpoint)

    return url


def test_presigned_urls(shared, presigned):
    for version in ("s3", "s3v4"):
        assert raw(shared, presigned(version)) == (200, b"hello")
        tampered = presigned(version).replace("b%20c", "other")
        status, body = raw(shared, tampered)
        assert (status, code_in_xml(body)) == (403, "SignatureDoesNotMatch"), version
    with skewed(timedelta(minutes=-10)):
        old = presigned("s3v4", seconds=60)
    status, body = raw(shared, old)
    assert (status, code_in_xml(body)) == (403, "AccessDenied") and b"Request has expired" in body
    status, body = raw(shared, presigned("s3", seconds=-60))
    assert (status, code_in_xml(body)) == (403, "AccessDenied") and b"Request has expired" in body
    longer = presigned("s3v4").replace("X-Amz-Expires=300", "X-Amz-Expires=604801")
    status, body = raw(shared, longer)
    assert (status, code_in_xml(body)) == (400, "AuthorizationQueryParametersError")
    named = presigned(ResponseContentDisposition="attachment")
    assert raw(shared, named)[0] == 200
    assert raw(shared, named.replace("attachment", "inline"))[0] == 403


def test_presigned_put(shared, presigned):
    put = shared.client("s3", signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": "presigned", "Key": "uploaded"}, ExpiresIn=60).removeprefix(shared.endpoint)
    assert raw(shared, put, "PUT", body=b"new")[0] == 200
    assert shared.client("s3").get_object(Bucket="presigned", Key="uploaded")["Body"].read() == b"new"
    assert raw(shared, put, "GET")[0] == 403, "signed for PUT only"
    assert raw(shared, put, "PUT", {"x-amz-acl": "public-read"}, b"new")[0] == 403, "a header that was not signed"


def signed_headers(server, service, body, headers, key=None):
    request = AWSRequest("POST", server.endpoint + "/", data=body, headers=headers)
    SigV4Auth(Credentials(*(key or server.root_key())), service, REGION).add_auth(request)
    return dict(request.headers)


def test_malformed_and_tampered_calls(shared):
    target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListTrails"
    json_headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    good = signed_headers(shared, "cloudtrail", b"{}", json_headers)
    assert raw(shared, "/", "POST", good, b"{}")[0] == 200
    short = signed_headers(shared, "cloudtrail", b"{}", json_headers | {"X-Amz-Target": "CloudTrail_20131101.ListTrails"})
    assert raw(shared, "/", "POST", short, b"{}")[0] == 200, "the newer SDKs' spelling of the target"

    def code(headers, body=b"{}"):
        status, answer = raw(shared, "/", "POST", headers, body)
        return status, json.loads(answer)["__type"].split("#")[-1]

    assert code(good, b'{"NextToken": "x"}') == (400, "InvalidSignatureException"), "the body was changed on the way"
    assert code(good | {"Authorization": "AWS4-HMAC-SHA256 nonsense"}) == (400, "IncompleteSignatureException")
    other = signed_headers(shared, "s3", b"{}", json_headers)
    assert code(other) == (400, "InvalidSignatureException"), "signed for another service"
    broken = signed_headers(shared, "cloudtrail", b"{", json_headers)
    assert code(broken, b"{") == (400, "SerializationException")
    wrong_type = b'{"Name": 5}'
    headers = signed_headers(shared, "cloudtrail", wrong_type, json_headers | {"X-Amz-Target": target.replace("ListTrails", "GetTrail")})
    assert code(headers, wrong_type) == (400, "SerializationException")
    unknown = json_headers | {"X-Amz-Target": target.replace("ListTrails", "MakeTea")}
    assert code(signed_headers(shared, "cloudtrail", b"{}", unknown)) == (400, "UnknownOperationException")
    assert shared.recorded("MakeTea")["errorCode"] == "UnknownOperationException"

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=MakeTea&Version=2011-06-15"
    status, answer = raw(shared, "/", "POST", signed_headers(shared, "sts", body, form), body)
    assert (status, code_in_xml(answer)) == (400, "InvalidAction")
    assert shared.recorded("MakeTea", lambda record: record["eventSource"] == "sts.amazonaws.com")["errorCode"] == "InvalidAction"


def test_presigned_query_call(shared):
    """GetCallerIdentity as a URL, which is how Kubernetes and Vault prove who they are."""
    def url(seconds):
        request = AWSRequest("GET", shared.endpoint + "/", params={"Action": "GetCallerIdentity", "Version": "2011-06-15"})
        SigV4QueryAuth(Credentials(*shared.root_key()), "sts", REGION, expires=seconds).add_auth(request)
        return request.prepare().url.removeprefix(shared.endpoint)

    status, body = raw(shared, url(60))
    assert status == 200 and b":root</Arn>" in body
    status, body = raw(shared, url(60).replace("GetCallerIdentity", "GetSessionToken"))
    assert (status, code_in_xml(body)) == (403, "SignatureDoesNotMatch")
    with skewed(timedelta(minutes=-10)):
        old = url(60)
    status, body = raw(shared, old)
    assert status in (400, 403) and code_in_xml(body) in ("RequestExpired", "SignatureDoesNotMatch", "ExpiredToken")


def test_keys_that_were_switched_off(shared):
    iam = shared.client("iam")
    iam.create_user(UserName="gone")
    made = iam.create_access_key(UserName="gone")["AccessKey"]
    key = (made["AccessKeyId"], made["SecretAccessKey"])
    assert shared.client("sts", key=key).get_caller_identity()["Arn"].endswith(":user/gone")
    iam.update_access_key(UserName="gone", AccessKeyId=key[0], Status="Inactive")
    assert fault(shared.client("sts", key=key), "sts")[:2] == ("InvalidClientTokenId", 403)
    iam.update_access_key(UserName="gone", AccessKeyId=key[0], Status="Active")
    assert shared.client("sts", key=key).get_caller_identity()
    iam.delete_access_key(UserName="gone", AccessKeyId=key[0])
    assert fault(shared.client("cloudtrail", key=key), "cloudtrail")[0] == "UnrecognizedClientException"
    assert fault(shared.client("s3", key=key), "s3")[0] == "InvalidAccessKeyId"
