"""S3 as people's own tools use it."""

import hashlib
import io
import random
import shutil
import subprocess
import urllib.request

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from server import REGION, SCRIPTS, Server

KEYS = ["plain.txt", "with space.txt", "ünï/çødé.txt", "a+b=c&d?.txt", "dots/../odd", "percent%41.txt", "star*'(x)!.txt"]


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def test_aws_s3_commands(server, tmp_path):
    aws = server.aws
    aws("s3", "mb", "s3://files")
    source = tmp_path / "source"
    for name in ("one.txt", "sub/two.txt", "sub/deep/thrée & 3.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    aws("s3", "sync", "--quiet", source, "s3://files/tree")
    listed = aws("s3", "ls", "--recursive", "s3://files")
    assert [line.split(maxsplit=3)[3] for line in listed.splitlines()] == [
        "tree/one.txt", "tree/sub/deep/thrée & 3.txt", "tree/sub/two.txt"]
    assert [line.split()[-1] for line in aws("s3", "ls", "s3://files/tree/").splitlines()] == ["sub/", "one.txt"]
    assert aws("s3", "sync", source, "s3://files/tree") == "", "nothing to do the second time"
    (source / "one.txt").unlink()
    assert "delete: s3://files/tree/one.txt" in aws("s3", "sync", "--delete", source, "s3://files/tree")
    aws("s3", "sync", "--quiet", "s3://files/tree", tmp_path / "back")
    assert sorted(p.relative_to(tmp_path / "back").as_posix() for p in (tmp_path / "back").rglob("*.txt")) == [
        "sub/deep/thrée & 3.txt", "sub/two.txt"]
    aws("s3", "cp", "--quiet", "s3://files/tree/sub/two.txt", "s3://files/copy.txt")
    aws("s3", "mv", "--quiet", "s3://files/copy.txt", "s3://files/moved.txt")
    assert aws("s3", "cp", "s3://files/moved.txt", "-") == "sub/two.txt"
    link = aws("s3", "presign", "s3://files/moved.txt")
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.read() == b"sub/two.txt"

    big = noise(16 * 1024 * 1024 + 7)
    (tmp_path / "big").write_bytes(big)
    aws("s3", "cp", "--quiet", tmp_path / "big", "s3://files/big")
    head = server.client("s3").head_object(Bucket="files", Key="big")
    assert head["ContentLength"] == len(big) and head["ETag"].strip('"').endswith("-3")
    aws("s3", "cp", "--quiet", "s3://files/big", tmp_path / "big-back")
    assert (tmp_path / "big-back").read_bytes() == big

    refused = server.run_aws("s3", "rb", "s3://files")
    assert refused.returncode == 1 and "BucketNotEmpty" in refused.stderr
    aws("s3", "rm", "--quiet", "--recursive", "s3://files")
    assert aws("s3", "ls", "s3://files") == ""
    aws("s3", "rb", "s3://files")
    missing = server.run_aws("s3", "ls", "s3://files")
    assert missing.returncode != 0 and "NoSuchBucket" in missing.stderr


def test_keys_of_all_kinds(shared):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="odd-keys")
    for key in KEYS:
        s3.put_object(Bucket="odd-keys", Key=key, Body=key.encode(), Metadata={"name": "value"}, ContentType="text/x")
        answer = s3.get_object(Bucket="odd-keys", Key=key)
        assert answer["Body"].read() == key.encode() and answer["Metadata"] == {"name": "value"} and answer["ContentType"] == "text/x"
    for version in ("s3", "s3v4"):
        client = shared.client("s3", signature_version=version)
        for key in KEYS:
            url = client.generate_presigned_url("get_object", Params={"Bucket": "odd-keys", "Key": key})
            if "/../" in key:
                continue  # urllib would leave it, but proxies would not.
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.read() == key.encode(), (version, key)
    one = [item["Key"] for page in s3.get_paginator("list_objects").paginate(
        Bucket="odd-keys", PaginationConfig={"PageSize": 2}) for item in page["Contents"]]
    two = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket="odd-keys", PaginationConfig={"PageSize": 3}) for item in page["Contents"]]
    assert one == two == sorted(KEYS, key=lambda key: key.encode())
    s3.delete_objects(Bucket="odd-keys", Delete={"Objects": [{"Key": key} for key in KEYS]})
    assert s3.list_objects_v2(Bucket="odd-keys")["KeyCount"] == 0


def test_reading_parts_and_conditions(shared):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="parts")
    body = noise(100_000)
    tag = s3.put_object(Bucket="parts", Key="x", Body=body)["ETag"]
    assert tag.strip('"') == hashlib.md5(body).hexdigest()
    get = lambda **arguments: s3.get_object(Bucket="parts", Key="x", **arguments)
    middle = get(Range="bytes=10-19")
    assert middle["Body"].read() == body[10:20] and middle["ContentRange"] == "bytes 10-19/100000"
    assert get(Range="bytes=-5")["Body"].read() == body[-5:]
    for arguments, code in [
        ({"Range": "bytes=100000-"}, "InvalidRange"), ({"IfMatch": '"other"'}, "PreconditionFailed"), ({"IfNoneMatch": tag}, "304")]:
        with pytest.raises(ClientError) as caught:
            get(**arguments)
        assert caught.value.response["Error"]["Code"] == code
    for bucket, key, code in [("parts", "none", "NoSuchKey"), ("no-such-bucket-here", "x", "NoSuchBucket")]:
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=bucket, Key=key)
        assert caught.value.response["Error"]["Code"] == code


