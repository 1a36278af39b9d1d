"""`opentrail search` against a server, and who is behind an event: the same questions as over files, and what only a server can."""

import csv
import io
import json
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from server import ACCOUNT, BINARY, REGION, wait_for
from test_import import environment, event, indexed, run_import, write

NOW = datetime.now(timezone.utc)


def search(server, home, *arguments, key=None, status=0, timeout=60):
    done = subprocess.run(
        [BINARY, "search", *map(str, arguments)], env=environment(server, home, key), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=timeout, check=False,
    )
    assert done.returncode == status, f"{done.returncode}: {done.stdout}\n{done.stderr}"
    return done


def found(server, home, *arguments, **options):
    return [json.loads(line) for line in search(server, home, *arguments, **options).stdout.splitlines()]


@pytest.fixture(scope="module")
def loaded(shared, tmp_path_factory):
    """A server with 300 events of the last hours in its history."""
    home = tmp_path_factory.mktemp("loaded")
    events = [
        event(n, minutes_ago=10 + n, eventName=("GetObject", "PutObject", "DeleteBucket")[n % 3],
              eventSource="s3.amazonaws.com", requestParameters={"bucketName": f"bucket-{n % 5}", "x": "=1+1" if n == 7 else "y"},
              **({"errorCode": "AccessDenied"} if n % 10 == 0 else {}))
        for n in range(300)
    ]
    write(home / "a.json.gz", events)
    assert run_import(shared, home, home / "a.json.gz")["accepted"] == 300
    indexed(shared)
    return shared, home, events


