"""Agents that write into log groups: the requests of fluent-bit's cloudwatch_logs output, byte by byte, in its order; and the
compressed ones of the CloudWatch agent."""

import gzip
import http.client
import json
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from server import REGION


class FluentBit:
    """What plugins/out_cloudwatch_logs of fluent-bit sends, and what it looks for in the answers."""

    def __init__(self, server, group, stream, retention=None):
        self.server, self.group, self.stream, self.retention = server, group, stream, retention
        self.connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))

    def call(self, operation, body, **headers):
        body = gzip.compress(body.encode()) if "Content-Encoding" in headers else body.encode()
        request = AWSRequest("POST", self.server.endpoint + "/", data=body, headers={
            "User-Agent": "aws-fluent-bit-plugin", "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Logs_20140328.{operation}"} | headers)
        SigV4Auth(Credentials(*self.server.root_key()), "logs", REGION).add_auth(request)
        self.connection.request("POST", "/", body, dict(request.headers))
        answer = self.connection.getresponse()
        text = answer.read().decode()
        # Errors are found by the member `__type`, up to a `#`.
        error = json.loads(text)["__type"].rsplit("#")[-1] if answer.status != 200 else None
        return answer.status, {name.lower() for name, _ in answer.getheaders()}, error

    def create_stream(self, can_retry=True):
        body = f'{{"logGroupName":"{self.group}","logStreamName":"{self.stream}"}}'
        status, _, error = self.call("CreateLogStream", body)
        if status == 200 or error == "ResourceAlreadyExistsException":
            return
        assert error == "ResourceNotFoundException" and can_retry
        status, _, error = self.call("CreateLogGroup", f'{{"logGroupName":"{self.group}"}}')
        assert status == 200 or error == "ResourceAlreadyExistsException"
        if self.retention:
            body = f'{{"logGroupName":"{self.group}","retentionInDays":{self.retention}}}'
            assert self.call("PutRetentionPolicy", body)[0] == 200
        self.create_stream(can_retry=False)

    def flush(self, *records, **headers):
        events = ",".join(f'{{"timestamp":{int(time.time() * 1000)},"message":{json.dumps(json.dumps(record))}}}' for record in records)
        body = f'{{"logGroupName":"{self.group}","logStreamName":"{self.stream}","logEvents":[{events}]}}'
        status, names, error = self.call("PutLogEvents", body, **headers)
        # Without this header fluent-bit takes a success for a failure.
        assert status != 200 or "x-amzn-requestid" in names
        return error


def test_fluent_bit_makes_group_and_stream_and_writes(server):
    agent = FluentBit(server, "fluent", "host.syslog", retention=30)
    agent.create_stream()
    agent.create_stream()
    syslog = {"pri": "38", "host": "web-1", "ident": "sshd", "pid": "811", "message": "Failed password for root \u00fc \"x\""}
    assert agent.flush(syslog, {"cpu_p": 1.5}) is None
    assert agent.flush({"metric": 1}, **{"x-amzn-logs-format": "json/emf"}) is None
    logs = server.client("logs")
    found = logs.filter_log_events(logGroupName="fluent", filterPattern='{ $.ident = "sshd" && $.message = "Failed*" }')["events"]
    assert [json.loads(event["message"]) for event in found] == [syslog]
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 30
    assert FluentBit(server, "fluent", "absent").flush({}) == "ResourceNotFoundException"


def test_the_cloudwatch_agent_compresses_what_it_sends(server):
    """It makes group and stream when PutLogEvents says that they are missing, as any client of the SDK for Go would."""
    agent = FluentBit(server, "agent", "i-0123")
    compressed = {"Content-Encoding": "gzip", "User-Agent": "CWAgent/1.300 (go1.24; linux; amd64)"}
    assert agent.flush({}, **compressed) == "ResourceNotFoundException"
    agent.create_stream()
    assert agent.flush(*[{"n": n, "text": "x" * 200} for n in range(500)], **compressed) is None
    events = server.client("logs").get_log_events(logGroupName="agent", logStreamName="i-0123", startFromHead=True)["events"]
    assert [json.loads(event["message"])["n"] for event in events] == list(range(500))
