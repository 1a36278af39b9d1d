"""Whatever is done to delivered files, `aws cloudtrail validate-logs` and `opentrail verify` see it and name the file."""

import gzip
import json
import time
from datetime import timedelta

import pytest

from server import REGION, Server, run_binary
from trail import BUCKET, DIGEST_KEY, Delivered, keys, make_trail, now, read_json, settle, validate


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A stopped server whose trail has delivered log files under at least three digests, and has stopped logging."""
    server = Server(tmp_path_factory.mktemp("integrity") / "data").start()
    try:
        make_trail(server)
        iam, sts = server.client("iam"), server.client("sts")
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 11:
            iam.create_user(UserName=f"user-{number}")
            sts.get_caller_identity()
            number += 1
            time.sleep(0.2)
        settle(server)
        (server.data_dir.parent / "keys.json").write_text(exported_keys(server))
        server.stop()
        yield server
    finally:
        server.close()


@pytest.fixture
def copy(state, tmp_path):
    server = state.copy(tmp_path / "copy").start()
    yield server
    server.stop()


def exported_keys(server):
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(server.credentials), "AWS_REGION": REGION}
    done = run_binary("keys", "export", "--endpoint", server.endpoint, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["PublicKeyList"]
    return done.stdout


def verify_bucket(server, key_file):
    environment = {
        "AWS_SHARED_CREDENTIALS_FILE": str(server.credentials), "AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": REGION,
        "AWS_ENDPOINT": server.endpoint, "AWS_ALLOW_HTTP": "true",
    }
    key_id, secret = server.root_key()
    environment |= {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
    return run_binary("verify", f"s3://{BUCKET}", "--public-keys", key_file, "--format", "json", env=environment)


def chain(server):
    """The digests of the trail's home region that list files, oldest first, each with its document."""
    found = [key for key in keys(server, pattern=DIGEST_KEY) if DIGEST_KEY.fullmatch(key)["region"] == REGION]
    return [(key, read_json(server, key)) for key in sorted(found)]


def some_log_file(server):
    """A log file somewhere in the middle of the chain."""
    listed = [log["s3Object"] for _, digest in chain(server) for log in digest["logFiles"]]
    return listed[len(listed) // 2]


def middle_digest(server):
    digests = chain(server)
    assert len(digests) >= 4, f"{len(digests)} digests are too few for a middle"
    return digests[len(digests) // 2][0]


def put_changed(server, key, change):
    """Replaces an object through the API, keeping its metadata, with other contents in good gzip."""
    s3 = server.client("s3")
    old = s3.get_object(Bucket=BUCKET, Key=key)
    text = gzip.decompress(old["Body"].read())
    new = change(text)
    assert new != text
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(new), Metadata=old["Metadata"], ContentType=old["ContentType"])


def one_byte(text):
    at = text.index(b'"eventName":"') + len(b'"eventName":"')
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1:]


def other_window(text):
    digest = json.loads(text)
    digest["logFiles"] = digest["logFiles"][:-1] if digest["logFiles"] else [{"s3Object": "planted"}]
    return json.dumps(digest, separators=(",", ":")).encode()


def alter_log(server):
    key = some_log_file(server)
    put_changed(server, key, one_byte)
    return key, "Log file", "INVALID: hash value doesn't match"


def delete_log(server):
    key = some_log_file(server)
    server.client("s3").delete_object(Bucket=BUCKET, Key=key)
    return key, "Log file", "INVALID: not found"


def spoil_log(server):
    key = some_log_file(server)
    server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"no gzip")
    return key, "Log file", "INVALID: invalid format"


def delete_digest(server):
    key = middle_digest(server)
    server.client("s3").delete_object(Bucket=BUCKET, Key=key)
    return key, "Digest file", "INVALID: not found"


def alter_digest(server):
    key = middle_digest(server)
    put_changed(server, key, other_window)
    return key, "Digest file", "INVALID: signature verification failed"


def strip_signature(server):
    key = middle_digest(server)
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key=key, Body=s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return key, "Digest file", "INVALID: signature verification failed"


def swap_digests(server):
    """An older digest in the place of a newer one: properly signed, but not for this place."""
    older, newer = chain(server)[1][0], middle_digest(server)
    assert older < newer
    server.client("s3").copy_object(Bucket=BUCKET, Key=newer, CopySource={"Bucket": BUCKET, "Key": older})
    return newer, "Digest file", "INVALID: has been moved from its original location"


def test_untouched_files_are_good(copy, state, tmp_path):
    checked = validate(copy, now() - timedelta(minutes=10))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    files = Delivered(copy)
    home = [record for record in files.records() if record["awsRegion"] == REGION]
    assert {f"user-{n}" for n in range(20)} <= {
        record["requestParameters"]["userName"] for record in home if record["eventName"] == "CreateUser"}
    listed = [log["s3Object"] for _, digest in chain(copy) for log in digest["logFiles"]]
    assert sorted(listed) == sorted(key for key in files.files if f"/{REGION}/" in key), "each file in exactly one digest"
    assert f"{len(listed)}/{len(listed)} log files valid" in checked.stdout

    key_file = state.data_dir.parent / "keys.json"
    verified = verify_bucket(copy, key_file)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    copy.aws("s3", "sync", "--quiet", f"s3://{BUCKET}", tmp_path / "mirror")
    offline = run_binary("verify", tmp_path / "mirror", "--public-keys", key_file)
    assert offline.returncode == 0, offline.stdout + offline.stderr
    online = run_binary("verify", tmp_path / "mirror", "--endpoint", copy.endpoint, env={
        "AWS_SHARED_CREDENTIALS_FILE": str(copy.credentials), "AWS_REGION": REGION})
    assert online.returncode == 0, online.stdout + online.stderr


@pytest.mark.parametrize(
    "damage", [alter_log, delete_log, spoil_log, delete_digest, alter_digest, strip_signature, swap_digests], ids=lambda f: f.__name__)
def test_damage_is_found_and_named(copy, state, tmp_path, damage):
    key, kind, verdict = damage(copy)
    checked = validate(copy, now() - timedelta(minutes=10), verbose=False)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    bad = [line for line in checked.stderr.splitlines() if "INVALID" in line]
    assert bad == [f"{kind}\ts3://{BUCKET}/{key}\t{verdict}"]

    key_file = state.data_dir.parent / "keys.json"
    verified = verify_bucket(copy, key_file)
    assert verified.returncode == 1, verified.stdout + verified.stderr
    assert key in verified.stdout
    if damage is strip_signature:
        return  # A plain copy has no metadata to lose.
    copy.aws("s3", "sync", "--quiet", f"s3://{BUCKET}", tmp_path / "mirror")
    offline = run_binary("verify", tmp_path / "mirror", "--public-keys", key_file)
    assert offline.returncode == 1, offline.stdout + offline.stderr
    assert key.rsplit("/", 1)[1] in offline.stdout


def test_verify_says_when_it_could_not_run(tmp_path):
    assert run_binary("verify", tmp_path / "nothing-here").returncode == 2
    assert run_binary("verify").returncode == 2
    (tmp_path / "keys.json").write_text("no keys")
    (tmp_path / "dir").mkdir()
    assert run_binary("verify", tmp_path / "dir", "--public-keys", tmp_path / "keys.json").returncode == 2
