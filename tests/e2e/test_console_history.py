"""Event history in a real browser: search, completion, brush, detail, download, live, the people behind events, hostile records."""

import csv
import io
import json
import re
from urllib.parse import quote

import pytest

from browser import PHONE
from server import ACCOUNT, REGION
from test_import import event, indexed, run_import, write
from test_search import chain
from test_sts import allow, make_user

# What callers control: markup, scripts, attributes, styles, templates, text that runs backwards, terminals' sequences.
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</title></style></textarea></pre><script>alert(1)</script>",
    "{{ 7 * 7 }} {% if true %} ${7*7}",
    "\u202egnp.exe\u202c \u0000 \u001b[31m red",
    "data:\n\nevent: row\ndata: <script>alert(1)</script>",
    "\" autofocus onfocus=alert(1) x=\"",
]


def hostile(number, text):
    """A record that says it everywhere."""
    return event(9_000 + number, minutes_ago=30) | {
        "eventName": f"Evil{text}", "userAgent": text, "sourceIPAddress": text, "errorCode": text, "errorMessage": text,
        "userIdentity": {"type": "IAMUser", "userName": text, "arn": text, "accessKeyId": text, "principalId": text},
        "requestParameters": {text: text, "bucketName": text, "nested": {text: [text]}},
        "responseElements": {"x": text}, "resources": [{"ARN": text, "type": text}], "eventSource": text,
        "sharedEventID": text, "requestID": text,
    }


@pytest.fixture(scope="module")
def loaded(shared, tmp_path_factory):
    """130 events, some of them errors; hostile ones; a session with its origin."""
    home = tmp_path_factory.mktemp("logs")
    events = [event(n, minutes_ago=10 + 10 * n, sourceIPAddress=f"198.51.100.{n % 5}") for n in range(130)]
    for n in range(0, 130, 10):
        events[n] |= {"errorCode": "AccessDenied", "errorMessage": "not you"}
    for n in range(3):
        events[n] |= {"eventName": ["DeleteTrail", "UpdateTrail", "CreateTrail"][n], "readOnly": False,
                      "requestParameters": {"name": "arn:aws:cloudtrail:us-east-1:123456789012:trail/timeline"}}
        events[n].pop("errorCode", None)
        events[n].pop("errorMessage", None)
    write(home / "events.json.gz", events)
    write(home / "hostile.json.gz", [hostile(n, text) for n, text in enumerate(HOSTILE)])
    write(home / "chain.json.gz", chain())
    run_import(shared, home, home)
    indexed(shared)
    return shared


@pytest.fixture
def window(loaded, visit):
    return visit().sign_in_with_key()


def rows(page):
    return page.locator("table.events tbody tr")


def test_searching(window):
    page = window.go("history")
    assert rows(page).count() == 50
    page.fill("#q", "source:ec2 event:RunInstances")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q="))
    assert rows(page).count() == 50 and "127 events" in page.inner_text(".chart-words")
    # Pages go on where they ended, whatever arrives, and together show everything once.
    ids = []
    while True:
        ids += [row.get_attribute("data-event") for row in rows(page).all()]
        further = page.locator("a[rel=next]")
        if not further.count():
            break
        with page.expect_navigation():
            further.click()
    assert len(ids) == len(set(ids)) == 127


def test_errors_point_at_their_place(window):
    page = window.go("history?q=user:alice+AND+AND+x")
    assert page.inner_text("#unclear mark") == "AND"
    assert page.get_attribute("#q", "aria-invalid") == "true"
    assert window.axe() == []
    for odd in ("%28%28%28", "%22", "a:", "%F0%9F%98%80(", "x" * 9_000):
        window.go(f"history?q={odd}")


def test_quick_filters_become_part_of_the_query(window):
    page = window.go("history")
    for attribute, value, query in [("EventName", "RunInstances", "event:RunInstances"), ("Username", "user 1", 'user:"user 1"')]:
        page.select_option("#attribute", attribute)
        page.fill("#value", value)
        with page.expect_navigation():
            page.click("text=Search")
        assert query in page.input_value("#q")


def test_names_and_values_are_completed(window):
    page = window.go("history")
    page.click("#q")
    page.keyboard.type("eventN")
    page.wait_for_selector("#offered li")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value("#q") == "eventName:"
    page.wait_for_selector("#offered li:has-text('RunInstances')")
    page.keyboard.type("RunI")
    page.wait_for_selector("#offered li:nth-child(2)", state="detached")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.input_value("#q") == "eventName:RunInstances "
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("RunInstances"))


