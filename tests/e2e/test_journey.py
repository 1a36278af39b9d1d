"""What the first user does, with the unmodified AWS CLI: a trail from nothing to checked files."""

import gzip
import json
import time
from datetime import timedelta

from server import ACCOUNT, REGION, wait_for
from trail import BUCKET, DIGEST_KEY, LOG_KEY, TRAIL, bucket_policy, keys, now, stamp, trail_arn, validate, wait_for_digests


def test_from_nothing_to_validated_files(server, tmp_path):
    started = now()
    policy = tmp_path / "policy.json"
    policy.write_text(bucket_policy())
    assert "make_bucket" in server.aws("s3", "mb", f"s3://{BUCKET}")
    server.aws("s3api", "put-bucket-policy", "--bucket", BUCKET, "--policy", f"file://{policy}")
    made = server.aws(
        "cloudtrail", "create-trail", "--name", TRAIL, "--s3-bucket-name", BUCKET,
        "--is-multi-region-trail", "--enable-log-file-validation",
    )
    assert made == {
        "Name": TRAIL, "S3BucketName": BUCKET, "IncludeGlobalServiceEvents": True, "IsMultiRegionTrail": True,
        "TrailARN": trail_arn(), "LogFileValidationEnabled": True, "IsOrganizationTrail": False,
    }
    assert server.client("cloudtrail").get_trail(Name=TRAIL)["Trail"]["RecursiveLogging"] is True, "newer than the CLI"
    before = server.aws("cloudtrail", "get-trail-status", "--name", TRAIL)
    assert before["IsLogging"] is False and "LatestDeliveryTime" not in before
    server.aws("cloudtrail", "start-logging", "--name", TRAIL)

    basic = [{"ReadWriteType": "All", "IncludeManagementEvents": True,
              "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::customer-data/"]}]}]
    put = server.aws("cloudtrail", "put-event-selectors", "--trail-name", TRAIL, "--event-selectors", json.dumps(basic))
    assert put["TrailARN"] == trail_arn() and put["EventSelectors"][0]["DataResources"] == basic[0]["DataResources"]
    advanced = [
        {"Name": "management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"Name": "puts", "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "eventName", "Equals": ["PutObject"]},
            {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::customer-data/"]}]}]
    server.aws("cloudtrail", "put-event-selectors", "--trail-name", TRAIL, "--advanced-event-selectors", json.dumps(advanced))
    got = server.aws("cloudtrail", "get-event-selectors", "--trail-name", TRAIL)
    assert [selector["Name"] for selector in got["AdvancedEventSelectors"]] == ["management", "puts"]
    assert "EventSelectors" not in got

    [described] = server.aws("cloudtrail", "describe-trails")["trailList"]
    assert described["HomeRegion"] == REGION and described["HasCustomEventSelectors"] is True
    assert described["TrailARN"] == trail_arn() and described["S3BucketName"] == BUCKET

    server.aws("s3", "mb", "s3://customer-data")
    (tmp_path / "invoice.json").write_text('{"invoice": 1}')
    server.aws("s3", "cp", "--quiet", tmp_path / "invoice.json", "s3://customer-data/invoices/1.json")
    server.aws("s3", "cp", "--quiet", "s3://customer-data/invoices/1.json", tmp_path / "back.json")
    assert (tmp_path / "back.json").read_text() == '{"invoice": 1}'
    identity = server.aws("sts", "get-caller-identity")
    assert identity["Account"] == ACCOUNT and identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    server.aws("iam", "create-user", "--user-name", "alice")
    server.aws("cloudtrail", "describe-trails", region="eu-west-1")

    check_files(server, tmp_path)
    status = server.aws("cloudtrail", "get-trail-status", "--name", TRAIL)
    assert status["IsLogging"] is True and "LatestDeliveryTime" in status and "LatestDigestDeliveryTime" in status
    assert "LatestDeliveryError" not in status and status["TimeLoggingStopped"] == ""

    wait_for_digests(server, 2, with_files=True)
    for region in (REGION, "eu-west-1"):
        checked = validate(server, started - timedelta(minutes=1), region=region)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "digest files valid" in checked.stdout and "INVALID" not in checked.stdout
        assert "log files valid" in checked.stdout, checked.stdout


def check_files(server, tmp_path):
    """Every delivered file, fetched with `aws s3 cp`, is what CloudTrail's consumers read."""
    seen = {}

    def fetch():
        for key in keys(server):
            if key not in seen:
                copy = tmp_path / key.rsplit("/", 1)[1]
                server.aws("s3", "cp", "--quiet", f"s3://{BUCKET}/{key}", copy)
                raw = copy.read_bytes()
                assert raw[:8] == bytes.fromhex("1f8b080000000000"), "gzip without name and time"
                seen[key] = gzip.decompress(raw)
        wanted = ('"CreateUser"', '"eventName":"DescribeTrails","awsRegion":"eu-west-1"', '"PutObject"')
        return all(any(name in text.decode() for text in seen.values()) for name in wanted)

    wait_for("the calls' records in delivered files", fetch, 30)
    events = []
    for key, text in seen.items():
        parsed = json.loads(text)
        assert list(parsed) == ["Records"] and parsed["Records"]
        place = LOG_KEY.fullmatch(key)
        for record in parsed["Records"]:
            assert record["recipientAccountId"] == ACCOUNT == place["account"]
            assert record["awsRegion"] == place["region"]
            assert record["eventVersion"].startswith("1.") and record["eventID"] and record["eventTime"].endswith("Z")
            assert "requestParameters" in record and "responseElements" in record
        events += [(record["eventName"], record["awsRegion"]) for record in parsed["Records"]]
    assert ("PutObject", REGION) in events and ("GetObject", REGION) not in events, "the selector takes puts only"
    assert ("DescribeTrails", "eu-west-1") in events
    head = server.client("s3").head_object(Bucket=BUCKET, Key=next(iter(seen)))
    assert head["ContentType"] == "application/json" and head["Metadata"] == {}

    digest_key = wait_for_digests(server, 1)[0]
    digest = server.client("s3").head_object(Bucket=BUCKET, Key=digest_key)
    assert digest["Metadata"]["signature-algorithm"] == "SHA256withRSA"
    assert set(digest["Metadata"]) == {"signature", "signature-algorithm"}
    assert len(digest["Metadata"]["signature"]) == 512 and digest["Metadata"]["signature"].islower()
    assert DIGEST_KEY.fullmatch(digest_key)["trail"] == TRAIL


def test_history_answers_by_each_attribute(server):
    user = server.client("iam")
    user.create_user(UserName="alice")
    key = user.create_access_key(UserName="alice")["AccessKey"]
    everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    user.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=everything)
    alice = (key["AccessKeyId"], key["SecretAccessKey"])
    server.client("sts", key=alice).get_caller_identity()
    server.client("s3", key=alice).create_bucket(Bucket="alices-bucket")
    record = server.recorded("GetCallerIdentity")
    made = server.recorded("CreateBucket")

    def look(name, value, *more):
        answer = server.aws(
            "cloudtrail", "lookup-events", "--lookup-attributes", f"AttributeKey={name},AttributeValue={value}", *more)
        return answer["Events"]

    [event] = look("EventId", record["eventID"])
    assert event["EventName"] == "GetCallerIdentity" and event["Username"] == "alice" and event["ReadOnly"] == "true"
    assert event["AccessKeyId"] == alice[0] and event["EventSource"] == "sts.amazonaws.com"
    assert json.loads(event["CloudTrailEvent"]) == record
    assert {e["EventName"] for e in look("EventName", "CreateBucket")} == {"CreateBucket"}
    assert {e["ReadOnly"] for e in look("ReadOnly", "false")} == {"false"}
    assert {e["EventName"] for e in look("Username", "alice")} == {"GetCallerIdentity", "CreateBucket"}
    [bucket] = look("ResourceName", "alices-bucket")
    assert bucket["EventId"] == made["eventID"]
    assert {"ResourceType": "AWS::S3::Bucket", "ResourceName": "alices-bucket"} in bucket["Resources"]
    assert made["eventID"] in {e["EventId"] for e in look("ResourceType", "AWS::S3::Bucket")}
    assert {e["EventSource"] for e in look("EventSource", "iam.amazonaws.com")} == {"iam.amazonaws.com"}
    assert {e["EventName"] for e in look("AccessKeyId", alice[0])} == {"GetCallerIdentity", "CreateBucket"}
    assert look("EventName", "NoSuchCall") == []
    assert look("EventName", "createbucket") == [], "values match exactly"


def test_history_pages_newest_first_and_within_times(server):
    sts = server.client("sts")
    for _ in range(3):
        sts.get_caller_identity()
    middle = now()
    time.sleep(1.1)
    for _ in range(60):
        sts.get_caller_identity()
    wait_for("all calls in the history", lambda: len(server.lookup("GetCallerIdentity")) == 63)
    cloudtrail = server.client("cloudtrail")
    request = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}], "MaxResults": 25}
    pages, token = [], {}
    while token is not None:
        page = cloudtrail.lookup_events(**request, **token)
        pages.append(page["Events"])
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    assert [len(page) for page in pages] == [25, 25, 13]
    events = [event for page in pages for event in page]
    assert len({event["EventId"] for event in events}) == 63
    times = [event["EventTime"] for event in events]
    assert times == sorted(times, reverse=True)
    assert len(cloudtrail.lookup_events(**request | {"MaxResults": 50})["Events"]) == 50

    def count(*arguments):
        return len(server.aws(
            "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=GetCallerIdentity",
            *arguments)["Events"])

    assert count() == 63 and count("--max-items", "7") == 7
    assert count("--end-time", stamp(middle)) == 3
    assert count("--start-time", stamp(middle + timedelta(seconds=1))) == 60
    assert count("--start-time", stamp(middle - timedelta(hours=2)), "--end-time", stamp(middle - timedelta(hours=1))) == 0
    assert server.lookup("GetCallerIdentity", region="eu-west-1") == []


def test_calls_are_searchable_within_a_second(server):
    sts = server.client("sts", user_agent_extra="md/timed#1")
    waits = []
    for number in range(5):
        request_id = sts.get_caller_identity()["ResponseMetadata"]["RequestId"]
        answered = time.monotonic()
        server.recorded("GetCallerIdentity", lambda record, wanted=request_id: record["requestID"] == wanted)
        waits.append(time.monotonic() - answered)
        time.sleep(0.1 * number)
    assert max(waits) < 1.5, f"searchable after {waits} s (1 s is promised; half a second for this test's own polling)"
    assert sorted(waits)[2] < 1.0, waits
