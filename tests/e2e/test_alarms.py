"""CloudWatch with boto3 and the AWS CLI: metrics, metric filters, alarms, and who is told."""

import gzip
import json
import time
from datetime import datetime, timedelta, timezone

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for


@pytest.fixture(scope="module")
def cloudwatch(shared):
    return shared.client("cloudwatch")


def now():
    return datetime.now(timezone.utc)


def points(cloudwatch, namespace, name, statistics=("Sum", "SampleCount"), period=60, **more):
    answer = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=name, StartTime=now() - timedelta(hours=1), EndTime=now() + timedelta(minutes=5),
        Period=period, Statistics=list(statistics), **more,
    )
    return answer["Datapoints"]


def total(cloudwatch, namespace, name, statistic="Sum", **more):
    return sum(point[statistic] for point in points(cloudwatch, namespace, name, (statistic,), **more))


def queue_for(server, name):
    """A topic with a queue that subscribes it; the topic's ARN and a function that gives the messages."""
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
              "Action": "sqs:SendMessage", "Resource": queue_arn}]}
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    held = []

    def received():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            held.append(json.loads(message["Body"]))
        return held

    return topic, received


def state(cloudwatch, name):
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] or \
        cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return alarm["StateValue"]


def test_metric_data_come_back_as_statistics(cloudwatch):
    at = now() - timedelta(minutes=3)
    cloudwatch.put_metric_data(Namespace="App", MetricData=[
        {"MetricName": "Latency", "Value": 2.5, "Unit": "Seconds", "Timestamp": at},
        {"MetricName": "Latency", "Values": [1.0, 4.0], "Counts": [3.0, 1.0], "Unit": "Seconds", "Timestamp": at},
        {"MetricName": "Latency", "Unit": "Seconds", "Timestamp": at,
         "StatisticValues": {"SampleCount": 2, "Sum": 10, "Minimum": 4, "Maximum": 6}},
        {"MetricName": "Latency", "Value": 9, "Dimensions": [{"Name": "Host", "Value": "a"}]},
    ])
    statistics = ["Sum", "SampleCount", "Minimum", "Maximum", "Average"]
    wait_for("the samples", lambda: total(cloudwatch, "App", "Latency", "SampleCount") == 7)
    [point] = points(cloudwatch, "App", "Latency", statistics)
    assert {name: point[name] for name in statistics} == {
        "Sum": 19.5, "SampleCount": 7.0, "Minimum": 1.0, "Maximum": 6.0, "Average": 19.5 / 7}
    assert point["Unit"] == "Seconds"
    assert point["Timestamp"] == at.replace(second=0, microsecond=0)
    listed = cloudwatch.list_metrics(Namespace="App", MetricName="Latency")["Metrics"]
    assert sorted(len(metric["Dimensions"]) for metric in listed) == [0, 1]
    [one] = cloudwatch.list_metrics(Dimensions=[{"Name": "Host", "Value": "a"}])["Metrics"]
    assert one == {"Namespace": "App", "MetricName": "Latency", "Dimensions": [{"Name": "Host", "Value": "a"}]}
    assert points(cloudwatch, "App", "Latency", Unit="Bytes") == []
    percentile = cloudwatch.get_metric_statistics(
        Namespace="App", MetricName="Latency", Dimensions=[{"Name": "Host", "Value": "a"}], StartTime=now() - timedelta(hours=1),
        EndTime=now() + timedelta(minutes=5), Period=3600, ExtendedStatistics=["p50", "p99.9"],
    )["Datapoints"]
    assert [point["ExtendedStatistics"] for point in percentile] == [{"p50": 9.0, "p99.9": 9.0}]