def test_multipart_by_hand(shared):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="multi")
    body = noise(11 * 1024 * 1024)
    s3.upload_fileobj(io.BytesIO(body), "multi", "x", Config=TransferConfig(multipart_chunksize=5 * 1024 * 1024, max_concurrency=3))
    assert s3.get_object(Bucket="multi", Key="x")["Body"].read() == body
    upload = s3.create_multipart_upload(Bucket="multi", Key="left")["UploadId"]
    s3.upload_part(Bucket="multi", Key="left", UploadId=upload, PartNumber=1, Body=b"too small to be followed")
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket="multi")["Uploads"]] == ["left"]
    assert [p["Size"] for p in s3.list_parts(Bucket="multi", Key="left", UploadId=upload)["Parts"]] == [24]
    s3.abort_multipart_upload(Bucket="multi", Key="left", UploadId=upload)
    with pytest.raises(ClientError) as caught:
        s3.upload_part(Bucket="multi", Key="left", UploadId=upload, PartNumber=2, Body=b"x")
    assert caught.value.response["Error"]["Code"] == "NoSuchUpload"


def test_what_is_not_kept_is_refused(shared):
    """An honest store: what it would have to ignore, it refuses."""
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="honest")
    for call, arguments in [
        (s3.put_bucket_logging, {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "honest", "TargetPrefix": ""}}}),
        (s3.put_object, {"Key": "x", "Body": b"", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}),
        (s3.put_bucket_acl, {"ACL": "public-read"}),
    ]:
        with pytest.raises(ClientError):
            call(Bucket="honest", **arguments)


def tool(server, arguments, env=None, name=None):
    done = subprocess.run(
        [str(argument) for argument in arguments], env=server.environment() | (env or {}), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{name or arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_s3cmd(server: Server, tmp_path):
    program = SCRIPTS / "s3cmd"
    if not program.exists():
        pytest.skip("s3cmd is not installed")
    host = server.endpoint.removeprefix("http://")
    key = server.root_key()
    (tmp_path / "s3cfg").write_text(
        f"[default]\naccess_key = {key[0]}\nsecret_key = {key[1]}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\n"
        f"bucket_location = {REGION}\nmultipart_chunk_size_mb = 5\nprogress_meter = False\n")
    (tmp_path / "mirror").mkdir()
    run = lambda *arguments: tool(server, [program, "-c", tmp_path / "s3cfg", *arguments])
    body = noise(12 * 1024 * 1024)
    (tmp_path / "big").write_bytes(body)
    (tmp_path / "smäll é.txt").write_text("small")
    run("mb", "s3://cmd")
    run("put", tmp_path / "smäll é.txt", "s3://cmd/dir/")
    run("put", tmp_path / "big", "s3://cmd/big")
    assert "s3://cmd/dir/smäll é.txt" in run("ls", "--recursive", "s3://cmd")
    assert "s3://cmd" in run("ls")
    run("get", "--force", "s3://cmd/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == body
    assert "12582912" in run("info", "s3://cmd/big") and "12582912" in run("ls", "s3://cmd/big")
    run("cp", "s3://cmd/dir/smäll é.txt", "s3://cmd/copy")
    run("sync", "s3://cmd/", f"{tmp_path}/mirror/")
    assert (tmp_path / "mirror/dir/smäll é.txt").read_text() == "small"
    run("del", "--recursive", "--force", "s3://cmd/")
    run("rb", "s3://cmd")


def test_rclone(server: Server, tmp_path):
    program = shutil.which("rclone")
    if not program:
        pytest.skip("rclone is not installed")
    key = server.root_key()
    env = {
        "RCLONE_CONFIG_OT_TYPE": "s3", "RCLONE_CONFIG_OT_PROVIDER": "Other", "RCLONE_CONFIG_OT_ENDPOINT": server.endpoint,
        "RCLONE_CONFIG_OT_ACCESS_KEY_ID": key[0], "RCLONE_CONFIG_OT_SECRET_ACCESS_KEY": key[1],
        "RCLONE_CONFIG_OT_REGION": REGION, "RCLONE_CONFIG_OT_CHUNK_SIZE": "5M", "RCLONE_CONFIG_OT_UPLOAD_CUTOFF": "5M",
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf")}
    run = lambda *arguments: tool(server, [program, *arguments], env)
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/small é.txt").write_text("small")
    (source / "big").write_bytes(noise(12 * 1024 * 1024))
    run("mkdir", "ot:clone")
    run("sync", source, "ot:clone/tree")
    run("check", source, "ot:clone/tree")
    assert sorted(run("lsf", "-R", "--files-only", "ot:clone/tree").splitlines()) == ["big", "sub/small é.txt"]
    assert run("cat", "ot:clone/tree/sub/small é.txt") == "small"
    run("copy", "ot:clone/tree", tmp_path / "back")
    assert (tmp_path / "back/big").read_bytes() == (source / "big").read_bytes()
    run("purge", "ot:clone")
    assert run("lsd", "ot:") == ""
