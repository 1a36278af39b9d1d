"""`opentrail import`: existing files into the history, nothing twice, nothing missing, whatever dies on the way."""

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from server import ACCOUNT, BINARY, REGION, wait_for

CORPUS = Path(os.environ.get("OPENTRAIL_CORPUS", "/nonexistent"))
LONG = {"OPENTRAIL_HISTORY__RETENTION": "7000d"}
NOW = datetime.now(timezone.utc)


def event(number, minutes_ago=60, **more):
    at = NOW - timedelta(minutes=minutes_ago)
    return {
        "eventVersion": "1.08", "userIdentity": {"type": "IAMUser", "userName": f"user{number % 7}"},
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances",
        "awsRegion": REGION, "sourceIPAddress": "192.0.2.1", "eventID": f"00000000-0000-4000-8000-{number:012}",
        "eventType": "AwsApiCall", "managementEvent": True, "eventCategory": "Management", "recipientAccountId": ACCOUNT,
    } | more


def write(path, events):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"Records": events}).encode()))


def environment(server, home, key=None):
    return server.environment(key=key) | {"HOME": str(home), "XDG_STATE_HOME": str(home / "state")}


def run_import(server, home, *arguments, key=None, status=0, timeout=60):
    done = subprocess.run(
        [BINARY, "import", "--format", "json", *map(str, arguments)], env=environment(server, home, key),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
    )
    assert done.returncode == status, f"{done.returncode}: {done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if done.stdout else done.stderr


def metric(server, name):
    text = server.get("/-/metrics")[1]
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith(f"opentrail_{name} "))


def indexed(server):
    """How many events can be found, once everything recorded so far is indexed."""
    wait_for("the history", lambda: metric(server, "history_lag") == 0)
    return metric(server, "history_events")


def test_files_are_loaded_once_and_found(server, tmp_path):
    write(tmp_path / "logs/a.json.gz", [event(n) for n in range(40)])
    write(tmp_path / "logs/sub/b.json.gz", [event(n) for n in range(30, 60)])
    first = run_import(server, tmp_path, tmp_path / "logs")
    assert (first["accepted"], first["duplicates"], first["complete"]) == (60, 10, True)
    indexed(server)
    found = server.lookup("RunInstances")
    assert len({record["eventID"] for record in found}) == len(found) == 60
    again = run_import(server, tmp_path, tmp_path / "logs")
    assert (again["accepted"], again["duplicates"], again["files"]["finishedBefore"]) == (0, 0, 2)
    sent = run_import(server, tmp_path, tmp_path / "logs", "--again")
    assert (sent["accepted"], sent["duplicates"], sent["files"]["loaded"]) == (0, 70, 2)
    # A file that changed is sent, and only what is new in it is taken.
    write(tmp_path / "logs/a.json.gz", [event(n) for n in range(80)])
    changed = run_import(server, tmp_path, tmp_path / "logs")
    assert (changed["accepted"], changed["duplicates"], changed["files"]["loaded"]) == (20, 60, 1)
    recorded = server.recorded("ImportEvents", lambda r: r["responseElements"]["duplicates"] == 60)
    assert recorded["responseElements"] == {"accepted": 20, "duplicates": 60, "expired": 0, "unparsed": 0}
    assert recorded["requestParameters"]["source"].endswith("a.json.gz") and not recorded["readOnly"]