def test_metric_math_and_pages(cloudwatch):
    base = (now() - timedelta(minutes=30)).replace(second=0, microsecond=0)
    for n in range(10):
        cloudwatch.put_metric_data(Namespace="Math", MetricData=[
            {"MetricName": "errors", "Value": n, "Timestamp": base + timedelta(minutes=n)},
            {"MetricName": "requests", "Value": 10, "Timestamp": base + timedelta(minutes=n)},
        ])
    stat = lambda name: {"Metric": {"Namespace": "Math", "MetricName": name}, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "e", "MetricStat": stat("errors"), "ReturnData": False},
        {"Id": "r", "MetricStat": stat("requests"), "ReturnData": False},
        {"Id": "rate", "Expression": "100 * e / r", "Label": "percent"},
    ]
    ask = lambda **more: cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=base, EndTime=base + timedelta(minutes=15), ScanBy="TimestampAscending", **more)
    wait_for("all points", lambda: len(ask()["MetricDataResults"][0]["Values"]) == 10)
    [rate] = ask()["MetricDataResults"]
    assert (rate["Label"], rate["StatusCode"]) == ("percent", "Complete")
    assert rate["Values"] == [n * 10.0 for n in range(10)]
    assert rate["Timestamps"][0] == base
    values, token = [], None
    while True:
        page = ask(MaxDatapoints=4, **({"NextToken": token} if token else {}))
        values += [value for result in page["MetricDataResults"] for value in result["Values"]]
        token = page.get("NextToken")
        if not token:
            break
    assert values == rate["Values"]
    with pytest.raises(ClientError, match="Unknown id"):
        cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "x", "Expression": "y + 1"}], StartTime=base, EndTime=now())


BAD_DATA = [
    ({"MetricName": "m", "Value": float("nan")}, "InvalidParameterValue"),
    ({"MetricName": "m", "Value": 1e300}, "InvalidParameterValue"),
    ({"MetricName": "m", "Value": 1, "Values": [1]}, "InvalidParameterCombination"),
    ({"MetricName": "m", "Values": [1, 2], "Counts": [1]}, "InvalidParameterValue"),
    ({"MetricName": "m"}, "MissingParameter"),
    ({"MetricName": "m", "Value": 1, "Unit": "Bananas"}, "InvalidParameterValue"),
    ({"MetricName": "m", "Value": 1, "StorageResolution": 7}, "InvalidParameterValue"),
    ({"MetricName": "m", "Value": 1, "Timestamp": "2001-01-01T00:00:00Z"}, "InvalidParameterValue"),
]


@pytest.mark.parametrize(("datum", "code"), BAD_DATA)
def test_bad_metric_data_are_refused(cloudwatch, datum, code):
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(Namespace="Bad", MetricData=[datum])
    assert refused.value.response["Error"]["Code"] == code
    assert cloudwatch.list_metrics(Namespace="Bad")["Metrics"] == []


def signed(server, body, **headers):
    request = AWSRequest("POST", server.endpoint + headers.pop("path", "/"), data=body, headers=headers)
    SigV4Auth(Credentials(*server.root_key()), "monitoring", REGION).add_auth(request)
    prepared = request.prepare()
    pool = urllib3.PoolManager(retries=False)
    return pool.request("POST", prepared.url, body=prepared.body, headers=dict(prepared.headers))


def test_the_query_protocol(shared, cloudwatch):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    version = "Version=2010-08-01"
    put = signed(shared, f"Action=PutMetricData&{version}&Namespace=Query&MetricData.member.1.MetricName=m&MetricData.member.1.Value=4.5"
                 "&MetricData.member.1.Dimensions.member.1.Name=d&MetricData.member.1.Dimensions.member.1.Value=v", **form)
    assert put.status == 200, put.data
    assert b"<PutMetricDataResponse" in put.data and b"Result>" not in put.data
    dimension = [{"Name": "d", "Value": "v"}]
    wait_for("the sample", lambda: total(cloudwatch, "Query", "m", Dimensions=dimension) == 4.5)
    start, end = (now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"), now().strftime("%Y-%m-%dT%H:%M:59Z")
    got = signed(shared, f"Action=GetMetricStatistics&{version}&Namespace=Query&MetricName=m&Period=60&StartTime={start}&EndTime={end}"
                 "&Statistics.member.1=Sum&Dimensions.member.1.Name=d&Dimensions.member.1.Value=v", **form)
    assert b"<Sum>4.5</Sum>" in got.data and b"<Timestamp>20" in got.data and b"Z</Timestamp>" in got.data
    bad = signed(shared, f"Action=SetAlarmState&{version}&AlarmName=none&StateValue=OK&StateReason=x", **form)
    assert bad.status == 404 and b"<Code>ResourceNotFound</Code>" in bad.data


def test_the_cbor_protocol(shared, cloudwatch):
    import struct

    headers = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "Accept": "application/cbor"}
    path = "/service/GraniteServiceVersion20100801/operation/"
    text = lambda value: bytes([0x60 + len(value)]) + value.encode()
    stamp = b"\xc1\xfb" + struct.pack(">d", time.time())
    datum = b"\xbf" + text("MetricName") + text("m") + text("Value") + b"\xfb" + struct.pack(">d", 7.5) + text("Timestamp") + stamp + b"\xff"
    body = b"\xa2" + text("Namespace") + text("Cbor") + text("MetricData") + b"\x9f" + datum + b"\xff"
    put = signed(shared, body, path=path + "PutMetricData", **headers)
    assert (put.status, put.data, put.headers["smithy-protocol"]) == (200, b"", "rpc-v2-cbor"), put.data
    wait_for("the sample", lambda: total(cloudwatch, "Cbor", "m") == 7.5)
    listed = signed(shared, b"\xa1" + text("Namespace") + text("Cbor"), path=path + "ListMetrics", **headers)
    assert listed.headers["content-type"] == "application/cbor" and text("MetricName") + text("m") in listed.data
    broken = signed(shared, b"\xa1\x61", path=path + "ListMetrics", **headers)
    assert broken.status == 400 and broken.headers["x-amzn-query-error"].endswith(";Sender")
    name = b"\xa3" + text("AlarmName") + text("none") + text("StateValue") + text("OK") + text("StateReason") + text("x")
    missing = signed(shared, name, path=path + "SetAlarmState", **headers)
    assert missing.status == 404 and b"#ResourceNotFound" in missing.data
    assert missing.headers["x-amzn-query-error"] == "ResourceNotFound;Sender"


