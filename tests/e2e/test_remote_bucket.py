"""A trail that delivers into another server's bucket, which is away for a while."""

import pytest

from server import REGION, run_binary, wait_for
from trail import BUCKET, DIGEST_KEY, Delivered, keys, wait_for_digests

@pytest.mark.timeout(180)
def test_files_go_to_the_other_server_and_wait_while_it_is_away(make_server):
    remote = make_server("remote").start()
    there = remote.client("s3")
    there.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    there.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    access, secret = remote.root_key()
    port = remote.endpoint.rsplit(":", 1)[1]
    server = make_server("here", **{
        "OPENTRAIL_REMOTE__S3__ENDPOINT": remote.endpoint, "OPENTRAIL_REMOTE__S3__ACCESS_KEY_ID": access,
        "OPENTRAIL_REMOTE__S3__SECRET_ACCESS_KEY": secret}).start()
    cloudtrail = server.client("cloudtrail")
    cloudtrail.create_trail(Name="audit", S3BucketName=BUCKET, EnableLogFileValidation=True)
    cloudtrail.start_logging(Name="audit")
    wait_for_digests(remote, 1, with_files=True)
    files = Delivered(remote)
    files.named("StartLogging")
    head = there.head_object(Bucket=BUCKET, Key=keys(remote)[0])
    assert head["ContentEncoding"] == "gzip" and head["ObjectLockMode"] == "COMPLIANCE"
    digest = there.head_object(Bucket=BUCKET, Key=keys(remote, pattern=DIGEST_KEY)[0])
    assert digest["Metadata"]["signature-algorithm"] == "SHA256withRSA"

    remote.stop()
    server.client("iam").create_user(UserName="while-away")
    status = wait_for("an error to show", lambda: cloudtrail.get_trail_status(Name="audit").get("LatestDeliveryError"), 60)
    assert status
    remote.start(listen=f"127.0.0.1:{port}")
    there = remote.client("s3")
    created = files.find("what happened meanwhile", lambda r: r["eventName"] == "CreateUser", 90)
    assert created["requestParameters"] == {"userName": "while-away"}
    wait_for("the error to go", lambda: not cloudtrail.get_trail_status(Name="audit").get("LatestDeliveryError"), 60)

    cloudtrail.stop_logging(Name="audit")
    wait_for("all digests", lambda: len(keys(remote, pattern=DIGEST_KEY)) >= 2, 60)
    public = server.data_dir.parent / "keys.json"
    exported = run_binary("keys", "export", "--endpoint", server.endpoint, env=dict(zip(
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), server.root_key())) | {"AWS_REGION": REGION})
    assert exported.returncode == 0, exported.stderr
    public.write_text(exported.stdout)
    key = remote.root_key()
    checked = run_binary("verify", f"s3://{BUCKET}", "--public-keys", public, env={
        "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_ENDPOINT_URL": remote.endpoint, "AWS_REGION": REGION})
    assert checked.returncode == 0, checked.stdout + checked.stderr
