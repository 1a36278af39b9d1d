"""Event rules through boto3 and the AWS CLI: calls, sign-ins, objects and people's own events reach targets."""

import base64
import http.server
import json
import threading

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, Server, wait_for

ROLE_TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def arn(service, name, region=REGION):
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


def lets_events_in(action, resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": resource,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/*"}}}]})


def make_queue(server, name, region=REGION):
    url = server.client("sqs", region).create_queue(
        QueueName=name, Attributes={"Policy": lets_events_in("sqs:SendMessage", arn("sqs", name, region))})["QueueUrl"]
    return url, arn("sqs", name, region)


def receive(server, url, count=1, region=REGION, seconds=10):
    """That many messages, each deleted."""
    sqs, got = server.client("sqs", region), []

    def more():
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        got.extend(messages)
        return len(got) >= count

    wait_for(f"{count} messages", more, seconds)
    assert len(got) == count
    return got


def bodies(messages):
    return [json.loads(message["Body"]) for message in messages]


def rule(events, name, pattern, *targets, **more):
    made = events.put_rule(Name=name, EventPattern=json.dumps(pattern), **more)["RuleArn"]
    bus = {key: value for key, value in more.items() if key == "EventBusName"}
    put = events.put_targets(Rule=name, Targets=list(targets), **bus)
    assert put["FailedEntryCount"] == 0
    return made


@pytest.fixture(scope="module")
def reachable(tmp_path_factory):
    """A server whose webhooks may be on this machine."""
    server = Server(tmp_path_factory.mktemp("events") / "data", OPENTRAIL_SNS__WEBHOOKS="loopback").start()
    yield server
    try:
        server.stop()
    finally:
        server.close()


class Hook:
    """An API that events are posted to."""

    def __init__(self, *statuses):
        self.statuses, self.calls = list(statuses), []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.calls.append((self.path, self.headers, body.decode()))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook():
    made = []

    def make(*statuses):
        made.append(Hook(*statuses))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_call_reaches_a_queue_a_topic_and_a_log_group(shared):
    events = shared.client("events")
    url, queue = make_queue(shared, "calls")
    topic = shared.client("sns").create_topic(Name="calls")["TopicArn"]
    shared.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=lets_events_in("sns:Publish", topic))
    told, told_arn = make_queue(shared, "told")
    shared.client("sqs").set_queue_attributes(QueueUrl=told, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
                                                "Action": "sqs:SendMessage", "Resource": told_arn}]})})
    shared.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=told_arn)
    logs = shared.client("logs")
    logs.create_log_group(logGroupName="/aws/events/calls")
    allow_logs(logs)
    pattern = {"source": ["aws.iam"], "detail-type": ["AWS API Call via CloudTrail"],
               "detail": {"eventSource": ["iam.amazonaws.com"], "eventName": ["CreateUser", {"prefix": "DeleteU"}]}}
    rule(events, "users", pattern, {"Id": "q", "Arn": queue}, {"Id": "t", "Arn": topic},
         {"Id": "l", "Arn": arn("logs", "log-group:/aws/events/calls")})
    shared.client("iam").create_user(UserName="mallory")
    (event,) = bodies(receive(shared, url))
    assert (event["detail-type"], event["source"], event["region"]) == ("AWS API Call via CloudTrail", "aws.iam", "us-east-1")
    assert event["detail"]["requestParameters"] == {"userName": "mallory"}
    assert (event["account"], event["resources"], event["version"]) == (ACCOUNT, [], "0")
    assert event["time"] == event["detail"]["eventTime"]
    (notification,) = bodies(receive(shared, told))
    assert json.loads(notification["Message"])["detail"] == event["detail"]
    lines = wait_for("a line", lambda: logs.filter_log_events(logGroupName="/aws/events/calls")["events"])
    assert json.loads(lines[0]["message"])["detail"] == event["detail"]
    # What reads reaches nobody who did not ask for it; other names nobody at all.
    shared.client("iam").list_users()
    shared.client("iam").create_group(GroupName="g")
    shared.client("iam").delete_user(UserName="mallory")
    (event,) = bodies(receive(shared, url))
    assert event["detail"]["eventName"] == "DeleteUser"