def test_compressed_bodies(shared, cloudwatch):
    data = [{"MetricName": "m", "Value": 1, "Dimensions": [{"Name": "Some dimension", "Value": "of some length"}]} for _ in range(900)]
    before = len(json.dumps(data))
    assert before > 10 * 1024, "boto3 compresses from there on"
    cloudwatch.put_metric_data(Namespace="Packed", MetricData=data)
    wait_for("the samples", lambda: total(cloudwatch, "Packed", "m", Dimensions=data[0]["Dimensions"]) == 900)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
               "Content-Encoding": "gzip"}
    bomb = signed(shared, gzip.compress(b"{" + b" " * 50_000_000 + b"}"), **headers)
    assert bomb.status == 413
    torn = signed(shared, gzip.compress(b"{}")[:-4], **headers)
    assert torn.status == 400


def filter_group(server, name, **transformation):
    logs = server.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    whole = {"metricName": name, "metricNamespace": "Filters", "metricValue": "1"} | transformation
    logs.put_metric_filter(
        logGroupName=name, filterName="f", filterPattern='{ $.eventName = "Console*" }', metricTransformations=[whole])

    def put(*events, minutes_ago=0):
        at = int(time.time() * 1000) - minutes_ago * 60_000
        logs.put_log_events(logGroupName=name, logStreamName="s",
                            logEvents=[{"timestamp": at, "message": json.dumps(event)} for event in events])

    return put


def test_filters_count_what_matches(shared, cloudwatch):
    put = filter_group(shared, "counted")
    put({"eventName": "ConsoleLogin"}, {"eventName": "Other"}, {"eventName": "ConsoleLogout"}, minutes_ago=7)
    put({"eventName": "ConsoleLogin"})
    wait_for("three matches", lambda: total(cloudwatch, "Filters", "counted") == 3)
    assert sorted(point["Sum"] for point in points(cloudwatch, "Filters", "counted")) == [1.0, 2.0]


def test_filters_take_values_dimensions_and_defaults(shared, cloudwatch):
    put = filter_group(shared, "valued", metricValue="$.bytes", unit="Bytes", dimensions={"Region": "$.awsRegion"})
    put({"eventName": "ConsoleLogin", "bytes": 100, "awsRegion": "eu"}, {"eventName": "ConsoleLogin", "bytes": "7", "awsRegion": "us"},
        {"eventName": "ConsoleLogin", "bytes": 5}, {"eventName": "ConsoleLogin", "awsRegion": "eu"})
    of = lambda region: total(cloudwatch, "Filters", "valued", Dimensions=[{"Name": "Region", "Value": region}], Unit="Bytes")
    wait_for("both regions", lambda: (of("eu"), of("us")) == (100, 7))
    assert total(cloudwatch, "Filters", "valued") == 0
    put = filter_group(shared, "defaulted", defaultValue=0.5)
    put({"eventName": "Other"}, {"eventName": "Another"}, minutes_ago=4)
    put({"eventName": "Other"}, {"eventName": "ConsoleLogin"}, minutes_ago=6)
    samples = lambda: sorted(point["Sum"] for point in points(cloudwatch, "Filters", "defaulted"))
    wait_for("a default and a match", lambda: samples() == [0.5, 1.0])


