#!/usr/bin/env python3
"""Makes the pictures of the console in docs/images/console anew, from a fresh server with something going on.

    cargo build && target/venv/bin/python tests/console/screenshots.py [NAME…]

Needs what the end-to-end tests need, chromium among it.
"""

import gzip
import json
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from browser import PHONE, Visit, launched  # noqa: E402
from server import ACCOUNT, Server  # noqa: E402
from test_import import event, indexed, run_import, write  # noqa: E402

IMAGES = ROOT / "docs/images/console"
MAX_BYTES = 150_000
SIZE = {"width": 1240, "height": 780}

PEOPLE = [("alice", 30), ("bob", 18), ("deploy", 40), ("backup", 12)]
CALLS = [
    ("ec2.amazonaws.com", "DescribeInstances", True, 30), ("ec2.amazonaws.com", "RunInstances", False, 5),
    ("s3.amazonaws.com", "GetBucketPolicy", True, 12), ("s3.amazonaws.com", "PutBucketPolicy", False, 3),
    ("iam.amazonaws.com", "ListUsers", True, 8), ("iam.amazonaws.com", "CreateAccessKey", False, 2),
    ("kms.amazonaws.com", "Decrypt", True, 25), ("sts.amazonaws.com", "AssumeRole", True, 15),
    ("lambda.amazonaws.com", "UpdateFunctionCode", False, 4),
]


def activity(count):
    """Records of a day and of the weeks before, the same every time."""
    chance = random.Random(7)
    records = []
    for number in range(count):
        # Two days in three are of the last day, busier by day than by night.
        minutes = int(abs(chance.gauss(500, 330))) % 1_430 if number % 3 else chance.randrange(1_500, 40_000)
        source, name, read, _ = chance.choices(CALLS, [call[3] for call in CALLS])[0]
        person = chance.choices([p for p, _ in PEOPLE], [weight for _, weight in PEOPLE])[0]
        record = event(
            number, minutes_ago=minutes, eventSource=source, eventName=name, readOnly=read,
            sourceIPAddress=f"198.51.100.{PEOPLE.index(next(p for p in PEOPLE if p[0] == person)) + 10}", userAgent="aws-cli/2.31.0",
            userIdentity={"type": "IAMUser", "userName": person, "arn": f"arn:aws:iam::{ACCOUNT}:user/{person}",
                          "accountId": ACCOUNT, "accessKeyId": f"AKIAEXAMPLE{person.upper():0<9}"},
            requestParameters={"name": f"{name.lower()}-{number % 9}"}, responseElements=None, requestID=f"req-{number}")
        if chance.random() < 0.06:
            record |= {"errorCode": chance.choice(["AccessDenied", "AccessDenied", "NoSuchEntity", "ThrottlingException"]),
                       "errorMessage": f"User: arn:aws:iam::{ACCOUNT}:user/{person} is not authorized to perform: {name}"}
        records.append(record)
    for number in range(6):
        records.append(event(
            70_000 + number, minutes_ago=40 + number, eventSource="guardduty.amazonaws.com", eventName="DeleteDetector", readOnly=False,
            sourceIPAddress="203.0.113.77", errorCode="AccessDenied", userAgent="python-requests/2.32",
            userIdentity={"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/x", "principalId": "AROACI:x",
                          "accessKeyId": "ASIAEXAMPLECI0000000", "accountId": ACCOUNT}))
    return records


def prepare(server, home):
    write(home / "logs/activity.json.gz", activity(4_000))
    run_import(server, home, home / "logs")
    server.aws("s3", "mb", "s3://audit-logs")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::audit-logs"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::audit-logs/*"}]}
    server.aws("s3api", "put-bucket-policy", "--bucket", "audit-logs", "--policy", json.dumps(policy))
    server.aws("cloudtrail", "create-trail", "--name", "organisation", "--s3-bucket-name", "audit-logs", "--is-multi-region-trail",
               "--enable-log-file-validation")
    server.aws("cloudtrail", "start-logging", "--name", "organisation")
    indexed(server)


def event_panel(page):
    page.locator("table.events tbody tr", has_text="DeleteDetector").first.locator("a").click()
    page.wait_for_selector("#detail h1")


def loaded(page):
    page.wait_for_selector("[data-load], [aria-busy]", state="detached")


def tampered(page):
    """The check after somebody emptied a log file."""
    server = page.opentrail_server
    s3 = server.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="audit-logs", Prefix=f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/")
    key = [item["Key"] for found in pages for item in found["Contents"]][0]
    s3.put_object(Bucket="audit-logs", Key=key, Body=gzip.compress(b'{"Records": []}'))
    with page.expect_navigation():
        page.get_by_role("button", name="Verify now").click()
    page.wait_for_selector("svg.hours .h-bad", timeout=60_000)


# Name, page, what else is done before the picture is taken, how the window is.
PICTURES = [
    ("sign-in", None, None, {}),
    ("dashboard", "", loaded, {}),
    ("dashboard-dark", "", loaded, {"color_scheme": "dark"}),
    ("history", "history?q=readOnly%3Afalse&period=24h", None, {}),
    ("history-event", "history?q=event%3ADelete*&period=24h", event_panel, {"viewport": {"width": 1100, "height": 700}}),
    ("trails", "trails", None, {}),
    ("trails-create", "trails/create", None, {}),
    ("integrity", f"integrity/trail?arn=arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/organisation", tampered, {}),
    ("files", "files/show?bucket=audit-logs&prefix=AWSLogs/", None, {}),
    ("history-phone", "history?q=error%3AAccessDenied&period=7d", None, {"viewport": PHONE}),
]


def main(wanted):
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, launched() as browser:
        home = Path(directory)
        server = Server(home / "data").start()
        try:
            prepare(server, home)
            for name, path, act, options in PICTURES:
                if wanted and name not in wanted:
                    continue
                visit = Visit(browser, server, **({"viewport": SIZE} | options))
                if path is None:
                    visit.page.goto("/console/sign-in")
                else:
                    visit.sign_in_with_key().go(path)
                if act:
                    visit.page.opentrail_server = server
                    act(visit.page)
                visit.page.wait_for_timeout(100)
                file = IMAGES / f"{name}.png"
                visit.page.screenshot(path=file)
                visit.close()
                size = file.stat().st_size
                print(f"{file.relative_to(ROOT)}: {size // 1000} kB")
                assert size < MAX_BYTES, "too large for the repository"
        finally:
            server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
