"""SIGKILL, many times, under load: what was acknowledged is recorded, delivered once, and proved."""

import base64
import contextlib
import itertools
import random
import threading
import time
import zlib
from collections import Counter
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from server import REGION, run_binary, wait_for
from trail import BUCKET, TRAIL, Delivered, make_trail, now, settle, validate

DATA = "crash-data"
THREADS = 4


class Load:
    """Calls with unique names, from several threads, for as long as it runs; remembers which were answered well."""

    def __init__(self, server):
        self.server = server
        self.key = Credentials(*server.root_key())
        self.acknowledged = {"GetCallerIdentity": set(), "PutObject": set(), "CreateUser": set()}
        self.refused = []
        self.running = True
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1, read=5))
        for count in itertools.count():
            if not self.running:
                return
            name = f"t{number}-{count}"
            call = ("GetCallerIdentity", "PutObject", "CreateUser")[count % 3]
            request = self.signed(call, name)
            try:
                answer = pool.request(request.method, request.url, body=request.body, headers=dict(request.headers), redirect=False)
            except (urllib3.exceptions.HTTPError, OSError):
                time.sleep(0.05)  # The server is dead; the call counts as not answered.
                continue
            if answer.status == 200:
                self.acknowledged[call].add(name)
            else:
                self.refused.append((call, answer.status, answer.data[:300]))
                time.sleep(0.05)

    def signed(self, call, name):
        endpoint = self.server.endpoint
        if call == "PutObject":
            request = AWSRequest("PUT", f"{endpoint}/{DATA}/{name}", data=name.encode() * 20)
            S3SigV4Auth(self.key, "s3", REGION).add_auth(request)
            return request.prepare()
        service, version = ("sts", "2011-06-15") if call == "GetCallerIdentity" else ("iam", "2010-05-08")
        form = {"Action": call, "Version": version} | ({"UserName": name} if call == "CreateUser" else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": f"load/{name}"}
        request = AWSRequest("POST", endpoint + "/", data=urlencode(form).encode(), headers=headers)
        SigV4Auth(self.key, service, REGION).add_auth(request)
        return request.prepare()

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(timeout=20)
            assert not thread.is_alive()


def name_in(record):
    if record["eventName"] == "GetCallerIdentity":
        return record["userAgent"].removeprefix("load/")
    return record["requestParameters"].get("key" if record["eventName"] == "PutObject" else "userName")


def names(records, call):
    return Counter(name_in(record) for record in records if record["eventName"] == call and "errorCode" not in record)


@pytest.mark.timeout(400)
def test_kills_lose_nothing_and_double_nothing(make_server, request):
    kills = request.config.getoption("--kills")
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    server = make_server().start()
    make_trail(server, data_bucket=DATA, IsMultiRegionTrail=False)
    server.client("s3").create_bucket(Bucket=DATA)
    load = Load(server)
    for _ in range(kills):
        time.sleep(chance.uniform(0.1, 1.4))
        server.kill()
        server.start()
    time.sleep(1)
    load.stop()
    acknowledged = load.acknowledged
    assert not load.refused, load.refused[:5]
    assert all(len(names) > 10 * kills for names in acknowledged.values()), {k: len(v) for k, v in acknowledged.items()}

    missing = lambda: acknowledged["GetCallerIdentity"] - set(names(server.lookup("GetCallerIdentity"), "GetCallerIdentity"))
    with contextlib.suppress(AssertionError):
        wait_for("all calls in the history", lambda: not missing(), 15)
    assert not missing()
    history = server.lookup(None)
    identifiers = [record["eventID"] for record in history]
    assert len(identifiers) == len(set(identifiers))
    created = names(history, "CreateUser")
    assert acknowledged["CreateUser"] <= set(created) and max(created.values()) == 1

    users = {user["UserName"] for page in server.client("iam").get_paginator("list_users").paginate() for user in page["Users"]}
    assert users == set(created), "a change and its record are there together or not at all"

    settle(server)
    files = Delivered(server)
    records = files.records()
    delivered = Counter(record["eventID"] for record in records)
    assert {number for number in delivered.values()} == {1}, "an event is in exactly one file, once"
    for call, wanted in acknowledged.items():
        found = names(records, call)
        assert wanted <= set(found), f"{len(wanted - set(found))} of {len(wanted)} {call} are in no file"
    objects = {
        item["Key"] for page in server.client("s3").get_paginator("list_objects_v2").paginate(Bucket=DATA) for item in page["Contents"]}
    assert objects == set(names(records, "PutObject"))
    management = {record["eventID"] for record in records if record["eventCategory"] == "Management"}
    assert {r["eventID"] for r in history if r["eventName"] in acknowledged} <= management

    checked = validate(server, now() - timedelta(minutes=10))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(files.files)}/{len(files.files)} log files valid" in checked.stdout, checked.stdout[-500:]
    key = server.root_key()
    verified = run_binary("verify", f"s3://{BUCKET}", "--endpoint", server.endpoint, env={
        "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ENDPOINT": server.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": REGION})
    assert verified.returncode == 0, verified.stdout + verified.stderr
    print({call: len(wanted) for call, wanted in acknowledged.items()}, len(files.files), "files")
    server.stop()


LOCKED = "crash-versions"


class VersionedLoad(Load):
    """Puts, each a version of one of a few keys; remembers the versions that were acknowledged."""

    def __init__(self, server):
        self.versions = {}
        super().__init__(server)

    def work(self, number):
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1, read=5))
        for count in itertools.count():
            if not self.running:
                return
            # A few versions of each key, then another: what is left alone for a day of the rules is marked.
            key, body = f"{'old' if count % 2 else 'new'}/k{number}-{count // 20}", f"t{number}-{count}"
            request = AWSRequest("PUT", f"{self.server.endpoint}/{LOCKED}/{key}", data=body.encode(), headers={"x-amz-checksum-crc32": crc32(body)})
            S3SigV4Auth(self.key, "s3", REGION).add_auth(request)
            request = request.prepare()
            try:
                answer = pool.request(request.method, request.url, body=request.body, headers=dict(request.headers), redirect=False)
            except (urllib3.exceptions.HTTPError, OSError):
                time.sleep(0.05)
                continue
            if answer.status == 200:
                self.versions[answer.headers["x-amz-version-id"]] = (key, body)
            else:
                self.refused.append((key, answer.status, answer.data[:300]))