@pytest.mark.timeout(300)
def test_from_log_event_to_message(server):
    """Filter, metric, alarm, topic, queue, and back. Filters make samples of whole minutes, so that takes two."""
    cloudwatch = server.client("cloudwatch")
    topic, received = queue_for(server, "alarms")
    put = filter_group(server, "watched", defaultValue=0)
    cloudwatch.put_metric_alarm(
        AlarmName="console", AlarmDescription="somebody signs in", Namespace="Filters", MetricName="watched", Statistic="Sum",
        Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic], OKActions=[topic], InsufficientDataActions=[topic], TreatMissingData="notBreaching",
        Tags=[{"Key": "team", "Value": "audit"}],
    )
    wait_for("OK, as nothing is missing", lambda: state(cloudwatch, "console") == "OK")
    put({"eventName": "ConsoleLogin"}, minutes_ago=0)
    alarmed = lambda: [message for message in received() if message["Subject"].startswith("ALARM")]
    wait_for("the alarm's message", alarmed, seconds=90)
    [envelope] = alarmed()
    assert envelope["Subject"] == 'ALARM: "console" in US East (N. Virginia)'
    message = json.loads(envelope["Message"])
    assert (message["NewStateValue"], message["OldStateValue"], message["Region"]) == ("ALARM", "OK", "US East (N. Virginia)")
    assert message["NewStateReason"].startswith("Threshold Crossed: 1 datapoint [1.0 (")
    assert message["AlarmArn"] == f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:console"
    assert message["Trigger"] == {
        "MetricName": "watched", "Namespace": "Filters", "StatisticType": "Statistic", "Statistic": "SUM", "Unit": None,
        "Dimensions": [], "Period": 60, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1.0, "TreatMissingData": "notBreaching", "EvaluateLowSampleCountPercentile": ""}
    again = lambda: put({"eventName": "Other"}) or state(cloudwatch, "console") == "OK"
    wait_for("OK again, by minutes with other events", again, seconds=150)
    history = cloudwatch.describe_alarm_history(AlarmName="console", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        'Alarm "console" created',
        "Alarm updated from INSUFFICIENT_DATA to OK", f"Successfully executed action {topic}",
        "Alarm updated from OK to ALARM", f"Successfully executed action {topic}",
        "Alarm updated from ALARM to OK", f"Successfully executed action {topic}",
    ]
    [alarm] = cloudwatch.describe_alarms()["MetricAlarms"]
    data = json.loads(alarm["StateReasonData"])
    assert (data["statistic"], data["period"], data["threshold"]) == ("Sum", 60, 1.0)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "audit"}]