def test_imported_events_are_not_delivered(server, tmp_path):
    server.aws("s3api", "create-bucket", "--bucket", "logs")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl",
         "Resource": "arn:aws:s3:::logs"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::logs/AWSLogs/{ACCOUNT}/*"}]}
    server.aws("s3api", "put-bucket-policy", "--bucket", "logs", "--policy", json.dumps(policy))
    server.aws("cloudtrail", "create-trail", "--name", "main", "--s3-bucket-name", "logs", "--is-multi-region-trail")
    server.aws("cloudtrail", "start-logging", "--name", "main")
    write(tmp_path / "a.json.gz", [event(n) for n in range(20)])
    assert run_import(server, tmp_path, tmp_path / "a.json.gz")["accepted"] == 20
    s3 = server.client("s3")

    def delivered():
        keys = [o["Key"] for o in s3.list_objects_v2(Bucket="logs").get("Contents", []) if "/CloudTrail/" in o["Key"]]
        bodies = [gzip.decompress(s3.get_object(Bucket="logs", Key=key)["Body"].read()) for key in keys if key.endswith(".gz")]
        return [record for body in bodies for record in json.loads(body)["Records"]]

    names = wait_for("delivery", lambda: (found := [r["eventName"] for r in delivered()]) and "ImportEvents" in found and found)
    assert "RunInstances" not in names


def test_what_cannot_be_loaded_is_reported(server, tmp_path):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/lines.ndjson").write_text(json.dumps(event(1)) + "\nnot json\n" + json.dumps(event(2)) + "\n")
    (tmp_path / "odd/cut.json.gz").write_bytes(gzip.compress(json.dumps([event(3), event(4)]).encode())[:-9])
    (tmp_path / "odd/trailing.json").write_text(json.dumps({"Records": [event(5)]}) + "junk")
    (tmp_path / "odd/text.json").write_text("hello")
    write(tmp_path / "odd/old.json.gz", [event(6, minutes_ago=91 * 1440), event(7)])
    report = run_import(server, tmp_path, tmp_path / "odd", status=1)
    assert (report["accepted"], report["expired"]) == (6, 1)
    assert "history.retention" in report["advice"]
    problems = {Path(p["file"]).name: p for p in report["unparsed"]}
    assert set(problems) == {"lines.ndjson", "cut.json.gz", "trailing.json", "text.json"} and report["unparsedCount"] == 4
    assert problems["lines.ndjson"]["offset"] == len(json.dumps(event(1))) + 1
    assert problems["lines.ndjson"]["record"] == 1
    text = subprocess.run([BINARY, "import", str(tmp_path / "odd")], env=environment(server, tmp_path), text=True,
                          capture_output=True, timeout=60, check=False)
    assert text.returncode == 1 and "could not be read" in text.stdout and not text.stderr, text
    assert "absent" in run_import(server, tmp_path, tmp_path / "absent", status=2)


def test_bad_requests_are_refused(server, tmp_path):
    key = server.root_key()

    def post(body, signed=b"{}", key=key, service="opentrail", path="/-/import?source=x", method="POST", stated=True):
        hashed = {"X-Amz-Content-SHA256": hashlib.sha256(signed).hexdigest()} if stated else {}
        request = AWSRequest(method, server.endpoint + path, data=signed, headers=hashed)
        SigV4Auth(Credentials(*key), service, REGION).add_auth(request)
        send = urllib.request.Request(server.endpoint + path, data=body, headers=dict(request.headers), method=method)
        try:
            with urllib.request.urlopen(send, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def refused(code, *arguments, **options):
        status, answer = post(*arguments, **options)
        assert status >= 400 and answer["__type"].startswith(code), (status, answer)

    record = json.dumps(event(0)).encode()
    refused("InvalidSignature", record, signed=record, stated=False)
    refused("InvalidSignature", record, signed=record, key=(key[0], "wrong"))
    refused("UnrecognizedClient", record, signed=record, key=("AKIAIOSFODNN7EXAMPLE", "wrong"))
    refused("XAmzContentSHA256Mismatch", record, signed=record.replace(b"RunInstances", b"DenInstances"))
    refused("", record, signed=record, service="s3")
    refused("MethodNotAllowed", record, signed=record, method="PUT")
    assert post(record, signed=record)[1]["accepted"] == 1
    user = server.aws("iam", "create-user", "--user-name", "u")["User"]
    made = server.aws("iam", "create-access-key", "--user-name", user["UserName"])["AccessKey"]
    write(tmp_path / "a.json.gz", [event(1)])
    denied = run_import(server, tmp_path, tmp_path / "a.json.gz", key=(made["AccessKeyId"], made["SecretAccessKey"]), status=2)
    assert "AccessDenied" in denied or "not authorized" in denied
    allow = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "opentrail:DescribeHistory", "Resource": "*"}]}
    server.aws("iam", "put-user-policy", "--user-name", "u", "--policy-name", "p", "--policy-document", json.dumps(allow))
    denied = run_import(server, tmp_path, tmp_path / "a.json.gz", key=(made["AccessKeyId"], made["SecretAccessKey"]), status=2)
    assert denied["complete"] is False and denied["accepted"] == 0
    refused = server.recorded("ImportEvents", lambda r: r.get("errorCode") == "AccessDenied")
    assert "opentrail:ImportEvents" in refused["errorMessage"] and refused["userIdentity"]["userName"] == "u"
    allow["Statement"][0]["Action"] = "opentrail:*"
    server.aws("iam", "put-user-policy", "--user-name", "u", "--policy-name", "p", "--policy-document", json.dumps(allow))
    done = run_import(server, tmp_path, tmp_path / "a.json.gz", key=(made["AccessKeyId"], made["SecretAccessKey"]))
    assert done["accepted"] == 1


def test_large_files_are_streamed(server, tmp_path):
    filler = random.Random(7).randbytes(500).hex()
    lines = (json.dumps(event(n, requestParameters={"x": f"{n}{filler}"})) for n in range(9000))
    path = tmp_path / "large.ndjson"
    path.write_text("\n".join(lines))
    assert path.stat().st_size > 10_000_000
    assert run_import(server, tmp_path, path)["accepted"] == 9000
    assert not list((server.data_dir / "incoming").iterdir())


def test_kills_of_either_side_lose_nothing_and_repeat_nothing(make_server, tmp_path):
    """A port that stays: the import goes on by itself when the server is back."""
    files, per_file = 120, 50
    for number in range(files):
        write(tmp_path / f"logs/{number:04}.json.gz", [event(number * per_file + n) for n in range(per_file)])
    server = make_server(**LONG).start()
    port = server.endpoint.rsplit(":", 1)[1]
    arguments = [BINARY, "import", "--format", "json", "--jobs", "2", str(tmp_path / "logs")]
    for kill in ("import", "server", "import", "server"):
        importing = subprocess.Popen(arguments, env=environment(server, tmp_path), stdout=subprocess.PIPE, text=True)
        start = metric(server, "imported_events_total")
        wait_for("some progress", lambda: importing.poll() is not None or metric(server, "imported_events_total") > start + 300)
        if kill == "import":
            importing.send_signal(signal.SIGKILL)
            importing.wait(timeout=10)
        else:
            server.kill()
            time.sleep(0.3)
            server.start(listen=f"127.0.0.1:{port}")
            out, _ = importing.communicate(timeout=60)
            assert importing.returncode == 0, out
    last = run_import(server, tmp_path, tmp_path / "logs", "--again")
    assert (last["accepted"], last["duplicates"]) == (0, files * per_file)
    indexed(server)
    found = server.lookup("RunInstances")
    assert len(found) == files * per_file
    assert {record["eventID"] for record in found} == {event(n)["eventID"] for n in range(files * per_file)}


@pytest.mark.skipif(not CORPUS.exists(), reason="OPENTRAIL_CORPUS names no corpus")
def test_the_corpus_loads_whole(make_server, tmp_path):
    server = make_server(**LONG).start()
    report = run_import(server, tmp_path, CORPUS / "merged", CORPUS / "invictus-aws-dataset", CORPUS / "stratus-red-team",
                        CORPUS / "trailscraper", CORPUS / "panther-analysis")
    assert report["unparsedCount"] == report["expired"] == 0, report["unparsed"]
    whole = gzip.decompress((CORPUS / "merged/events.ndjson.gz").read_bytes()).splitlines()
    ids = {json.loads(line)["eventID"] for line in whole}
    assert report["accepted"] >= len(ids)