def crc32(text):
    return base64.b64encode(zlib.crc32(text.encode()).to_bytes(4, "big")).decode()


@pytest.mark.timeout(200)
def test_kills_keep_held_versions_and_what_rules_did(make_server, request):
    """Versions under a hold survive kills whole, also under old ones being expired at the same time."""
    server = make_server(**{"OPENTRAIL_LIFECYCLE__INTERVAL": "200ms", "OPENTRAIL_LIFECYCLE__DAY": "1s"}).start()
    s3 = server.client("s3")
    s3.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(Bucket=LOCKED, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    s3.put_bucket_lifecycle_configuration(Bucket=LOCKED, LifecycleConfiguration={"Rules": [
        {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1},
         "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}]})
    load = VersionedLoad(server)
    for _ in range(max(3, request.config.getoption("--kills") // 4)):
        time.sleep(random.uniform(0.5, 1.5))
        server.kill()
        server.start()
    time.sleep(1)
    load.stop()
    assert not load.refused, load.refused[:5]
    s3 = server.client("s3")
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=LOCKED))
    there = {v["VersionId"]: v["Key"] for page in pages for v in page.get("Versions", [])}
    lost = {version for version, (key, _) in load.versions.items() if there.get(version) != key}
    assert load.versions and not lost, f"{len(lost)} of {len(load.versions)} held versions are gone"
    for version in random.sample(sorted(load.versions), min(40, len(load.versions))):
        key, body = load.versions[version]
        assert s3.get_object(Bucket=LOCKED, Key=key, VersionId=version)["Body"].read().decode() == body
    entries = [e for page in pages for e in page.get("Versions", []) + page.get("DeleteMarkers", [])]
    latest = Counter(e["Key"] for e in entries if e["IsLatest"])
    assert set(latest.values()) == {1} and set(latest) == {e["Key"] for e in entries}, "each key has one latest version"
    marks = lambda: s3.list_object_versions(Bucket=LOCKED, Prefix="old/").get("DeleteMarkers")
    wait_for("rules to be carried out", marks)
    server.stop()