def test_the_histogram_is_brushed(window):
    page = window.go("history?q=source%3Aec2&period=24h")
    box = page.locator("[data-brush] svg").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, y, steps=4)
    with page.expect_navigation():
        page.mouse.up()
    assert page.input_value("#period") == "given" and page.input_value("#from") < page.input_value("#to")
    found = int(re.match(r"\d+", page.inner_text(".chart-words"))[0])
    assert 10 < found < 60, found
    # The same by the table, without a mouse.
    page.click("text=As a table")
    with page.expect_navigation():
        page.locator(".quiet-details a").first.click()
    assert rows(page).count() >= 1


def test_an_event_beside_the_list_and_on_its_own_page(window):
    page = window.go("history?q=event:DeleteTrail+source:ec2")
    link = rows(page).first.locator("a")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail h1")
    assert "DeleteTrail" in page.inner_text("#detail h1")
    assert page.evaluate("document.activeElement.id") == "detail"
    assert window.axe() == []
    page.keyboard.press("Escape")
    assert page.is_hidden("#detail") and page.evaluate("document.activeElement.tagName") == "A"
    window.go(link.get_attribute("href").removeprefix("/console/"))
    assert '"eventName": "DeleteTrail"' in page.inner_text(".tree").replace("\n", " ") or "DeleteTrail" in page.inner_text(".tree")
    page.wait_for_selector("text=IAM user")
    assert window.axe() == []
    page.click("text=Fold all")
    assert page.locator(".tree details[open]").count() == 0
    window.go("history/event/no-such-event", status=404)


def test_related_events_and_the_timeline_of_a_resource(window):
    page = window.go("history?q=event:UpdateTrail+source:ec2")
    window.go(rows(page).first.locator("a").get_attribute("href").removeprefix("/console/"))
    with page.expect_navigation():
        page.click("a:text-is('Timeline')")
    assert [badge.inner_text() for badge in page.locator(".timeline .badge").all()] == ["Deleted", "Changed", "Created"]
    assert window.axe() == []
    page.go_back()
    with page.expect_navigation():
        page.click("text=From the same address")
    assert rows(page).count() >= 20


def test_the_person_behind_a_session(window):
    deleted = next(record for record in chain() if record["eventName"] == "DeleteBucket")
    page = window.go(f"history/event/{deleted['eventID']}?period=all")
    page.wait_for_selector(".chain li")
    assert "alice" in page.inner_text("[class=panel]:has(.chain)") and page.locator(".chain li").count() == 2
    window.go(f"history/event/{deleted['eventID']}/who")
    assert "alice" in page.inner_text("main") and window.axe() == []


def download(page, kind):
    page.click("text=Download")
    with page.expect_download() as saved:
        page.click(f".menu-box a:has-text('{kind}')")
    page.keyboard.press("Escape")
    return saved.value.suggested_filename, saved.value.path().read_text()


def test_whole_results_are_downloaded(window):
    page = window.go("history?q=source:ec2+event:RunInstances&col=event&col=requestParameters.x")
    name, text = download(page, "CSV")
    table = list(csv.reader(io.StringIO(text)))
    assert name.endswith(".csv") and len(table) == 128, "the whole result, not a page of it"
    assert table[0] == ["eventTime", "eventName", "requestParameters.x", "eventID"]
    name, text = download(page, "NDJSON")
    assert name.endswith(".ndjson") and len([json.loads(line) for line in text.splitlines()]) == 127
    page.click("text=Download")
    with page.expect_download() as saved:
        page.locator(".menu:has(summary:text-is(\"Download\")) .menu-box a").first.click()
    assert len(json.loads(saved.value.path().read_text())) == 127


def test_live_events_arrive_by_themselves(loaded, window):
    page = window.go("history?q=event:CreateBucket&period=1h")
    page.click("[data-live]")
    page.wait_for_selector("#live-words:has-text('appear at the top')")
    loaded.client("s3").create_bucket(Bucket="live-one")
    page.wait_for_selector("tr.live-new:has-text('live-one')")
    page.locator("tr.live-new a").first.click()
    page.wait_for_selector("#detail h1:has-text('CreateBucket')")
    page.keyboard.press("Escape")
    page.click("[data-live]")
    assert "off" in page.inner_text("#live-words")


