"""Temporary credentials with the real clients: every service, S3 included, presigned URLs, wrong tokens, records."""

import base64
import json
import re
import time
import urllib.error
import urllib.request

import boto3
import pytest
import rsa
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for

ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal, **condition):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return document(statement | ({"Condition": condition} if condition else {}))


def make_user(server, name, *statements, key=None):
    """A user with a policy; its access key."""
    iam = server.client("iam", key=key)
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def with_session(server, credentials, service, region=REGION, **config):
    """boto3 with temporary credentials."""
    return boto3.session.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], region_name=region,
    ).client(service, endpoint_url=server.endpoint, config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **config))


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def world(shared):
    """A bucket with two folders, a role that reads one of them, a user who may assume it."""
    s3, iam = shared.client("s3"), shared.client("iam")
    s3.create_bucket(Bucket="records")
    s3.put_object(Bucket="records", Key="open/a.txt", Body=b"open")
    s3.put_object(Bucket="records", Key="closed/a.txt", Body=b"closed")
    role = iam.create_role(RoleName="reader", Path="/audit/", AssumeRolePolicyDocument=trust(ROOT), MaxSessionDuration=7200)["Role"]
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=document(
        allow("s3:GetObject", "arn:aws:s3:::records/open/*"), allow(["cloudtrail:ListTrails", "cloudtrail:LookupEvents"])))
    key = make_user(shared, "alice", allow("sts:AssumeRole", role["Arn"]))
    return shared, key, role


@pytest.fixture(scope="module")
def session(world):
    server, key, role = world
    sts = server.client("sts", key=key)
    return sts.assume_role(RoleArn=role["Arn"], RoleSessionName="evening")


