"""Log groups that pass on what they get: subscription filters, destinations, resource policies, live tail, export."""

import base64
import gzip
import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, SCRIPTS, wait_for
from test_accounts import OTHER, create_account


class Service(ThreadingHTTPServer):
    """As much of Kinesis as a subscription needs, and any other web address."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.messages, self.heads, self.down = [], [], False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def data(self):
        return [message for message in self.messages if message["messageType"] == "DATA_MESSAGE"]

    def texts(self):
        return [event["message"] for message in self.data() for event in message["logEvents"]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.down:
            self.send_response(503)
            self.end_headers()
            return
        self.server.heads.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        answer = b"{}"
        if "X-Amz-Target" in self.headers:
            packed = [base64.b64decode(record["Data"]) for record in json.loads(body)["Records"]]
            answer = json.dumps({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"} for _ in packed]}).encode()
        else:
            packed = [body]
        self.server.messages += [json.loads(gzip.decompress(one)) for one in packed]
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    service = Service()
    yield service
    service.shutdown()


@pytest.fixture
def server(make_server, service):
    return make_server(
        OPENTRAIL_SNS__WEBHOOKS="loopback", OPENTRAIL_LOGS__KINESIS__ENDPOINT=service.url,
        OPENTRAIL_LOGS__KINESIS__ACCESS_KEY_ID="AKIAKINESIS", OPENTRAIL_LOGS__KINESIS__SECRET_ACCESS_KEY="secret",
    ).start()


KINESIS = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/CWLtoKinesis"


def make_group(server, name="app", key=None):
    logs = server.client("logs", key=key)
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return logs


def put(logs, *messages, group="app"):
    events = [{"timestamp": int(time.time() * 1000), "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def make_role(server):
    iam = server.client("iam")
    iam.create_role(RoleName="CWLtoKinesis", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole",
         "Condition": {"StringLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}}}]}))
    iam.put_role_policy(RoleName="CWLtoKinesis", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": KINESIS}]}))


def refused(call, code, text="", **arguments):
    with pytest.raises(ClientError) as told:
        call(**arguments)
    error = told.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


def test_a_stream_gets_what_matches_also_after_outage_and_kill(server, service):
    logs = make_group(server)
    make_role(server)
    filter_ = {"logGroupName": "app", "filterName": "errors", "filterPattern": "ERROR", "destinationArn": KINESIS}
    refused(logs.put_subscription_filter, "InvalidParameterException", "cannot be used without roleArn", **filter_)
    server.aws("logs", "put-subscription-filter", "--log-group-name", "app", "--filter-name", "errors", "--filter-pattern", "ERROR",
               "--destination-arn", KINESIS, "--role-arn", ROLE)
    assert [message["messageType"] for message in service.messages] == ["CONTROL_MESSAGE"]
    assert service.messages[0]["owner"] == "CloudwatchLogs"
    put(logs, "ERROR one", "fine", "ERROR two")
    wait_for("two events", lambda: service.texts() == ["ERROR one", "ERROR two"], 5)
    message = service.data()[0]
    assert {"owner": ACCOUNT, "logGroup": "app", "logStream": "s", "subscriptionFilters": ["errors"]}.items() <= message.items()
    assert len(message["logEvents"][0]["id"]) == 56
    assert "Credential=AKIAKINESIS/" in service.heads[-1][1]["authorization"]
    service.down = True
    put(logs, "ERROR three")
    time.sleep(0.5)
    server.kill()
    server.start()
    logs = server.client("logs")
    put(logs, "ERROR four")
    service.down = False
    wait_for("what waited", lambda: service.texts()[2:] == ["ERROR three", "ERROR four"], 40)
    described = logs.describe_subscription_filters(logGroupName="app")["subscriptionFilters"]
    assert len(described) == 1 and described[0]["creationTime"] and described[0]["distribution"] == "ByLogStream"
    logs.delete_subscription_filter(logGroupName="app", filterName="errors")
    refused(logs.delete_subscription_filter, "ResourceNotFoundException", logGroupName="app", filterName="errors")
    assert "opentrail_subscription_deliveries_total" in server.get("/-/metrics")[1]


def test_queues_topics_and_web_addresses_can_be_subscribed(server, service):
    logs = make_group(server)
    sqs, sns = server.client("sqs"), server.client("sns")
    allow = lambda action, resource: json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": action, "Resource": resource,
         "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app:*"}}}]})
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    topic = sns.create_topic(Name="t")["TopicArn"]
    put_filter = lambda name, to: logs.put_subscription_filter(
        logGroupName="app", filterName=name, filterPattern="", destinationArn=to)
    refused(put_filter, "InvalidParameterException", "Could not deliver test message", name="q", to=queue)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allow("sqs:SendMessage", queue)})
    put_filter("q", queue)

    def received():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            yield json.loads(gzip.decompress(base64.b64decode(body["awslogs"]["data"])))

    assert [message["messageType"] for message in received()] == ["CONTROL_MESSAGE"]
    put_filter("web", service.url + "/hook")
    refused(put_filter, "LimitExceededException", name="third", to=queue)
    put(logs, '{"n": 1}', '{"n": 2}')
    wait_for("the web address", lambda: service.texts() == ['{"n": 1}', '{"n": 2}'], 5)
    assert service.heads[-1][0] == "/hook"
    got = wait_for("the queue", lambda: list(received()), 5)
    assert [event["message"] for event in got[0]["logEvents"]] == ['{"n": 1}', '{"n": 2}']
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=allow("sns:Publish", topic))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}]})})
    put_filter("q", topic)
    put(logs, '{"n": 3}')
    texts = []
    wait_for("the topic", lambda: texts.extend(
        event["message"] for message in received() for event in message["logEvents"]) or '{"n": 3}' in texts, 10)
    for bad, text in [("arn:aws:lambda:us-east-1:123456789012:function:f", "Functions are not supported"), ("nonsense", "not a valid"),
                      ("http://10.0.0.1/x", "Could not deliver")]:
        refused(put_filter, "InvalidParameterException", text, name="q", to=bad)
    refused(logs.put_subscription_filter, "InvalidParameterException", "Invalid subscription filter pattern",
            logGroupName="app", filterName="q", filterPattern="{ $.a == 1 }", destinationArn=queue)


def test_another_account_subscribes_to_a_destination(server, service):
    make_role(server)
    other = create_account(server, "other", "--account-id", OTHER)
    logs = server.client("logs")
    made = server.aws("logs", "put-destination", "--destination-name", "central", "--target-arn", KINESIS, "--role-arn", ROLE)
    arn = made["destination"]["arn"]
    assert arn == f"arn:aws:logs:{REGION}:{ACCOUNT}:destination:central"
    theirs = make_group(server, key=other)
    subscribe = lambda: theirs.put_subscription_filter(
        logGroupName="app", filterName="f", filterPattern="", destinationArn=arn)
    refused(subscribe, "AccessDeniedException", "logs:PutSubscriptionFilter")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "logs:PutSubscriptionFilter", "Resource": arn}]}
    logs.put_destination_policy(destinationName="central", accessPolicy=json.dumps(policy))
    assert json.loads(logs.describe_destinations()["destinations"][0]["accessPolicy"]) == policy
    subscribe()
    put(theirs, "from afar")
    wait_for("the event", lambda: service.texts() == ["from afar"], 5)
    assert service.data()[0]["owner"] == OTHER
    logs.delete_destination(destinationName="central")
    refused(logs.delete_destination, "ResourceNotFoundException", destinationName="central")


def test_resource_policies_let_others_in(server):
    logs = make_group(server)
    iam = server.client("iam")
    iam.create_user(UserName="writer")
    made = iam.create_access_key(UserName="writer")["AccessKey"]
    writer = server.client("logs", key=(made["AccessKeyId"], made["SecretAccessKey"]))
    refused(lambda: put(writer, "x"), "AccessDeniedException")
    document = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/writer"}, "Action": "logs:PutLogEvents",
        "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app:*"}})
    shown = server.aws("logs", "put-resource-policy", "--policy-name", "p", "--policy-document", document)["resourcePolicy"]
    assert (shown["policyName"], shown["policyDocument"]) == ("p", document)
    put(writer, "x")
    refused(writer.describe_log_streams, "AccessDeniedException", logGroupName="app")
    assert [policy["policyName"] for policy in logs.describe_resource_policies()["resourcePolicies"]] == ["p"]
    for n in range(9):
        logs.put_resource_policy(policyName=f"p{n}", policyDocument=document)
    refused(logs.put_resource_policy, "LimitExceededException", policyName="one more", policyDocument=document)
    refused(logs.put_resource_policy, "InvalidParameterException", policyName="p", policyDocument="{}")
    logs.delete_resource_policy(policyName="p")
    refused(logs.delete_resource_policy, "ResourceNotFoundException", "Policy with name [p] does not exist.", policyName="p")
    put(writer, "the others still say it")
    for n in range(9):
        logs.delete_resource_policy(policyName=f"p{n}")
    refused(lambda: put(writer, "x"), "AccessDeniedException")


def test_live_tail_shows_what_comes(server):
    logs = make_group(server)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app"
    # With a custom endpoint clients would ask for `streaming-127.0.0.1` otherwise.
    tail = server.client("logs", inject_host_prefix=False)
    refused(tail.start_live_tail, "ResourceNotFoundException", logGroupIdentifiers=[arn + "2"])
    refused(tail.start_live_tail, "InvalidParameterException", logGroupIdentifiers=[arn + ":*"])
    put(logs, "before")
    events = tail.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")["responseStream"]
    stream = iter(events)
    start = next(stream)["sessionStart"]
    assert start["logGroupIdentifiers"] == [arn] and start["logEventFilterPattern"] == "ERROR"
    put(logs, "ERROR seen", "not seen")
    seen = []
    for event in stream:
        seen += event["sessionUpdate"]["sessionResults"]
        if seen:
            break
    assert [(one["message"], one["logStreamName"], one["logGroupIdentifier"]) for one in seen] == [("ERROR seen", "s", arn)]
    for n in range(3):
        put(logs, *[f"ERROR {n} {k}" for k in range(300)])
    update = next(event["sessionUpdate"] for event in stream if event["sessionUpdate"]["sessionResults"])
    assert len(update["sessionResults"]) <= 500
    events.close()


def test_live_tail_of_the_command_line(server):
    logs = make_group(server)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app"
    environment = server.environment() | {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([str(SCRIPTS / "aws"), "logs", "start-live-tail", "--log-group-identifiers", arn],
                               env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.set_blocking(process.stdout.fileno(), False)
    shown = b""

    def hello():
        nonlocal shown
        put(logs, "hello")
        time.sleep(0.2)
        shown += process.stdout.read() or b""
        return b"hello" in shown or process.poll() is not None

    try:
        wait_for("hello", hello, 20)
        assert b"hello" in shown, shown
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)


def test_groups_are_exported_as_aws_names_files(server):
    logs = make_group(server)
    logs.create_log_stream(logGroupName="app", logStreamName="a/b")
    now = int(time.time() * 1000)
    for stream, count in (("s", 3), ("a/b", 2)):
        logs.put_log_events(logGroupName="app", logStreamName=stream, logEvents=[
            {"timestamp": now, "message": f"{stream} {n}"} for n in range(count)])
    task = {"logGroupName": "app", "fromTime": now - 1000, "to": now + 1000, "destination": "exports", "destinationPrefix": "p"}
    refused(logs.create_export_task, "InvalidParameterException", "The given bucket does not exist.", **task)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="exports")
    refused(logs.create_export_task, "InvalidParameterException", "GetBucketAcl call on the given bucket failed", **task)
    principal = {"Service": f"logs.{REGION}.amazonaws.com"}
    s3.put_bucket_policy(Bucket="exports", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::exports"},
        {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::exports/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": ACCOUNT}}}]}))
    made = server.aws("logs", "create-export-task", "--task-name", "t", "--log-group-name", "app", "--from", now - 1000,
                      "--to", now + 1000, "--destination", "exports", "--destination-prefix", "p")["taskId"]
    described = lambda: logs.describe_export_tasks(taskId=made)["exportTasks"][0]
    done = wait_for("the export", lambda: described()["status"]["code"] == "COMPLETED" and described(), 10)
    assert done["executionInfo"]["completionTime"] >= done["executionInfo"]["creationTime"]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="exports")["Contents"]]
    assert keys == [f"p/{made}/a-b/000000.gz", f"p/{made}/s/000000.gz", "p/aws-logs-write-test"]
    text = gzip.decompress(s3.get_object(Bucket="exports", Key=keys[1])["Body"].read()).decode()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + f".{now % 1000:03}Z"
    assert text == "".join(f"{stamp} s {n}\n" for n in range(3))
    refused(logs.cancel_export_task, "InvalidOperationException", taskId=made)
    refused(logs.cancel_export_task, "ResourceNotFoundException", taskId="absent")
