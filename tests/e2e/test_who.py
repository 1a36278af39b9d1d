"""Temporary credentials of real sessions: they import and search, and `--who` finds the person behind a chain of roles."""

import gzip
import json
import subprocess

import pytest

from server import ACCOUNT, BINARY, wait_for
from test_sts import allow, make_user, trust, with_session

ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def run(server, home, key, *arguments):
    environment = server.environment(key=key) | {"HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    return subprocess.run(
        [BINARY, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )


def as_key(credentials):
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


@pytest.fixture
def chain(server):
    """alice ▸ role first ▸ role second, which may import and search."""
    iam = server.client("iam")

    def role(name, principal, *statements):
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        return arn

    first = role("first", ROOT, allow("sts:AssumeRole"))
    second = role("second", first, allow(["opentrail:*", "iam:ListUsers"]))
    alice = make_user(server, "alice", allow("sts:AssumeRole"))
    one = server.client("sts", key=alice).assume_role(RoleArn=first, RoleSessionName="on-call")["Credentials"]
    two = with_session(server, one, "sts").assume_role(RoleArn=second, RoleSessionName="incident-7")["Credentials"]
    return alice, one, two


def test_sessions_import_and_search_and_are_traced(server, tmp_path, chain):
    _, one, two = chain
    record = {
        "eventID": "00000000-0000-4000-8000-000000000001", "eventTime": "2026-11-20T10:00:00Z", "eventName": "PutThing",
        "eventSource": "ec2.amazonaws.com", "awsRegion": "us-east-1", "recipientAccountId": ACCOUNT,
    }
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [record]}).encode()))
    arguments = ["import", "--format", "json", tmp_path / "a.json.gz"]
    denied = run(server, tmp_path, as_key(one), *arguments)
    assert denied.returncode != 0 and "AccessDenied" in denied.stdout + denied.stderr
    done = run(server, tmp_path, as_key(two), *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == 1
    broken = (two["AccessKeyId"], two["SecretAccessKey"], two["SessionToken"][:-4] + "AAAA")
    refused = run(server, tmp_path, broken, *arguments, "--again")
    assert refused.returncode != 0 and two["SessionToken"][:20] not in refused.stdout + refused.stderr

    with_session(server, two, "iam").list_users()

    def last(query):
        found = run(server, tmp_path, as_key(two), "search", query, "--format", "ndjson", "--limit", "1")
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout) if found.stdout else None

    made = wait_for("the call in the history", lambda: last("eventName:ListUsers userIdentity.type:AssumedRole"))
    assert made["userIdentity"]["accessKeyId"] == two["AccessKeyId"]
    traced = run(server, tmp_path, as_key(two), "search", "--who", made["eventID"], "--format", "json")
    assert traced.returncode == 0, traced.stdout + traced.stderr
    assert f"arn:aws:iam::{ACCOUNT}:user/alice" in traced.stdout, traced.stdout
    for step in ["first/on-call", "second/incident-7"]:
        assert step in traced.stdout, traced.stdout
    assert "ListUsers" in traced.stdout and "ImportEvents" in traced.stdout, "what the session did"
    # From a table as well, and the same of an event that is not there.
    assert "alice" in run(server, tmp_path, as_key(two), "search", "--who", made["eventID"]).stdout
    absent = run(server, tmp_path, as_key(two), "search", "--who", "no-such-event")
    assert absent.returncode != 0 and "no such event" in (absent.stdout + absent.stderr).lower()