def test_a_session_works_for_json_query_and_s3(world, session):
    server, _, role = world
    credentials = session["Credentials"]
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/evening"
    assert session["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:evening", "Arn": arn}
    assert with_session(server, credentials, "sts").get_caller_identity()["Arn"] == arn
    assert with_session(server, credentials, "cloudtrail").list_trails()["Trails"] == []
    s3 = with_session(server, credentials, "s3")
    assert s3.get_object(Bucket="records", Key="open/a.txt")["Body"].read() == b"open"
    assert refused(s3.get_object, Bucket="records", Key="closed/a.txt") == "AccessDenied"
    assert refused(s3.put_object, Bucket="records", Key="open/b.txt", Body=b"x") == "AccessDenied"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls_carry_the_token(world, session, version):
    server = world[0]
    s3 = with_session(server, session["Credentials"], "s3", signature_version=version)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "records", "Key": "open/a.txt"}, ExpiresIn=60)
    name = "X-Amz-Security-Token" if version == "s3v4" else "x-amz-security-token"
    assert f"{name}=" in url
    assert urllib.request.urlopen(url, timeout=10).read() == b"open"
    without = re.sub(rf"&?{name}=[^&]*", "", url)
    for bad in (url.replace(f"{name}=", f"{name}=AAAA"), without, url.replace("Signature=", "Signature=0")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(bad, timeout=10)
        assert caught.value.code in (400, 403)


@pytest.mark.parametrize("change", [
    lambda token: token[:-10], lambda token: "A" + token, lambda token: token[::-1], lambda token: "x" * 20_000, lambda token: "é",
])
def test_wrong_tokens(world, session, change):
    server = world[0]
    try:
        bad = session["Credentials"] | {"SessionToken": change(session["Credentials"]["SessionToken"])}
        assert refused(with_session(server, bad, "sts").get_caller_identity) == "InvalidClientTokenId"
        assert refused(with_session(server, bad, "cloudtrail").list_trails) == "UnrecognizedClientException"
        assert refused(with_session(server, bad, "s3").get_object, Bucket="records", Key="open/a.txt") in ("InvalidToken", "400")
    except UnicodeEncodeError:
        pass


def test_foreign_and_missing_tokens(world, session):
    server, key, role = world
    credentials = session["Credentials"]
    other = server.client("sts", key=key).assume_role(RoleArn=role["Arn"], RoleSessionName="other")["Credentials"]
    mixed = credentials | {"SessionToken": other["SessionToken"]}
    assert refused(with_session(server, mixed, "sts").get_caller_identity) == "InvalidClientTokenId"
    none = (credentials["AccessKeyId"], credentials["SecretAccessKey"])
    assert refused(server.client("sts", key=none).get_caller_identity) == "InvalidClientTokenId"
    assert refused(server.client("s3", key=none).list_buckets) == "InvalidAccessKeyId"
    long_term = {"AccessKeyId": key[0], "SecretAccessKey": key[1], "SessionToken": credentials["SessionToken"]}
    assert refused(with_session(server, long_term, "sts").get_caller_identity) == "InvalidClientTokenId"


def test_records_show_where_a_session_comes_from(world, session):
    server, _, role = world
    s3 = with_session(server, session["Credentials"], "sts")
    s3.get_caller_identity()
    assumed = server.recorded("AssumeRole", lambda r: r.get("requestParameters", {}).get("roleSessionName") == "evening")
    assert assumed["responseElements"]["credentials"].keys() == {"accessKeyId", "sessionToken", "expiration"}
    assert assumed["readOnly"] is True and assumed["resources"][0]["ARN"] == role["Arn"]
    own = server.recorded("GetCallerIdentity", lambda r: r["userIdentity"]["type"] == "AssumedRole")["userIdentity"]
    assert own["accessKeyId"] == session["Credentials"]["AccessKeyId"]
    context = own["sessionContext"]
    assert context["sessionIssuer"] == {
        "type": "Role", "principalId": role["RoleId"], "arn": role["Arn"], "accountId": ACCOUNT, "userName": "reader"}
    assert context["attributes"]["mfaAuthenticated"] == "false"
    text = (server.data_dir / "credentials").read_text()
    assert session["Credentials"]["SecretAccessKey"] not in json.dumps([assumed, own]) + text + server.log_path.read_text()


def test_policies_of_the_role_are_read_live(world):
    server, key, _ = world
    iam = server.client("iam")
    role = iam.create_role(RoleName="live", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:user/alice"))["Role"]
    credentials = server.client("sts", key=key).assume_role(RoleArn=role["Arn"], RoleSessionName="live")["Credentials"]
    cloudtrail = with_session(server, credentials, "cloudtrail")
    assert refused(cloudtrail.list_trails) == "AccessDeniedException"
    iam.put_role_policy(RoleName="live", PolicyName="p", PolicyDocument=document(allow("cloudtrail:ListTrails")))
    cloudtrail.list_trails()
    iam.delete_role_policy(RoleName="live", PolicyName="p")
    assert refused(cloudtrail.list_trails) == "AccessDeniedException"
    iam.delete_role(RoleName="live")
    assert refused(cloudtrail.list_trails) == "UnrecognizedClientException"


def test_session_policies_narrow(world):
    server, key, role = world
    sts = server.client("sts", key=key)
    narrow = document(allow("s3:GetObject", "arn:aws:s3:::records/other/*"))
    answer = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="narrow", Policy=narrow)
    assert answer["PackedPolicySize"] > 0
    s3 = with_session(server, answer["Credentials"], "s3")
    assert refused(s3.get_object, Bucket="records", Key="open/a.txt") == "AccessDenied"
    arn = server.client("iam").create_policy(
        PolicyName="open-only", PolicyDocument=document(allow("s3:GetObject", "arn:aws:s3:::records/open/*")))["Policy"]["Arn"]
    answer = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="narrow", PolicyArns=[{"arn": arn}])
    assert with_session(server, answer["Credentials"], "s3").get_object(Bucket="records", Key="open/a.txt")["Body"].read() == b"open"
    assert refused(with_session(server, answer["Credentials"], "cloudtrail").list_trails) == "AccessDeniedException"
    missing = [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/none"}]
    assert refused(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="narrow", PolicyArns=missing) == "ValidationError"


def test_external_id_duration_and_chaining(world):
    server, key, role = world
    iam, sts = server.client("iam"), server.client("sts", key=key)
    guarded = iam.create_role(
        RoleName="guarded", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:user/alice", StringEquals={"sts:ExternalId": "id-1"}))
    arn = guarded["Role"]["Arn"]
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="work") == "AccessDenied"
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="work", ExternalId="id-2") == "AccessDenied"
    sts.assume_role(RoleArn=arn, RoleSessionName="work", ExternalId="id-1")
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="work", ExternalId="id-1", DurationSeconds=3601) == "ValidationError"
    sts.assume_role(RoleArn=role["Arn"], RoleSessionName="long", DurationSeconds=7200)
    done = server.run_aws("sts", "assume-role", "--role-arn", arn, "--role-session-name", "work", key=key)
    expected = f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: sts:AssumeRole on resource: {arn}"
    assert done.returncode != 0 and "(AccessDenied)" in done.stderr and expected in done.stderr


