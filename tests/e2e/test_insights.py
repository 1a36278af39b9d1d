"""Logs Insights through boto3 and the AWS CLI: the queries that AWS's documentation gives for CloudTrail logs."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, wait_for

GROUP = "trail"
STREAM = f"{ACCOUNT}_CloudTrail_us-east-1"


def record(source, name, user, **more):
    return {"eventVersion": "1.11", "eventSource": source, "eventName": name, "awsRegion": "us-east-1",
            "sourceIPAddress": "192.0.2.7", "userIdentity": {"type": "IAMUser", "userName": user,
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}"}, "readOnly": False, **more}


RECORDS = [
    record("ec2.amazonaws.com", "RunInstances", "ann"),
    record("ec2.amazonaws.com", "StopInstances", "bob", errorCode="Client.UnauthorizedOperation"),
    record("ec2.amazonaws.com", "RunInstances", "ann", awsRegion="eu-west-1"),
    record("s3.amazonaws.com", "PutBucketPolicy", "eve", errorCode="AccessDenied", requestParameters={"bucketName": "logs"}),
    record("signin.amazonaws.com", "ConsoleLogin", "eve", responseElements={"ConsoleLogin": "Failure"}),
    record("iam.amazonaws.com", "CreateUser", "ann", responseElements={"user": {"userName": "mallory"}}),
]


@pytest.fixture(scope="module")
def logs(shared):
    """A group with the records, a second apart, the last one a minute ago."""
    logs = shared.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    first = int(time.time() * 1000) - 60_000 - 1000 * len(RECORDS)
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=[
        {"timestamp": first + 1000 * n, "message": json.dumps(one)} for n, one in enumerate(RECORDS)])
    return logs


def results(logs, query, **more):
    """Rows of a query as dictionaries, without pointers."""
    now = int(time.time())
    groups = more or {"logGroupName": GROUP}
    started = logs.start_query(startTime=now - 3600, endTime=now, queryString=query, **groups)["queryId"]
    answer = wait_for("results", lambda: (done := logs.get_query_results(queryId=started))["status"] == "Complete" and done)
    return [{one["field"]: one["value"] for one in row if one["field"] != "@ptr"} for row in answer["results"]], answer


def rows(logs, query, **more):
    return results(logs, query, **more)[0]


def test_the_documented_queries_of_cloudtrail_logs(logs):
    found = rows(logs, "stats count(*) by eventSource, eventName, awsRegion")
    assert {"eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "awsRegion": "eu-west-1", "count(*)": "1"} in found
    assert len(found) == len(RECORDS)
    found = rows(logs, 'filter eventSource="ec2.amazonaws.com" | stats count(*) as eventCount by eventName | sort eventCount desc')
    assert found == [{"eventName": "RunInstances", "eventCount": "2"}, {"eventName": "StopInstances", "eventCount": "1"}]
    found = rows(logs, 'filter eventSource="ec2.amazonaws.com" and eventName="RunInstances" and awsRegion="us-east-1" '
                       '| fields userIdentity.userName, userIdentity.arn')
    assert found == [{"userIdentity.userName": "ann", "userIdentity.arn": f"arn:aws:iam::{ACCOUNT}:user/ann"}]
    found = rows(logs, 'filter eventSource="iam.amazonaws.com" and eventName="CreateUser" '
                       '| fields awsRegion, requestParameters.userName, responseElements.user.userName')
    assert found == [{"awsRegion": "us-east-1", "responseElements.user.userName": "mallory"}]
    found = rows(logs, "filter errorCode like /(?i)unauthorized|denied/ | stats count(*) as n by userIdentity.userName | sort userIdentity.userName")
    assert found == [{"userIdentity.userName": "bob", "n": "1"}, {"userIdentity.userName": "eve", "n": "1"}]
    found = rows(logs, 'filter eventName = "ConsoleLogin" and responseElements.ConsoleLogin = "Failure" | display sourceIPAddress')
    assert found == [{"sourceIPAddress": "192.0.2.7"}]
    (found,) = rows(logs, "stats count(*) as n, count_distinct(eventName) as names by bin(1d)")
    assert (found["n"], found["names"]) == (str(len(RECORDS)), "5")


def test_newest_come_first_and_rows_can_be_looked_up(logs):
    found, answer = results(logs, "fields @timestamp, @logStream, eventName | limit 2")
    assert [row["eventName"] for row in found] == ["CreateUser", "ConsoleLogin"]
    assert found[0]["@logStream"] == STREAM and len(found[0]["@timestamp"]) == len("2026-11-21 10:00:00.000")
    statistics = answer["statistics"]
    assert statistics["recordsScanned"] >= 2 and statistics["bytesScanned"] > 0
    pointer = answer["results"][0][-1]
    assert pointer["field"] == "@ptr"
    looked_up = logs.get_log_record(logRecordPointer=pointer["value"])["logRecord"]
    assert json.loads(looked_up["@message"]) == RECORDS[-1]
    assert (looked_up["userIdentity.userName"], looked_up["@logStream"]) == ("ann", STREAM)
    fields = {one["name"]: one["percent"] for one in logs.get_log_group_fields(logGroupName=GROUP)["logGroupFields"]}
    assert (fields["@message"], fields["eventName"], fields["errorCode"]) == (100, 100, 33)
    found = rows(logs, 'parse @message /"eventName": "(?<name>[A-Z][a-z]+)/ | stats count(*) as n by name | sort n desc, name asc | limit 1')
    assert found == [{"name": "Run", "n": "2"}]
    assert len(rows(logs, "fields eventName | dedup userIdentity.userName")) == 3


def test_the_command_line_starts_lists_and_keeps_queries(shared, logs):
    now = int(time.time())
    started = shared.aws("logs", "start-query", "--log-group-names", GROUP, "--start-time", now - 600, "--end-time", now,
                         "--query-string", "stats count(*) as n by eventSource | sort n desc | limit 1")["queryId"]
    answer = wait_for("results", lambda: (done := shared.aws("logs", "get-query-results", "--query-id", started))["status"] == "Complete" and done)
    assert answer["results"] == [[{"field": "eventSource", "value": "ec2.amazonaws.com"}, {"field": "n", "value": "3"}]]
    (described,) = [one for one in shared.aws("logs", "describe-queries", "--log-group-name", GROUP)["queries"] if one["queryId"] == started]
    assert described["queryString"].startswith(f'SOURCE "{GROUP}" START={now - 600}000 END={now}999 | stats count(*)')
    assert described["status"] == "Complete"
    stopped = shared.run_aws("logs", "stop-query", "--query-id", started)
    assert stopped.returncode != 0 and "InvalidParameterException" in stopped.stderr
    kept = shared.aws("logs", "put-query-definition", "--name", "who", "--query-string", "fields @message", "--log-group-names", GROUP)
    (listed,) = shared.aws("logs", "describe-query-definitions", "--query-definition-name-prefix", "wh")["queryDefinitions"]
    assert (listed["queryDefinitionId"], listed["name"], listed["logGroupNames"]) == (kept["queryDefinitionId"], "who", [GROUP])
    assert shared.aws("logs", "delete-query-definition", "--query-definition-id", kept["queryDefinitionId"]) == {"success": True}
    assert shared.aws("logs", "describe-query-definitions")["queryDefinitions"] == []


def test_what_is_wrong_is_said_and_where(shared, logs):
    now = int(time.time())
    with pytest.raises(ClientError) as caught:
        logs.start_query(logGroupName=GROUP, startTime=now - 60, endTime=now, queryString="fields a | filter b = ")
    fault = caught.value.response
    assert fault["Error"]["Code"] == "MalformedQueryException"
    assert fault["queryCompileError"]["location"] == {"startCharOffset": 22, "endCharOffset": 22}
    with pytest.raises(ClientError, match="Log group 'none' does not exist for account ID"):
        logs.start_query(logGroupName="none", startTime=now - 60, endTime=now, queryString="limit 1")
    with pytest.raises(ClientError, match="before its start"):
        logs.start_query(logGroupName=GROUP, startTime=now, endTime=now - 60, queryString="limit 1")
    with pytest.raises(ClientError, match="exactly one of"):
        logs.start_query(startTime=now, endTime=now, queryString="limit 1")
    with pytest.raises(ClientError, match="does not exist"):
        logs.get_query_results(queryId="none")
    # Who may read one group may not read another.
    iam = shared.client("iam")
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "logs:*", "Resource": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}*"}]}))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    logs.create_log_group(logGroupName="other")
    reader = shared.client("logs", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    reader.start_query(logGroupNames=[GROUP], startTime=now - 60, endTime=now, queryString="limit 1")
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.start_query(logGroupNames=[GROUP, "other"], startTime=now - 60, endTime=now, queryString="limit 1")