def call(server, operation, region=REGION, key=None, **parameters):
    """A signed call of one of OpenTrail's own operations, as anybody's program makes it."""
    body = json.dumps(parameters)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"OpenTrail_20261121.{operation}"}
    request = AWSRequest("POST", server.endpoint + "/", data=body, headers=headers)
    SigV4Auth(Credentials(*(key or server.root_key())), "opentrail", region).add_auth(request)
    send = urllib.request.Request(server.endpoint + "/", data=body.encode(), headers=dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(send, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_server_answers_what_files_do(loaded):
    server, home, events = loaded
    for query in ("eventName:Delete* errorCode:*", "requestParameters.bucketName:bucket-3", 'user:user2 -eventName:GetObject',
                  "sourceIPAddress:192.0.2.0/24 eventName:(PutObject OR DeleteBucket)", "bucket-1"):
        query = f"source:s3 {query}"
        asked = {record["eventID"] for record in found(server, home, query)}
        filed = {record["eventID"] for record in found(server, home, query, home / "a.json.gz")}
        assert asked == filed and asked, query
    newest = found(server, home, "source:s3", "--limit", 5)
    assert [record["eventID"] for record in newest] == [record["eventID"] for record in events[:5]]
    of_hour = found(server, home, "source:s3", "--from", (NOW - timedelta(minutes=60)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert 30 < len(of_hour) < 60


def test_counts_and_histograms(loaded):
    server, home, _ = loaded
    rows = found(server, home, "source:s3", "--count-by", "eventName")
    assert rows == [{"eventName": name, "count": 100} for name in ("DeleteBucket", "GetObject", "PutObject")]
    pairs = found(server, home, "source:s3 errorCode:*", "--count-by", "eventName,errorCode")
    assert sum(row["count"] for row in pairs) == 30 and all(row["errorCode"] == "AccessDenied" for row in pairs)
    assert sum(row["count"] for row in found(server, home, "source:s3", "--histogram")) == 300
    chart = search(server, home, "source:s3", "--count-by", "eventName", "--format", "table").stdout
    assert "DeleteBucket" in chart and "100" in chart


def test_downloads_are_whole_and_in_every_format(loaded):
    server, home, events = loaded
    ids = {record["eventID"] for record in events}
    assert {r["eventID"] for r in found(server, home, "source:s3", "--format", "ndjson")} == ids
    assert {r["eventID"] for r in json.loads(search(server, home, "source:s3", "--format", "json").stdout)} == ids
    text = search(server, home, "source:s3", "--format", "csv", "--fields", "eventID,requestParameters.x").stdout
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["eventID", "requestParameters.x"] and {row[0] for row in rows[1:]} == ids
    assert sorted({row[1] for row in rows[1:]}) == ["'=1+1", "y"], "formulas are neutralised"


def test_errors_say_where(loaded):
    server, home, _ = loaded
    wrong = search(server, home, "eventName:(a OR", status=2)
    assert "^" in wrong.stderr
    status, answer = call(server, "Search", Query="eventName:(a OR")
    assert status == 400 and answer["__type"] == "InvalidQueryException" and int(answer["Offset"]) > 0
    status, answer = call(server, "Search", Query="*", MaxResults=0)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert call(server, "CountBy", Query="*", Fields=["nonsense"])[1]["__type"] == "InvalidFieldException"
    assert call(server, "Search", Query="*", NextToken="x")[1]["__type"] == "InvalidNextTokenException"
    assert call(server, "Nonsense")[1]["__type"] == "UnknownOperationException"
    assert "nothing to search" in subprocess.run(
        [BINARY, "search", "*"], env={"PATH": "/usr/bin", "HOME": str(home)}, capture_output=True, text=True, check=False).stderr


def test_pages_go_on_where_they_ended(loaded):
    server, _, events = loaded
    seen, token = [], None
    while True:
        status, answer = call(server, "Search", Query="source:s3", MaxResults=70, **({"NextToken": token} if token else {}))
        assert status == 200
        seen += [json.loads(shown["CloudTrailEvent"])["eventID"] for shown in answer["Events"]]
        token = answer.get("NextToken")
        if not token:
            break
    assert seen == [record["eventID"] for record in events]
    shown = call(server, "Search", Query="source:s3", MaxResults=1, Fields=["eventName", "user"])[1]["Events"][0]
    assert shown["Values"] == {"eventName": "GetObject", "user": "user0"}


def test_searches_are_recorded_and_confined(server, tmp_path):
    write(tmp_path / "a.json.gz", [event(n) for n in range(3)])
    run_import(server, tmp_path, tmp_path / "a.json.gz")
    indexed(server)
    assert len(found(server, tmp_path, "eventName:RunInstances")) == 3
    assert len(found(server, tmp_path, "eventName:RunInstances", "--all-accounts")) == 3
    recorded = server.recorded("DownloadEvents")
    assert recorded["requestParameters"]["query"] == "eventName:RunInstances" and recorded["readOnly"] is True
    made = [server.aws("iam", "create-user", "--user-name", "reader"),
            server.aws("iam", "create-access-key", "--user-name", "reader")["AccessKey"]][1]
    key = (made["AccessKeyId"], made["SecretAccessKey"])
    assert "opentrail:DownloadEvents" in search(server, tmp_path, "*", key=key, status=2).stderr
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["opentrail:DownloadEvents", "opentrail:Search"], "Resource": "*"}]}
    server.aws("iam", "put-user-policy", "--user-name", "reader", "--policy-name", "p", "--policy-document", json.dumps(policy))
    assert len(found(server, tmp_path, "eventName:RunInstances", key=key)) == 3
    assert "SearchAllAccounts" in search(server, tmp_path, "*", "--all-accounts", key=key, status=2).stderr
    assert call(server, "Who", key=key, EventId="x")[1]["__type"] == "AccessDeniedException"


class Follower:
    def __init__(self, server, home, *arguments):
        self.lines = home / f"followed-{time.monotonic_ns()}.txt"
        self.errors = self.lines.with_suffix(".err")
        self.process = subprocess.Popen(
            [BINARY, "search", *arguments, "--follow"], env=environment(server, home), stdin=subprocess.DEVNULL,
            stdout=self.lines.open("w"), stderr=self.errors.open("w"),
        )

    def ids(self):
        return [json.loads(line)["eventID"] for line in self.lines.read_text().splitlines()]

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)


