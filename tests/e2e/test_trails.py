"""What trails do: regions, start and stop, buckets that refuse, restarts."""

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from server import REGION, REGIONS, wait_for
from trail import (
    BUCKET, DIGEST_KEY, TRAIL, Delivered, bucket_policy, keys, make_bucket, make_trail, now, read_json, trail_arn, validate,
    wait_for_digests)

WEST = "eu-west-1"


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_multi_region_trails_cast_shadows(server):
    home = make_trail(server)
    west = server.client("cloudtrail", WEST)
    [shadow] = west.describe_trails()["trailList"]
    assert shadow["TrailARN"] == trail_arn() and shadow["HomeRegion"] == REGION
    assert west.describe_trails(includeShadowTrails=False)["trailList"] == []
    assert west.describe_trails(trailNameList=[trail_arn()])["trailList"] == [shadow]
    assert west.describe_trails(trailNameList=[TRAIL, "unknown"])["trailList"] == [], "by name only at home"
    assert west.get_trail(Name=trail_arn())["Trail"] == shadow
    assert west.get_trail_status(Name=trail_arn())["IsLogging"] is True
    assert code_of(west.get_trail, Name=TRAIL) == "TrailNotFoundException"
    assert [trail["HomeRegion"] for trail in west.list_trails()["Trails"]] == [REGION]
    selectors = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]
    for call, arguments in [
        (west.update_trail, {"Name": trail_arn(), "EnableLogFileValidation": False}),
        (west.stop_logging, {"Name": trail_arn()}), (west.start_logging, {"Name": trail_arn()}),
        (west.delete_trail, {"Name": trail_arn()}),
        (west.put_event_selectors, {"TrailName": trail_arn(), "EventSelectors": selectors}),
        (west.add_tags, {"ResourceId": trail_arn(), "TagsList": [{"Key": "a"}]}),
    ]:
        assert code_of(call, **arguments) == "InvalidHomeRegionException", call
    home.update_trail(Name=TRAIL, IsMultiRegionTrail=False)
    assert west.describe_trails()["trailList"] == []
    assert code_of(west.get_trail_status, Name=trail_arn()) == "TrailNotFoundException"
    home.update_trail(Name=TRAIL, IsMultiRegionTrail=True)
    assert len(west.describe_trails()["trailList"]) == 1


def test_single_region_trails_take_their_region_only(server):
    make_trail(server, "west", region=WEST, IsMultiRegionTrail=False, EnableLogFileValidation=False)
    files = Delivered(server)
    for region in REGIONS.split(","):
        server.client("cloudtrail", region, user_agent_extra=f"md/in#{region}").list_trails()
    server.client("iam").create_user(UserName="global")
    files.find("the call in the west", lambda record: record["eventName"] == "ListTrails")
    server.stop()
    server.start()
    files.server = server
    assert {record["awsRegion"] for record in files.records()} == {WEST}
    assert keys(server, pattern=DIGEST_KEY) == []


def test_tags(server):
    cloudtrail = make_trail(server, start=False, TagsList=[{"Key": "team", "Value": "audit"}])
    cloudtrail.add_tags(ResourceId=trail_arn(), TagsList=[{"Key": "team", "Value": "sec"}, {"Key": "bare"}])
    tags = lambda: {tag["Key"]: tag.get("Value") for tag in cloudtrail.list_tags(
        ResourceIdList=[trail_arn()])["ResourceTagList"][0]["TagsList"]}
    assert tags() in ({"team": "sec", "bare": None}, {"team": "sec", "bare": ""})
    cloudtrail.remove_tags(ResourceId=trail_arn(), TagsList=[{"Key": "bare"}, {"Key": "never"}])
    assert tags() == {"team": "sec"}
    server.restart()
    cloudtrail = server.client("cloudtrail")
    assert tags() == {"team": "sec"}


def test_stop_logging_delivers_what_was_before_and_closes_the_chain(server):
    cloudtrail = make_trail(server)
    wait_for_digests(server, 1)
    iam = server.client("iam")
    iam.create_user(UserName="before")
    cloudtrail.stop_logging(Name=TRAIL)
    iam.create_user(UserName="after")
    status = cloudtrail.get_trail_status(Name=TRAIL)
    assert status["IsLogging"] is False and status["StopLoggingTime"] >= status["StartLoggingTime"]
    files = Delivered(server)
    files.find("the last call", lambda r: r["eventName"] == "CreateUser" and r["requestParameters"]["userName"] == "before")
    files.named("StopLogging")
    last = {}

    def closed():
        for key in keys(server, pattern=DIGEST_KEY):
            place = DIGEST_KEY.fullmatch(key)
            if place["region"] == REGION:
                last[key] = last.get(key) or read_json(server, key)
        listed = {log["s3Object"] for digest in last.values() for log in digest["logFiles"]}
        return listed >= {key for key in files.files if f"/{REGION}/" in key}

    wait_for("a final digest with every file", closed)
    checked = validate(server, now() - timedelta(minutes=5))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    digests = len(keys(server, pattern=DIGEST_KEY))
    cloudtrail.start_logging(Name=TRAIL)
    wait_for("new digests", lambda: len(keys(server, pattern=DIGEST_KEY)) > digests)
    wait_for_digests(server, len(last) + 1)
    starting = next(read_json(server, key) for key in wait_for_digests(server, len(last) + 1) if key not in last)
    assert starting["previousDigestS3Object"] is None and starting["previousDigestSignature"] is None
    names = {r["requestParameters"]["userName"] for r in files.records() if r["eventName"] == "CreateUser"}
    assert names == {"before"}, "what happened while not logging is not delivered"
    checked = validate(server, now() - timedelta(minutes=5))
    assert checked.returncode == 0, "a gap is no error"
    assert "No log files were delivered by CloudTrail between" in checked.stderr + checked.stdout