def test_columns_are_chosen(window):
    page = window.go("history")
    page.click("summary:has-text('Columns')")
    page.check("text=User agent")
    page.uncheck("text=Source address")
    page.fill("#more-columns", "userIdentity.type")
    with page.expect_navigation():
        page.click(".columns button")
    heads = [head.inner_text() for head in page.locator("table.events th").all()]
    assert "User agent" in heads and "Source address" not in heads and "userIdentity.type" in heads


def test_hostile_records_are_shown_and_do_nothing(loaded, window):
    columns = "&".join(f"col={name}" for name in (
        "event", "service", "who", "resources", "ip", "error", "key", "userAgent", "requestID", "requestParameters", "responseElements"))
    page = window.go(f"history?q=id:00000000-0000-4000-8000-000000009*&{columns}")
    assert rows(page).count() == len(HOSTILE)
    assert page.locator("main script, main img, main svg:not(.chart), main [onerror], main [onload], main [onfocus]").count() == 0
    assert "<script>alert(1)</script>" in page.inner_text("table.events")
    assert "\\u202e" in page.inner_text("table.events") and "\u202e" not in page.content()
    assert "49" not in page.inner_text("table.events td:has-text('{{ 7')")
    for row in range(len(HOSTILE)):
        rows(page).nth(row).locator("a").click()
        page.wait_for_selector(f"tr[aria-selected=true] >> nth=0")
        page.wait_for_selector("#detail .tree")
        page.wait_for_selector("#detail [data-load]", state="detached")
        assert page.locator("#detail script, #detail img, #detail [onerror], #detail [onload]").count() == 0
        for link in page.locator("#detail a").all():
            assert link.get_attribute("href").startswith("/console/"), link.get_attribute("href")
    for text in HOSTILE:
        page.goto("/console/history?" + "&".join(f"{name}={quote(text)}" for name in ("q", "col", "from", "next")))
        assert page.locator("main script, main img, main [onerror], main [onfocus]").count() == 0
        page.goto("/console/history/resource?name=" + quote(text))
        assert page.locator("main script, main img, main [onerror]").count() == 0
    # visit() fails the test for any dialog, script error or refused script.


def test_a_large_record_does_not_make_a_large_page(loaded, window, tmp_path):
    large = event(8_000, minutes_ago=5, requestParameters={f"parameter{n}": "<&>" * 40 for n in range(1_500)})
    write(tmp_path / "large/a.json.gz", [large])
    run_import(loaded, tmp_path, tmp_path / "large")
    indexed(loaded)
    window.go(f"history/event/{large['eventID']}")
    assert "too large" in window.page.inner_text("main")


def test_what_someone_may_not_do_is_named(loaded, visit):
    key = make_user(loaded, "reader", allow(["opentrail:Search"], f"arn:aws:opentrail:{REGION}:{ACCOUNT}:history"))
    window = visit().sign_in_with_key(key)
    page = window.go("history")
    assert rows(page).count() == 50 and page.locator("[data-brush]").count() == 0, "without opentrail:Histogram there is a list"
    nobody = make_user(loaded, "nobody")
    other = visit().sign_in_with_key(nobody)
    page = other.go("history", status=403)
    words = page.inner_text(".refusal")
    assert "opentrail:Search" in words and f"arn:aws:opentrail:{REGION}:{ACCOUNT}:history" in words and "user/nobody" in words
    assert other.axe() == []
    page = other.go("")
    assert "opentrail:Histogram" in page.inner_text(".refusal >> nth=0")
    denied = loaded.recorded("Search", lambda r: r.get("errorCode") == "AccessDenied")
    assert denied["userIdentity"]["userName"] == "nobody" and denied["sessionCredentialFromConsole"] == "true"


def test_without_script_everything_can_be_reached(loaded, visit):
    window = visit(java_script_enabled=False).sign_in_with_key()
    page = window.go("history?q=source:ec2")
    page.fill("#q", "event:DeleteTrail")
    with page.expect_navigation():
        page.click("text=Search")
    with page.expect_navigation():
        rows(page).first.locator("a").click()
    with page.expect_navigation():
        page.click("text=Follow the credentials")
    assert "IAM user" in page.inner_text("main")


def test_the_history_on_a_phone(loaded, visit):
    window = visit(viewport=PHONE, has_touch=True).sign_in_with_key()
    page = window.go("history")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    rows(page).first.locator("a").tap()
    page.wait_for_selector("#detail h1")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