def put_alarm(cloudwatch, name, **more):
    settings = {"Namespace": "N", "MetricName": name, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore"} | more
    cloudwatch.put_metric_alarm(AlarmName=name, **settings)


def test_setting_states_and_actions(shared, cloudwatch):
    topic, received = queue_for(shared, "set-states")
    put_alarm(cloudwatch, "set", AlarmActions=[topic])
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="a drill", StateReasonData='{"a": 1}')
    wait_for("a message", lambda: len(received()) == 1)
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="again")
    cloudwatch.disable_alarm_actions(AlarmNames=["set", "unknown"])
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="OK", StateReason="over")
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="silent")
    assert state(cloudwatch, "set") == "ALARM"
    cloudwatch.enable_alarm_actions(AlarmNames=["set"])
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="OK", StateReason="over")
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="loud")
    wait_for("another message", lambda: len(received()) == 2)
    assert [json.loads(message["Message"])["NewStateReason"] for message in received()] == ["a drill", "loud"]
    for bad, code in [
        ({"AlarmName": "none", "StateValue": "OK", "StateReason": "x"}, "ResourceNotFound"),
        ({"AlarmName": "set", "StateValue": "PURPLE", "StateReason": "x"}, "ValidationError"),
        ({"AlarmName": "set", "StateValue": "OK", "StateReason": "x", "StateReasonData": "{"}, "InvalidFormat"),
    ]:
        with pytest.raises(ClientError) as refused:
            cloudwatch.set_alarm_state(**bad)
        assert refused.value.response["Error"]["Code"] == code
    cloudwatch.delete_alarms(AlarmNames=["set"])
    with pytest.raises(ClientError) as refused:
        cloudwatch.delete_alarms(AlarmNames=["set"])
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_topic_that_does_not_let_alarms_publish(shared, cloudwatch):
    sns = shared.client("sns")
    topic = sns.create_topic(Name="closed")["TopicArn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
              "Action": "sns:Publish", "Resource": topic}]}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    put_alarm(cloudwatch, "refused", AlarmActions=[topic, f"arn:aws:sns:{REGION}:{ACCOUNT}:absent"])
    cloudwatch.set_alarm_state(AlarmName="refused", StateValue="ALARM", StateReason="x")
    assert state(cloudwatch, "refused") == "ALARM"
    items = cloudwatch.describe_alarm_history(AlarmName="refused", HistoryItemType="Action")["AlarmHistoryItems"]
    assert {json.loads(item["HistoryData"])["actionState"] for item in items} == {"Failed"} and len(items) == 2


def test_composite_alarms(shared, cloudwatch):
    topic, received = queue_for(shared, "composite")
    for name in ("first child", "second"):
        put_alarm(cloudwatch, name)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="x")
    cloudwatch.put_composite_alarm(
        AlarmName="both", AlarmRule='ALARM("first child") AND (ALARM(second) OR INSUFFICIENT_DATA(second))', AlarmActions=[topic])
    wait_for("evaluated", lambda: state(cloudwatch, "both") == "OK")
    cloudwatch.set_alarm_state(AlarmName="first child", StateValue="ALARM", StateReason="x")
    cloudwatch.set_alarm_state(AlarmName="second", StateValue="ALARM", StateReason="x")
    wait_for("the message", received)
    message = json.loads(received()[0]["Message"])
    assert message["AlarmRule"].startswith("ALARM(") and message["TriggeringChildren"][0]["State"]["Value"] == "ALARM"
    assert "transitioned to ALARM at" in message["NewStateReason"]
    assert cloudwatch.describe_alarms()["CompositeAlarms"] == []
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="both")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in children] == ["first child", "second"]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="second")["CompositeAlarms"]
    assert [alarm["AlarmName"] for alarm in parents] == ["both"]
    for rule in ("ALARM(", "ALARM(absent)", "ALARM(both)"):
        with pytest.raises(ClientError) as refused:
            cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule=rule)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="composite alarms depending on it"):
        cloudwatch.delete_alarms(AlarmNames=["second"])
    cloudwatch.delete_alarms(AlarmNames=["both", "second"])


def test_suppressed_actions(shared, cloudwatch):
    topic, received = queue_for(shared, "suppressed")
    for name in ("cause", "maintenance"):
        put_alarm(cloudwatch, name)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="x")
    cloudwatch.put_composite_alarm(
        AlarmName="quiet", AlarmRule="ALARM(cause)", AlarmActions=[topic], ActionsSuppressor="maintenance",
        ActionsSuppressorWaitPeriod=0, ActionsSuppressorExtensionPeriod=2)
    wait_for("evaluated", lambda: state(cloudwatch, "quiet") == "OK")
    cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="ALARM", StateReason="x")
    cloudwatch.set_alarm_state(AlarmName="cause", StateValue="ALARM", StateReason="x")
    shown = lambda: cloudwatch.describe_alarms(AlarmNames=["quiet"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    wait_for("suppressed", lambda: shown().get("ActionsSuppressedBy") == "Alarm")
    assert received() == []
    cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="OK", StateReason="x")
    wait_for("extended", lambda: shown().get("ActionsSuppressedBy") == "ExtensionPeriod")
    wait_for("the message, late", received)
    assert "ActionsSuppressedBy" not in shown()


BAD_ALARMS = [
    {"Period": 61}, {"EvaluationPeriods": 2000}, {"Statistic": "Median"}, {"ComparisonOperator": "Above"},
    {"TreatMissingData": "perhaps"}, {"DatapointsToAlarm": 2}, {"AlarmActions": ["arn:aws:lambda:us-east-1:123456789012:function:f"]},
    {"AlarmActions": ["nothing"]}, {"AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:t"]}, {"ExtendedStatistic": "p99"},
    {"Unit": "Bananas"}, {"ThresholdMetricId": "x"}, {"Dimensions": [{"Name": "a", "Value": "b"}] * 31},
    {"Metrics": [{"Id": "a", "Expression": "1 +"}]},
]