def test_session_token_and_federation(world):
    server = world[0]
    key = make_user(server, "carol", allow(["sts:GetFederationToken", "cloudtrail:*", "iam:ListUsers"]))
    sts = server.client("sts", key=key)
    own = sts.get_session_token(DurationSeconds=900)["Credentials"]
    assert with_session(server, own, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/carol"
    with_session(server, own, "cloudtrail").list_trails()
    assert refused(with_session(server, own, "iam").list_users) == "InvalidClientTokenId"
    assert refused(with_session(server, own, "sts").get_session_token) == "AccessDenied"
    guest = sts.get_federation_token(Name="guest", Policy=document(allow("cloudtrail:ListTrails")))
    assert guest["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
    guest = guest["Credentials"]
    assert with_session(server, guest, "sts").get_caller_identity()["UserId"] == f"{ACCOUNT}:guest"
    with_session(server, guest, "cloudtrail").list_trails()
    assert refused(with_session(server, guest, "cloudtrail").describe_trails) == "AccessDeniedException"
    record = wait_for("the guest's record", lambda: next(
        (r for r in server.lookup("ListTrails") if r["userIdentity"]["type"] == "FederatedUser"), None))
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "carol"
    info = server.client("sts").get_access_key_info(AccessKeyId=key[0])
    assert info["Account"] == ACCOUNT


def test_sessions_survive_a_restart(make_server):
    server = make_server().start()
    credentials = server.client("sts").get_session_token()["Credentials"]
    server.kill()
    server.start()
    assert with_session(server, credentials, "sts").get_caller_identity()["Arn"] == ROOT


ISSUER = "https://token.example.com"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def web_token(key, kid="k1", **claims):
    """What an OpenID Connect provider signs."""
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "repo:team/app", "aud": "sts.amazonaws.com", "iat": now, "exp": now + 300} | claims
    signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": kid, "typ": "JWT"}, claims))
    return f"{signed}.{base64url(rsa.sign(signed.encode(), key, 'SHA-256'))}"


def test_web_identities_are_verified_for_real(make_server, tmp_path):
    public, key = rsa.newkeys(2048)
    number = lambda n: base64url(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    jwks = {"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": number(public.n), "e": number(public.e)}]}
    (tmp_path / "jwks.json").write_text(json.dumps(jwks))
    server = make_server(OPENTRAIL_OIDC__JWKS=f"{ISSUER}={tmp_path / 'jwks.json'}").start()
    iam = server.client("iam")
    provider = iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40])
    provider = provider["OpenIDConnectProviderArn"]
    role = iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=document({
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {"token.example.com:sub": "repo:team/*"}, "StringEquals": {"token.example.com:aud": "sts.amazonaws.com"}}}))
    role = role["Role"]["Arn"]
    iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=document(allow("cloudtrail:ListTrails")))
    sts = boto3.session.Session(region_name=REGION).client(
        "sts", endpoint_url=server.endpoint, config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}))
    assume = lambda token, **more: sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="build", WebIdentityToken=token, **more)

    answer = assume(web_token(key))
    assert answer["SubjectFromWebIdentityToken"] == "repo:team/app" and answer["Provider"] == provider
    assert answer["Audience"] == "sts.amazonaws.com"
    with_session(server, answer["Credentials"], "cloudtrail").list_trails()
    called = server.recorded("AssumeRoleWithWebIdentity")
    assert called["userIdentity"] == {"type": "WebIdentityUser", "principalId": f"{provider}:sts.amazonaws.com:repo:team/app",
                                      "userName": "repo:team/app", "identityProvider": provider}
    assert "webIdentityToken" not in called["requestParameters"]
    later = server.recorded("ListTrails")["userIdentity"]["sessionContext"]["webIdFederationData"]
    assert later == {"federatedProvider": provider, "attributes": {
        "token.example.com:aud": "sts.amazonaws.com", "token.example.com:sub": "repo:team/app"}}

    _, stranger = rsa.newkeys(2048)
    now = int(time.time())
    for token, expect in (
        (web_token(stranger), "InvalidIdentityToken"), (web_token(key, kid="k2"), "InvalidIdentityToken"),
        (web_token(key, aud="other"), "InvalidIdentityToken"), (web_token(key, iss="https://other.example.com"), "InvalidIdentityToken"),
        (web_token(key, exp=now - 3600), "ExpiredTokenException"), (web_token(key, nbf=now + 3600), "InvalidIdentityToken"),
        (web_token(key, sub="repo:mallory/app"), "AccessDenied"), ("nonsense", "InvalidIdentityToken"),
        (web_token(key)[:-3] + "AAA", "InvalidIdentityToken"),
    ):
        assert refused(assume, token=token) == expect, token
    failure = server.recorded("AssumeRoleWithWebIdentity", lambda r: r.get("errorCode") == "AccessDenied")
    assert failure["userIdentity"]["userName"] == "repo:mallory/app"