def test_following_shows_everything_once_across_a_restart(make_server, tmp_path):
    server = make_server().start()
    port = server.endpoint.rsplit(":", 1)[1]
    write(tmp_path / "0.json.gz", [event(n) for n in range(10)])
    run_import(server, tmp_path, tmp_path / "0.json.gz")
    indexed(server)
    follower = Follower(server, tmp_path, "eventName:RunInstances", "--limit", "4")
    try:
        wait_for("the newest", lambda: len(follower.ids()) == 4)
        for round_number in range(1, 4):
            batch = [event(round_number * 100 + n) for n in range(25)]
            write(tmp_path / f"{round_number}.json.gz", batch)
            if round_number == 2:
                server.kill()
                wait_for("a word about it", lambda: "waiting for it" in follower.errors.read_text())
                server.start(listen=f"127.0.0.1:{port}")
            run_import(server, tmp_path, tmp_path / f"{round_number}.json.gz")
            wait_for("what arrived", lambda: set(follower.ids()) >= {record["eventID"] for record in batch})
        ids = follower.ids()
        assert len(ids) == len(set(ids)) == 4 + 75
        assert "going on where it stopped" in follower.errors.read_text()
    finally:
        follower.close()
    # A stream without an end does not keep the server from stopping.
    follower = Follower(server, tmp_path, "*")
    time.sleep(0.5)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 20
    follower.close()


def chain():
    """A user opens a role, the role another, which deletes; and a session whose beginning is not there."""
    def at(minute):
        return (NOW - timedelta(hours=2) + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def role(name, key, created):
        return {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s", "principalId": f"AROA{name}:s",
                "accessKeyId": key, "accountId": ACCOUNT, "sessionContext": {
                    "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/{name}"},
                    "attributes": {"creationDate": at(created), "mfaAuthenticated": "false"}}}

    def opened(name, key):
        return {"credentials": {"accessKeyId": key}, "assumedRoleUser": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s"}}

    alice = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/alice", "userName": "alice", "accessKeyId": "AKIAALICE"}
    sts = {"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole"}
    return [
        event(901, eventTime=at(1), userIdentity=alice, responseElements=opened("a", "ASIAAAAA"), **sts),
        event(902, eventTime=at(2), userIdentity=role("a", "ASIAAAAA", 1), responseElements=opened("b", "ASIABBBB"), **sts),
        event(903, eventTime=at(3), userIdentity=role("b", "ASIABBBB", 2), eventName="DeleteBucket"),
        event(904, eventTime=at(4), userIdentity=role("b", "ASIABBBB", 2), eventName="DeleteBucket", errorCode="AccessDenied"),
        event(905, eventTime=at(5), userIdentity=role("gone", "ASIAGONE", 0), eventName="DeleteBucket"),
    ]


def test_who_is_behind_an_event(loaded, tmp_path):
    server, _, _ = loaded
    events = chain()
    # Cut into files in an order that is not the time's.
    write(tmp_path / "logs/a.json.gz", [events[2], events[4]])
    write(tmp_path / "logs/b.json.gz", [events[1], events[3], events[0]])
    run_import(server, tmp_path, tmp_path / "logs")
    indexed(server)
    asked, missing = events[2]["eventID"], events[4]["eventID"]
    for sources in ([], [tmp_path / "logs"]):
        answer = json.loads(search(server, tmp_path, "--who", asked, *sources, "--format", "json").stdout)
        assert (answer["origin"]["kind"], answer["origin"]["name"]) == ("user", f"arn:aws:iam::{ACCOUNT}:user/alice")
        assert [link["issuedBy"]["eventID"] for link in answer["chain"]] == [events[1]["eventID"], events[0]["eventID"]]
        done = answer["session"]
        assert (done["events"], done["errors"], done["operations"]) == (2, 1, [["DeleteBucket", 2]])
        assert (done["first"], done["last"]) == (events[2]["eventTime"], events[3]["eventTime"])
        text = search(server, tmp_path, "--who", asked, *sources, "--format", "table").stdout
        assert "origin  IAM user" in text and "user/alice" in text
        broken = json.loads(search(server, tmp_path, "--who", missing, *sources, "--format", "json", status=1).stdout)
        assert "ASIAGONE" in broken["broken"]["reason"] and broken["origin"]["kind"] == "unknown"
        nothing = search(server, tmp_path, "--who", "00000000-0000-4000-8000-00000000dead", *sources, status=2)
        assert "no such event" in nothing.stderr.lower() or "no event" in nothing.stderr
    first = json.loads(search(server, tmp_path, "--who", events[0]["eventID"], "--format", "json").stdout)
    assert first["session"]["opened"][0]["opened"][0]["accessKeyId"] == "ASIABBBB"