def allow_logs(logs):
    """Lets EventBridge write into log groups, where policies of log groups are supported."""
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/*:*"}]}
    try:
        logs.put_resource_policy(policyName="events", policyDocument=json.dumps(policy))
    except ClientError as error:
        assert "not supported by OpenTrail yet" in str(error)


def test_the_command_line_makes_lists_and_removes_rules(shared):
    url, queue = make_queue(shared, "cli")
    pattern = '{"source": ["aws.cloudtrail"], "detail": {"eventName": ["StopLogging", "DeleteTrail"]}}'
    made = shared.aws("events", "put-rule", "--name", "trails", "--event-pattern", pattern, "--tags", "Key=team,Value=audit")
    assert made == {"RuleArn": arn("events", "rule/trails")}
    transformer = {"InputPathsMap": {"who": "$.detail.userIdentity.arn", "what": "$.detail.eventName"},
                   "InputTemplate": '"<who> called <what>"'}
    targets = json.dumps([{"Id": "1", "Arn": queue, "InputTransformer": transformer}])
    assert shared.aws("events", "put-targets", "--rule", "trails", "--targets", targets)["FailedEntryCount"] == 0
    described = shared.aws("events", "describe-rule", "--name", "trails")
    assert (described["EventPattern"], described["State"], described["EventBusName"]) == (pattern, "ENABLED", "default")
    listed = shared.aws("events", "list-targets-by-rule", "--rule", "trails")["Targets"]
    assert listed == [{"Id": "1", "Arn": queue, "InputTransformer": transformer}]
    assert "trails" in [one["Name"] for one in shared.aws("events", "list-rules", "--name-prefix", "tr")["Rules"]]
    assert shared.aws("events", "list-rule-names-by-target", "--target-arn", queue)["RuleNames"] == ["trails"]
    tags = shared.aws("events", "list-tags-for-resource", "--resource-arn", arn("events", "rule/trails"))
    assert tags["Tags"] == [{"Key": "team", "Value": "audit"}]
    # A trail that is not there cannot be stopped: the call is refused, recorded, and matched all the same.
    assert shared.run_aws("cloudtrail", "stop-logging", "--name", "none").returncode != 0
    (message,) = receive(shared, url)
    assert message["Body"] == f'"arn:aws:iam::{ACCOUNT}:root called StopLogging"'
    shared.aws("events", "disable-rule", "--name", "trails")
    assert shared.aws("events", "describe-rule", "--name", "trails")["State"] == "DISABLED"
    refused = shared.run_aws("events", "delete-rule", "--name", "trails")
    assert refused.returncode == 255 and "Rule can't be deleted since it has targets." in refused.stderr
    shared.aws("events", "remove-targets", "--rule", "trails", "--ids", "1")
    shared.aws("events", "delete-rule", "--name", "trails")
    gone = shared.run_aws("events", "describe-rule", "--name", "trails")
    assert "(ResourceNotFoundException)" in gone.stderr and "Rule trails does not exist on EventBus default." in gone.stderr
    for pattern, reason in (("{}", "InvalidEventPatternException"), ('{"a": "b"}', "must be an object or an array"),
                            ("nonsense", "InvalidEventPatternException")):
        bad = shared.run_aws("events", "put-rule", "--name", "bad", "--event-pattern", pattern)
        assert bad.returncode == 255 and reason in bad.stderr
    schedule = shared.run_aws("events", "put-rule", "--name", "bad", "--schedule-expression", "rate(5 minutes)")
    assert "not supported by OpenTrail" in schedule.stderr


def test_own_events_go_over_own_buses(shared):
    events = shared.client("events")
    url, queue = make_queue(shared, "orders")
    bus = events.create_event_bus(Name="orders")["EventBusArn"]
    rule(events, "paid", {"detail": {"state": ["paid"], "sum": [{"numeric": [">=", 10]}]}},
         {"Id": "q", "Arn": queue, "InputPath": "$.detail"}, EventBusName="orders")
    rule(events, "forward", {"source": ["shop"], "detail-type": ["Order"]}, {"Id": "b", "Arn": bus})
    detail = lambda **members: json.dumps(members)
    put = events.put_events(Entries=[
        {"Source": "shop", "DetailType": "Order", "Detail": detail(state="paid", sum=9)},
        {"Source": "shop", "DetailType": "Order", "Detail": detail(state="paid", sum=10, by="forward")},
        {"Source": "till", "DetailType": "Order", "Detail": detail(state="paid", sum=11), "EventBusName": bus},
        {"Source": "till", "DetailType": "Order", "Detail": "no JSON", "EventBusName": "orders"},
        {"Source": "aws.till", "DetailType": "Order", "Detail": "{}", "EventBusName": "orders"},
    ])
    assert put["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in put["Entries"]] == [None] * 3 + ["MalformedDetail", "NotAuthorizedForSourceException"]
    got = bodies(receive(shared, url, 2))
    assert sorted(one["sum"] for one in got) == [10, 11]
    test = events.test_event_pattern(EventPattern='{"source": [{"wildcard": "sh*p"}]}', Event=json.dumps(
        {"id": "1", "account": ACCOUNT, "source": "shop", "time": "2026-11-21T10:00:00Z", "region": REGION, "resources": [],
         "detail-type": "Order", "detail": {}}))
    assert test["Result"] is True
    with pytest.raises(ClientError, match="has rules"):
        events.delete_event_bus(Name="orders")
    events.remove_targets(Rule="paid", EventBusName="orders", Ids=["q"])
    events.delete_rule(Name="paid", EventBusName="orders")
    events.delete_event_bus(Name="orders")
    names = [one["Name"] for one in events.list_event_buses()["EventBuses"]]
    assert "default" in names and "orders" not in names


def test_a_sign_in_and_an_object_are_events(shared):
    events = shared.client("events")
    url, queue = make_queue(shared, "objects")
    rule(events, "objects", {"source": ["aws.s3"], "detail-type": ["Object Created", "Object Deleted"],
                             "detail": {"bucket": {"name": ["watched"]}}}, {"Id": "q", "Arn": queue})
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="watched")
    s3.put_bucket_notification_configuration(
        Bucket="watched", NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="watched")
    s3.put_object(Bucket="watched", Key="a b.txt", Body=b"hello")
    (event,) = bodies(receive(shared, url))
    assert (event["detail-type"], event["resources"]) == ("Object Created", ["arn:aws:s3:::watched"])
    assert event["detail"]["object"]["key"] == "a b.txt" and event["detail"]["object"]["size"] == 5
    assert event["detail"]["reason"] == "PutObject"
    s3.delete_object(Bucket="watched", Key="a b.txt")
    (event,) = bodies(receive(shared, url))
    assert (event["detail-type"], event["detail"]["deletion-type"]) == ("Object Deleted", "Permanently Deleted")


def test_data_events_reach_rules_if_a_trail_takes_them(server):
    events = server.client("events")
    url, queue = make_queue(server, "data")
    rule(events, "puts", {"source": ["aws.s3"], "detail": {"eventName": ["PutObject"]}}, {"Id": "q", "Arn": queue})
    s3 = server.client("s3")
    for name in ("logs", "data"):
        s3.create_bucket(Bucket=name)
    s3.put_object(Bucket="data", Key="before", Body=b"")
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl",
         "Resource": "arn:aws:s3:::logs"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::logs/AWSLogs/{ACCOUNT}/*"}]}))
    trail = server.client("cloudtrail")
    trail.create_trail(Name="audit", S3BucketName="logs")
    trail.put_event_selectors(TrailName="audit", EventSelectors=[{"ReadWriteType": "All", "DataResources": [
        {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::data/"]}]}])
    trail.start_logging(Name="audit")
    s3.put_object(Bucket="data", Key="after", Body=b"")
    (event,) = bodies(receive(server, url))
    assert event["detail"]["requestParameters"]["key"] == "after"
    assert event["detail"]["eventCategory"] == "Data"


def api_role(server, name="caller"):
    iam = server.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ROLE_TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}]}))
    return role


def test_api_destinations_are_called_retried_and_given_up(reachable, hook):
    events = reachable.client("events")
    role = api_role(reachable)
    connection = events.create_connection(
        Name="c", AuthorizationType="BASIC", AuthParameters={
            "BasicAuthParameters": {"Username": "me", "Password": "pass-w0rd"},
            "InvocationHttpParameters": {"HeaderParameters": [{"Key": "X-Team", "Value": "audit", "IsValueSecret": False}],
                                         "BodyParameters": [{"Key": "added", "Value": "yes", "IsValueSecret": False}]}})
    api = hook(500)
    destination = events.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=api.url + "/*/in", HttpMethod="POST")
    dead, dead_arn = make_queue(reachable, "dead")
    target = {"Id": "api", "Arn": destination["ApiDestinationArn"], "RoleArn": role,
              "InputTransformer": {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"n": <n>}'},
              "HttpParameters": {"PathParameterValues": ["v1"], "HeaderParameters": {"X-Kind": "event"},
                                 "QueryStringParameters": {"q": "1"}},
              "DeadLetterConfig": {"Arn": dead_arn}, "RetryPolicy": {"MaximumRetryAttempts": 1}}
    with pytest.raises(ClientError, match="RoleArn is required"):
        events.put_rule(Name="api", EventPattern='{"source": ["app"]}')
        events.put_targets(Rule="api", Targets=[{key: value for key, value in target.items() if key != "RoleArn"}])
    rule_arn = rule(events, "api", {"source": ["app"]}, target)
    events.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": '{"n": 7}'}])
    wait_for("two calls", lambda: len(api.calls) >= 2)
    for path, headers, body in api.calls:
        assert (path, json.loads(body)) == ("/v1/in?q=1", {"n": 7, "added": "yes"})
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"me:pass-w0rd").decode()
        assert (headers["X-Team"], headers["X-Kind"]) == ("audit", "event")
    api.statuses = [500, 503]
    events.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": '{"n": 8}'}])
    (letter,) = receive(reachable, dead)
    attributes = {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()}
    assert json.loads(letter["Body"]) == {"n": 8}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule_arn, destination["ApiDestinationArn"])
    assert (attributes["ERROR_MESSAGE"], attributes["EXHAUSTED_RETRY_CONDITION"]) == ("status 503", "MaximumRetryAttempts")
    assert attributes["RETRY_ATTEMPTS"] == "1"
    described = events.describe_connection(Name="c")
    assert described["AuthParameters"]["BasicAuthParameters"] == {"Username": "me"}
    assert "pass-w0rd" not in json.dumps(reachable.recorded("CreateConnection"))


def test_nothing_is_lost_or_doubled_when_the_server_is_killed(make_server):
    server = make_server().start()
    url, queue = make_queue(server, "q")
    rule(server.client("events"), "r", {"source": ["app"]}, {"Id": "q", "Arn": queue, "InputPath": "$.detail.n"})
    sent = 0
    for _ in range(3):
        events = server.client("events")
        for _ in range(10):
            entries = [{"Source": "app", "DetailType": "t", "Detail": json.dumps({"n": sent + i})} for i in range(10)]
            assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
            sent += 10
        server.kill()
        server.start()
    url = server.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
    got = sorted(int(message["Body"]) for message in receive(server, url, sent, seconds=30))
    assert got == list(range(sent))
