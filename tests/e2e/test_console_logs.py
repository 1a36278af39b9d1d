"""The console's pages about log groups, metrics, alarms and rules."""

import time

import pytest

from browser import PHONE
from server import wait_for
from test_sts import allow, make_user

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
GROUP = "/app/web"


@pytest.fixture(scope="module")
def group(shared):
    logs = shared.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    logs.create_log_stream(logGroupName=GROUP, logStreamName="two")
    now = int(time.time() * 1000)
    messages = [f"INFO request {number} took 12 ms" for number in range(60)] + [
        '{"eventName": "ConsoleLogin", "errorCode": "AccessDenied", "n": {"deep": [1, 2]}}', f"ERROR {HOSTILE}", "ERROR \u202etxt.exe"]
    events = [{"timestamp": now - 60_000 + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)
    logs.put_log_events(logGroupName=GROUP, logStreamName="two", logEvents=[{"timestamp": now, "message": "WARN from two"}])
    logs.put_metric_filter(logGroupName=GROUP, filterName="errors", filterPattern="ERROR",
                           metricTransformations=[{"metricName": "Errors", "metricNamespace": "Web", "metricValue": "1"}])
    return shared


def test_groups_streams_and_events_are_browsed(group, visit):
    window = visit().sign_in_with_key()
    page = window.go("logs?pattern=web")
    page.get_by_role("link", name=GROUP).click()
    assert "errors" in page.inner_text("main") and "Web / Errors" in page.inner_text("main") and window.axe() == []
    page.get_by_role("link", name="one", exact=True).click()
    rows = page.locator("table.events > tbody > tr")
    assert rows.count() == 50 and "txt.exe" in rows.first.inner_text() and window.axe() == []
    with page.expect_navigation():
        page.get_by_role("link", name="Next page").click()
    assert rows.count() == 13 and "request 0 took" in rows.last.inner_text()
    page = window.go(f"logs/events?name={GROUP}")
    assert "WARN from two" in rows.first.inner_text()
    # Following brings what is new.
    page.get_by_role("link", name="Follow").click()
    group.client("logs").put_log_events(logGroupName=GROUP, logStreamName="two",
                                        logEvents=[{"timestamp": int(time.time() * 1000), "message": "just now"}])
    page.get_by_text("just now").first.wait_for(timeout=15_000)


def test_patterns_find_and_are_tested_on_real_events(group, visit):
    window = visit().sign_in_with_key()
    page = window.go(f"logs/events?name={GROUP}&stream=one")
    rows = page.locator("table.events > tbody > tr")
    page.fill("[name=pattern]", '{ $.errorCode = "Access*" }')
    page.keyboard.press("Enter")
    page.wait_for_url("**pattern=**")
    assert rows.count() == 1 and "ConsoleLogin" in rows.first.inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="Test on these events").click()
    assert rows.count() == 50 and "takes 1 of these 50" in page.inner_text("main [role=status]") and window.axe() == []
    page.fill("[name=pattern]", "[level = ERROR, rest]")
    with page.expect_navigation():
        page.get_by_role("button", name="Test on these events").click()
    assert "takes 1 of these 50" in page.inner_text("main [role=status]") or "takes 2 of these 50" in page.inner_text("main [role=status]")
    assert "$level = ERROR" in page.inner_text("table.events")
    page.fill("[name=pattern]", "{ $.x = ")
    with page.expect_navigation():
        page.get_by_role("button", name="Find").click()
    assert "InvalidParameterException" in page.inner_text("main [role=alert]")


def test_what_callers_wrote_is_inert_and_fits_a_phone(group, visit):
    window = visit(viewport=PHONE, has_touch=True).sign_in_with_key()
    for path in ("logs", f"logs/group?name={GROUP}", f"logs/events?name={GROUP}&pattern=ERROR"):
        page = window.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    text = page.inner_text("table.events")
    assert "onerror=alert(2)" in text and "\\u202e" in text
    assert window.page.goto("/console/logs/group?name=there-is-none").status == 400
    assert window.page.goto("/console/logs/group").status == 404
    reader = make_user(group, "log-reader", allow(["logs:DescribeLogGroups"], "*"))
    window = visit().sign_in_with_key(reader)
    page = window.go(f"logs/group?name={GROUP}", status=403)
    assert "logs:DescribeLogStreams" in page.inner_text("main")


def test_metrics_and_alarms_are_drawn(group, visit):
    window = visit().sign_in_with_key()
    if window.page.goto("/console/alarms").status == 404:
        pytest.skip("this server has no CloudWatch")
    monitoring = group.client("cloudwatch")
    monitoring.put_metric_data(Namespace="Web", MetricData=[
        {"MetricName": "Requests", "Value": 5, "Dimensions": [{"Name": "page", "Value": HOSTILE}]}])
    monitoring.put_metric_alarm(AlarmName=HOSTILE, Namespace="Web", MetricName="Requests", Statistic="Sum", Period=60,
                                EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                                Dimensions=[{"Name": "page", "Value": HOSTILE}])
    monitoring.set_alarm_state(AlarmName=HOSTILE, StateValue="ALARM", StateReason=HOSTILE)
    page = window.go("alarms")
    assert "In alarm" in page.inner_text("main") and window.axe() == []
    page.get_by_role("link", name="onerror").first.click()
    assert page.locator("svg.chart").count() == 1 and "StateUpdate" in page.inner_text("main") and window.axe() == []
    wait_for("the metric", lambda: window.go("alarms").get_by_role("link", name="Requests").count(), 20)
    page.get_by_role("link", name="Requests").first.click()
    assert page.locator("#graph svg.chart").count() == 1 and HOSTILE in page.inner_text("main") and window.axe() == []


def test_rules_are_shown(group, visit):
    window = visit().sign_in_with_key()
    if window.page.goto("/console/rules").status == 404:
        pytest.skip("this server has no EventBridge")
    events = group.client("events")
    events.put_rule(Name="sign-ins", EventPattern='{"detail": {"eventName": ["ConsoleLogin"]}}', Description=HOSTILE)
    page = window.go("rules")
    assert "onerror" in page.inner_text("main") and window.axe() == []
    page.get_by_role("link", name="sign-ins").click()
    assert "ConsoleLogin" in page.inner_text("main") and window.axe() == []
