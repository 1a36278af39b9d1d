"""The console's pages about integrity and files: a chain that is proved, and turns red when a file is changed."""

import gzip
import json
import time

from browser import PHONE
from server import run_binary, wait_for
from test_sts import allow, make_user
from trail import keys, make_trail, read_json, trail_arn, wait_for_digests

BUCKET, TRAIL = "proved-logs", "proved"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def prepared(server):
    """A trail that has delivered under several digests and has stopped."""
    if TRAIL in [trail["Name"] for trail in server.client("cloudtrail").describe_trails()["trailList"]]:
        return
    make_trail(server, TRAIL, BUCKET)
    for number in range(8):
        server.client("iam").create_user(UserName=f"someone-{number}")
        time.sleep(0.4)
    wait_for_digests(server, 2, BUCKET, with_files=True)
    settle_in(server)


def settle_in(server):
    server.client("cloudtrail").stop_logging(Name=TRAIL)
    seen = [None, time.monotonic()]

    def quiet():
        there = len(list(keys(server, BUCKET)))
        if there != seen[0]:
            seen[:] = [there, time.monotonic()]
        return time.monotonic() - seen[1] > 4

    wait_for("the trail's last files", quiet, 60)


def verify(window):
    """Presses the button and waits until the check is done."""
    page = window.go(f"integrity/trail?arn={trail_arn(TRAIL)}")
    with page.expect_navigation():
        page.get_by_role("button", name="Verify now").click()
    wait_for("the end of the check", lambda: (page.reload(), page.locator("[data-reload]").count() == 0)[1], 60)
    return page


def test_a_chain_is_proved_and_turns_red_after_tampering(shared, visit, tmp_path):
    prepared(shared)
    window = visit().sign_in_with_key()
    page = window.go("integrity")
    assert TRAIL in page.inner_text("main") and window.axe() == []
    page = verify(window)
    result = page.inner_text("#result")
    assert "proved" in page.inner_text("#result h2"), result
    assert page.locator("svg.hours .h-good").count() >= 1 and page.locator("svg.hours .h-bad").count() == 0
    assert "us-east-1" in result and "eu-west-1" in result and window.axe() == []

    # What is exported proves the same, without the server.
    with page.expect_download() as download:
        page.get_by_role("link", name="Public keys").click()
    download.value.save_as(tmp_path / "keys.json")
    with page.expect_download() as download:
        page.get_by_role("link", name="Proof bundle").click()
    download.value.save_as(tmp_path / "proof.tar")
    done = run_binary("verify", tmp_path / "proof.tar", "--public-keys", tmp_path / "keys.json", "--format", "json")
    report = json.loads(done.stdout)
    assert report["verdict"] == "valid" and done.returncode == 0, report["findings"]
    assert sum(chain["logFiles"]["valid"] for chain in report["chains"]) >= 2

    # Somebody leaves an event out of a log file.
    s3 = shared.client("s3")
    key = next(key for key in keys(shared, BUCKET) if len(read_json(shared, key, BUCKET)["Records"]) >= 1)
    before = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(json.dumps({"Records": []}).encode()))
    page = verify(window)
    assert "invalid" in page.inner_text("#result h2") and page.locator("svg.hours .h-bad").count() == 1
    assert "log-changed" in page.inner_text("ul.wrong") and key in page.inner_text("#result")
    assert window.axe() == [] and "invalid" in window.go("integrity").inner_text("main")
    # Put back, all is well; a digest that is gone is found too.
    s3.put_object(Bucket=BUCKET, Key=key, Body=before)
    assert "proved" in verify(window).inner_text("#result h2")


def test_a_check_reads_with_the_persons_own_rights(shared, visit):
    prepared(shared)
    reader = make_user(shared, "prover", allow(["cloudtrail:*"], "*"))
    window = visit(viewport=PHONE, has_touch=True).sign_in_with_key(reader)
    page = verify(window)
    assert "s3:ListBucket" in page.inner_text("#result [role=alert]"), page.inner_text("#result")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert window.page.goto(f"/console/integrity/bundle?arn={trail_arn(TRAIL)}").status == 403
    assert window.page.goto("/console/integrity/trail").status == 404


def test_files_are_browsed_opened_and_downloaded(shared, visit, tmp_path):
    prepared(shared)
    window = visit().sign_in_with_key()
    page = window.go("files")
    page.get_by_role("link", name=BUCKET).click()
    for folder in ("AWSLogs", "123456789012", "CloudTrail", "us-east-1"):
        page.get_by_role("link", name=f"{folder}/", exact=True).click()
    assert window.axe() == []
    key = max(keys(shared, BUCKET), key=lambda key: len(read_json(shared, key, BUCKET)["Records"]))
    records = read_json(shared, key, BUCKET)["Records"]
    page = window.go(f"files/open?bucket={BUCKET}&key={key}")
    assert page.locator("table.events tbody tr").count() == len(records) and records[0]["eventName"] in page.inner_text("table")
    page.locator("table.events a").first.click()
    assert records[0]["eventID"] in page.inner_text("#event .tree") and window.axe() == []
    page.get_by_role("link", name="As JSON").click()
    assert records[-1]["eventID"] in page.content()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == shared.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert download.value.suggested_filename == key.rsplit("/", 1)[1]


def test_hostile_files_are_inert(shared, visit):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="hostile-files")
    record = {"eventName": HOSTILE, "eventSource": HOSTILE, "userIdentity": {"userName": HOSTILE}, "sourceIPAddress": HOSTILE,
              "awsRegion": HOSTILE, "errorCode": HOSTILE, "eventTime": HOSTILE, "requestParameters": {HOSTILE: "\u202egpj"}}
    s3.put_object(Bucket="hostile-files", Key=f"a/{HOSTILE}/ \u202e?#&.json.gz", Metadata={"note": "<script>alert(3)</script>"},
                  Body=gzip.compress(json.dumps({"Records": [record, 7, None]}).encode()))
    s3.put_object(Bucket="hostile-files", Key="page.html", ContentType="text/html", Body=b"<script>alert(4)</script>")
    s3.put_object(Bucket="hostile-files", Key="bomb.json.gz", Body=gzip.compress(b" " * (70 << 20)))
    for number in range(250):
        s3.put_object(Bucket="hostile-files", Key=f"many/{number:03}", Body=b"")
    window = visit(viewport=PHONE, has_touch=True).sign_in_with_key()
    page = window.go("files/show?bucket=hostile-files&prefix=a/")
    assert "<script>" in page.inner_text("main")
    for _ in range(6):
        if page.locator("table.events").count() == 0:
            page.locator("main table a").first.click()
    assert page.locator("table.events tbody tr").count() == 3, page.url
    assert "onerror" in page.inner_text("table.events") and "\u202e" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for path in ("open?bucket=hostile-files&key=page.html", "open?bucket=hostile-files&key=bomb.json.gz"):
        assert "alert" not in window.complaints and window.go(f"files/{path}")
    page = window.go("files/show?bucket=hostile-files&prefix=many/")
    with page.expect_navigation():
        page.get_by_role("link", name="Next page").click()
    assert "50 files" in page.inner_text("main")
    assert window.page.goto("/console/files/show?bucket=there-is-none").status == 404
    assert window.page.goto("/console/files/open?bucket=hostile-files&key=none").status == 404
    answer = window.context.request.get("/console/files/download?bucket=hostile-files&key=page.html")
    assert answer.headers["content-type"] == "application/octet-stream" and "attachment" in answer.headers["content-disposition"]
