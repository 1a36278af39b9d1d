"""CloudWatch Logs with boto3 and the AWS CLI: groups, streams, events, filters."""

import json
import time

import pytest
from botocore.exceptions import ClientError


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture(scope="module")
def logs(shared):
    return shared.client("logs")


def put(logs, group, stream, messages):
    events = [{"timestamp": now_ms(), "message": message} for message in messages]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def group_with_stream(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def test_events_come_back_in_order_over_all_pages(logs):
    group = group_with_stream(logs, "pages")
    for call in range(5):
        put(logs, group, "s", [f"{call} {n}" for n in range(300)])
    seen, token = [], None
    while True:
        more = {"nextToken": token} if token else {}
        page = logs.get_log_events(
            logGroupName=group, logStreamName="s", startFromHead=True, limit=400, **more
        )
        if page["nextForwardToken"] == token:
            break
        seen += [event["message"] for event in page["events"]]
        token = page["nextForwardToken"]
    assert sorted(seen) == sorted(f"{call} {n}" for call in range(5) for n in range(300))
    assert len(seen) == 1500
    last = logs.get_log_events(logGroupName=group, logStreamName="s", limit=2)
    assert [event["message"] for event in last["events"]] == seen[-2:]


def test_filtering_finds_what_the_pattern_says(logs):
    group = group_with_stream(logs, "filtered")
    logs.create_log_stream(logGroupName=group, logStreamName="t")
    put(logs, group, "s", [json.dumps({"eventName": "ConsoleLogin", "n": n}) for n in range(50)])
    put(logs, group, "t", ["plain ERROR text", json.dumps({"eventName": "StopLogging"})])
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern='{ $.eventName = "Console*" && $.n >= 45 }'
    )
    assert sum(len(page["events"]) for page in pages) == 5
    found = logs.filter_log_events(logGroupName=group, filterPattern="ERROR -debug")
    assert [event["logStreamName"] for event in found["events"]] == ["t"]
    with pytest.raises(ClientError) as refused:
        logs.filter_log_events(logGroupName=group, filterPattern="{ $.a == 1 }")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_writer_learns_what_was_rejected_and_who_is_missing(logs):
    group = group_with_stream(logs, "rejected")
    events = [{"timestamp": now_ms(), "message": "now"}, {"timestamp": now_ms() + 3 * 3600_000, "message": "tomorrow"}]
    answer = logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="The specified log stream does not exist."):
        put(logs, group, "absent", ["x"])
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="The specified log group does not exist."):
        put(logs, "absent", "s", ["x"])
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)


def test_metric_filters_are_kept_and_tried(logs):
    group = group_with_stream(logs, "metrics")
    pattern = '{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }'
    transformation = {"metricName": "Failures", "metricNamespace": "Tests", "metricValue": "1", "defaultValue": 0}
    logs.put_metric_filter(
        logGroupName=group, filterName="f", filterPattern=pattern, metricTransformations=[transformation]
    )
    kept = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert [entry["filterPattern"] for entry in kept] == [pattern]
    tried = logs.test_metric_filter(
        filterPattern=pattern,
        logEventMessages=[
            json.dumps({"eventName": "ConsoleLogin"}),
            json.dumps({"eventName": "ConsoleLogin", "errorMessage": "Failed authentication"}),
        ],
    )
    assert [match["eventNumber"] for match in tried["matches"]] == [2]


def test_acknowledged_events_survive_a_kill(make_server):
    server = make_server().start()
    logs = server.client("logs")
    group = group_with_stream(logs, "kept")
    for call in range(20):
        put(logs, group, "s", [f"{call}"] * 10)
    server.kill()
    server.start()
    logs = server.client("logs")
    found = logs.filter_log_events(logGroupName=group)["events"]
    assert sorted(event["message"] for event in found) == sorted(f"{call}" for call in range(20) for _ in range(10))


def test_the_command_line_reads_a_group(shared, logs):
    group = group_with_stream(logs, "cli")
    put(logs, group, "s", ["hello from the command line"])
    text = shared.aws("logs", "filter-log-events", "--log-group-name", group, "--query", "events[].message", "--output", "text")
    assert text.strip() == "hello from the command line"
    text = shared.aws("logs", "describe-log-groups", "--log-group-name-prefix", "cli", "--query", "logGroups[].logGroupArn", "--output", "text")
    assert text.strip().endswith(":log-group:cli")
