"""Trails and what they deliver."""

import gzip
import json
import re
import time
from datetime import datetime, timedelta, timezone

from server import ACCOUNT, REGION, wait_for

BUCKET = "audit-logs"
TRAIL = "audit"
LOG_KEY = re.compile(
    r"(?:(?P<prefix>.+)/)?AWSLogs/(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)/"
    r"(?P=account)_CloudTrail_(?P=region)_(?P=y)(?P=m)(?P=d)T\d{4}Z_[A-Za-z0-9]{16}\.json\.gz"
)
DIGEST_KEY = re.compile(
    r"(?:(?P<prefix>.+)/)?AWSLogs/(?P<account>\d{12})/CloudTrail-Digest/(?P<region>[a-z0-9-]+)/(?P<y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)/"
    r"(?P=account)_CloudTrail-Digest_(?P=region)_(?P<trail>[\w.-]+)_(?P<home>[a-z0-9-]+)_(?P<end>(?P=y)(?P=m)(?P=d)T\d{6}Z)\.json\.gz"
)


def trail_arn(name=TRAIL, region=REGION):
    return f"arn:aws:cloudtrail:{region}:{ACCOUNT}:trail/{name}"


def bucket_policy(bucket=BUCKET, prefix=""):
    """The policy that AWS's documentation gives for a trail's bucket."""
    service = {"Service": "cloudtrail.amazonaws.com"}
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "AWSCloudTrailAclCheck20150319", "Effect": "Allow", "Principal": service,
         "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        {"Sid": "AWSCloudTrailWrite20150319", "Effect": "Allow", "Principal": service,
         "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/{ACCOUNT}/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}]})


def make_bucket(server, bucket=BUCKET, prefix=""):
    s3 = server.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, prefix))
    return s3


def make_trail(server, name=TRAIL, bucket=BUCKET, start=True, data_bucket=None, region=REGION, **settings):
    """A bucket if it is not there, a trail with digests, and its selectors."""
    if bucket not in [b["Name"] for b in server.client("s3").list_buckets()["Buckets"]]:
        make_bucket(server, bucket)
    cloudtrail = server.client("cloudtrail", region)
    settings = {"IsMultiRegionTrail": True, "EnableLogFileValidation": True} | settings
    cloudtrail.create_trail(Name=name, S3BucketName=bucket, **settings)
    if data_bucket:
        cloudtrail.put_event_selectors(TrailName=name, AdvancedEventSelectors=[
            {"Name": "all management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
            {"Name": "data", "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                {"Field": "resources.ARN", "StartsWith": [f"arn:aws:s3:::{data_bucket}/"]}]}])
    if start:
        cloudtrail.start_logging(Name=name)
    return cloudtrail


def keys(server, bucket=BUCKET, pattern=LOG_KEY, prefix="AWSLogs/"):
    """Keys in the bucket that are log files (or digests), in order."""
    pages = server.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    every = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [key for key in every if pattern.fullmatch(key)]


def read_json(server, key, bucket=BUCKET):
    body = server.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return json.loads(gzip.decompress(body))


class Delivered:
    """The records in a bucket's log files. Files never change, so each is read once."""

    def __init__(self, server, bucket=BUCKET, prefix="AWSLogs/"):
        self.server, self.bucket, self.prefix = server, bucket, prefix
        self.files = {}

    def records(self):
        for key in keys(self.server, self.bucket, prefix=self.prefix):
            if key not in self.files:
                self.files[key] = read_json(self.server, key, self.bucket)["Records"]
        return [record for records in self.files.values() for record in records]

    def find(self, what, where, seconds=20):
        return wait_for(what, lambda: next((record for record in self.records() if where(record)), None), seconds)

    def named(self, name, seconds=20):
        return self.find(f"a delivered {name}", lambda record: record["eventName"] == name, seconds)


def now():
    return datetime.now(timezone.utc)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def wait_for_digests(server, count, bucket=BUCKET, region=REGION, with_files=False, seconds=40):
    """Until a region's chain has this many digests (that list log files)."""
    known = {}

    def enough():
        for key in keys(server, bucket, DIGEST_KEY):
            if DIGEST_KEY.fullmatch(key)["region"] == region and key not in known:
                known[key] = bool(read_json(server, key, bucket)["logFiles"]) if with_files else True
        return sum(known.values()) >= count and sorted(known)

    return wait_for(f"{count} digests in {region}", enough, seconds)


def validate(server, start=None, end=None, arn=None, region=REGION, verbose=True):
    """`aws cloudtrail validate-logs`, whatever it says. It looks only at the region of its `--region` option."""
    arguments = ["--region", region, "cloudtrail", "validate-logs", "--trail-arn", arn or trail_arn()]
    arguments += ["--start-time", stamp(start or now() - timedelta(hours=1))]
    if end:
        arguments += ["--end-time", stamp(end)]
    if verbose:
        arguments.append("--verbose")
    return server.run_aws(*arguments, region=region, timeout=120)


def settle(server, trail=TRAIL):
    """Stops logging: the trail delivers what it has and closes its chains. Waits until nothing more comes."""
    server.client("cloudtrail").stop_logging(Name=trail)
    last, since = None, time.monotonic()

    def quiet():
        nonlocal last, since
        now_there = keys(server, pattern=re.compile(".*"))
        if now_there != last:
            last, since = now_there, time.monotonic()
        return time.monotonic() - since > 2.5

    wait_for("the trail's last files", quiet, 60)