def test_delete_trail_delivers_what_was_before(server):
    cloudtrail = make_trail(server)
    server.client("iam").create_user(UserName="last-words")
    cloudtrail.delete_trail(Name=TRAIL)
    assert cloudtrail.describe_trails()["trailList"] == []
    files = Delivered(server)
    files.named("DeleteTrail")
    assert "last-words" in json.dumps(files.records())
    # The same name again is another trail, which delivers and proves anew.
    cloudtrail.create_trail(Name=TRAIL, S3BucketName=BUCKET, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    cloudtrail.start_logging(Name=TRAIL)
    server.client("iam").create_user(UserName="new-life")
    files.find("the new trail's files", lambda record: "new-life" in json.dumps(record))
    wait_for_digests(server, 3)
    checked = validate(server, now() - timedelta(minutes=5))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_new_region_joins_multi_region_trails(server):
    make_trail(server)
    new = "sa-east-1"
    with pytest.raises(ClientError):
        server.client("cloudtrail", new).list_trails()
    server.restart(OPENTRAIL_REGIONS=f"{REGIONS},{new}")
    south = server.client("cloudtrail", new)
    assert [trail["TrailARN"] for trail in south.describe_trails()["trailList"]] == [trail_arn()]
    Delivered(server).find("a call in the new region", lambda record: record["awsRegion"] == new)
    wait_for_digests(server, 2, region=new)
    assert south.list_public_keys()["PublicKeyList"]
    checked = validate(server, now() - timedelta(minutes=5), region=new)
    assert checked.returncode == 0 and "log files valid" in checked.stdout, checked.stdout + checked.stderr


def test_a_bucket_that_refuses_loses_nothing(server):
    cloudtrail = make_trail(server)
    s3, iam = server.client("s3"), server.client("iam")
    files = Delivered(server)
    files.named("StartLogging")
    s3.delete_bucket_policy(Bucket=BUCKET)
    for number in range(5):
        iam.create_user(UserName=f"refused-{number}")
    status = lambda: cloudtrail.get_trail_status(Name=TRAIL)
    wait_for("AccessDenied in the status", lambda: status().get("LatestDeliveryError") == "AccessDenied")
    assert "refused-0" not in json.dumps(files.records())
    server.restart()
    cloudtrail, s3 = server.client("cloudtrail"), server.client("s3")
    wait_for("AccessDenied after a restart", lambda: status().get("LatestDeliveryError") == "AccessDenied")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=bucket_policy())
    wait_for("all five calls delivered", lambda: all(f'"refused-{n}"' in json.dumps(files.records()) for n in range(5)), 60)
    wait_for("a status without error", lambda: "LatestDeliveryError" not in status(), 30)
    identifiers = [record["eventID"] for record in files.records()]
    assert len(identifiers) == len(set(identifiers))
    checked = validate(server, now() - timedelta(minutes=5))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_two_trails_and_a_move_to_another_bucket(server):
    make_trail(server)
    make_trail(server, "narrow", bucket="other-logs", IsMultiRegionTrail=False, EnableLogFileValidation=True)
    cloudtrail = server.client("cloudtrail")
    cloudtrail.put_event_selectors(TrailName="narrow", EventSelectors=[
        {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}])
    make_bucket(server, "moved-logs", "deep/er/")
    wait_for_digests(server, 2)
    cloudtrail.update_trail(Name=TRAIL, S3BucketName="moved-logs", S3KeyPrefix="deep/er")
    server.client("iam").create_user(UserName="moved")
    server.client("sts").get_caller_identity()
    Delivered(server, "moved-logs", "deep/er/AWSLogs/").named("GetCallerIdentity")
    narrow = Delivered(server, "other-logs")
    narrow.find("CreateUser", lambda record: record["eventName"] == "CreateUser")
    assert {record["readOnly"] for record in narrow.records() if record["eventName"] != "PutEventSelectors"} <= {False} or all(
        record["eventName"] != "GetCallerIdentity" for record in narrow.records())
    found = lambda: [key for key in keys(server, "moved-logs", DIGEST_KEY, "") if DIGEST_KEY.fullmatch(key)["region"] == REGION]
    wait_for("digests in the new bucket", lambda: len(found()) >= 2)
    first = read_json(server, found()[0], "moved-logs")
    assert first["previousDigestS3Bucket"] == BUCKET, "the chain goes on over the move"
    checked = validate(server, now() - timedelta(minutes=5))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"s3://{BUCKET}/" in checked.stdout and "s3://moved-logs/deep/er/" in checked.stdout