@pytest.mark.parametrize("settings", BAD_ALARMS)
def test_bad_alarms_are_refused(cloudwatch, settings):
    with pytest.raises(ClientError) as refused:
        put_alarm(cloudwatch, "bad", **settings)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert cloudwatch.describe_alarms(AlarmNames=["bad"])["MetricAlarms"] == []


def test_the_command_line(shared):
    shared.aws("cloudwatch", "put-metric-data", "--namespace", "Cli", "--metric-name", "m", "--value", "3")
    shared.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "cli", "--namespace", "Cli", "--metric-name", "m", "--statistic", "Sum",
               "--period", "300", "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanThreshold")
    [alarm] = shared.aws("cloudwatch", "describe-alarms", "--alarm-names", "cli")["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["Threshold"], alarm["Dimensions"]) == ("cli", 1.0, [])
    [same] = shared.aws("cloudwatch", "describe-alarms-for-metric", "--namespace", "Cli", "--metric-name", "m")["MetricAlarms"]
    assert same["AlarmArn"] == alarm["AlarmArn"]
    shared.aws("cloudwatch", "set-alarm-state", "--alarm-name", "cli", "--state-value", "ALARM", "--state-reason", "drill")
    failed = shared.run_aws("cloudwatch", "set-alarm-state", "--alarm-name", "no", "--state-value", "OK", "--state-reason", "x")
    assert failed.returncode != 0 and "(ResourceNotFound)" in failed.stderr
    missing = shared.run_aws("cloudwatch", "list-dashboards")
    assert missing.returncode != 0 and "InvalidAction" in missing.stderr
    record = shared.recorded("PutMetricAlarm", lambda record: record["requestParameters"].get("alarmName") == "cli")
    assert record["eventSource"] == "monitoring.amazonaws.com"


def test_nothing_is_lost_or_counted_twice(server):
    """Killed again and again under load."""
    import threading

    put = filter_group(server, "crash")
    answered, running = {"data": 0, "events": 0}, threading.Event()
    running.set()

    def load():
        while running.is_set():
            try:
                cloudwatch = server.client("cloudwatch", read_timeout=5, connect_timeout=1)
                logs = server.client("logs", read_timeout=5, connect_timeout=1)
                while running.is_set():
                    unique = f"n{answered['data']}"
                    cloudwatch.put_metric_data(Namespace="Crash", MetricData=[
                        {"MetricName": "m", "Value": 1, "Dimensions": [{"Name": "n", "Value": unique}]}])
                    answered["data"] += 1
                    at = int(time.time() * 1000)
                    logs.put_log_events(logGroupName="crash", logStreamName="s", logEvents=[
                        {"timestamp": at, "message": json.dumps({"eventName": "ConsoleLogin"})}] * 3)
                    answered["events"] += 3
            except Exception:  # The server is dead.
                answered["data"] += 1
                time.sleep(0.05)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    for _ in range(5):
        wanted = answered["events"] + 12
        wait_for("some load", lambda: answered["events"] >= wanted)
        server.kill()
        server.start()
    running.clear()
    thread.join(timeout=30)
    cloudwatch = server.client("cloudwatch")
    stored = sum(len(page["events"]) for page in
                 server.client("logs").get_paginator("filter_log_events").paginate(logGroupName="crash"))
    assert stored >= answered["events"] > 0
    wait_for("every stored event", lambda: total(cloudwatch, "Filters", "crash") == stored)
    metrics = [metric for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace="Crash") for metric in page["Metrics"]]
    assert len(metrics) > 10
    counts = [total(cloudwatch, "Crash", "m", "SampleCount", Dimensions=metric["Dimensions"]) for metric in metrics]
    assert set(counts) == {1.0}
