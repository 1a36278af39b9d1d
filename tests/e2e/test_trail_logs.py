"""Trails that write their events into a log group: set up with the AWS CLI and boto3, read with boto3."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for
from trail import TRAIL, make_bucket, make_trail

GROUP = "CloudTrail/audit"
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*"
STREAM = f"{ACCOUNT}_CloudTrail_{REGION}"
ROLE = "CloudTrail_CloudWatchLogs_Role"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
DESTINATION = {"CloudWatchLogsLogGroupArn": GROUP_ARN, "CloudWatchLogsRoleArn": ROLE_ARN}


def policy(*actions, stream=STREAM):
    """The policy that AWS's documentation gives for the role."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": [action], "Resource": [f"{group}:log-stream:{stream}*"]} for action in actions]})


def make_group(server, *actions):
    server.client("logs").create_log_group(logGroupName=GROUP)
    iam = server.client("iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    allow(server, *(actions or ("logs:CreateLogStream", "logs:PutLogEvents")))


def allow(server, *actions):
    server.client("iam").put_role_policy(RoleName=ROLE, PolicyName="p", PolicyDocument=policy(*actions))


def written(server, name=None):
    """The records in the group, in the order they were written."""
    pages = server.client("logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    try:
        records = [json.loads(event["message"]) for page in pages for event in page["events"]]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        return []
    return [record for record in records if name in (None, record["eventName"])]


def users(server):
    return [record["requestParameters"]["userName"] for record in written(server, "CreateUser")]


def test_a_call_is_in_the_group_within_two_seconds(server):
    make_bucket(server)
    make_group(server)
    made = server.aws("cloudtrail", "create-trail", "--name", TRAIL, "--s3-bucket-name", "audit-logs", "--is-multi-region-trail",
                      "--cloud-watch-logs-log-group-arn", GROUP_ARN, "--cloud-watch-logs-role-arn", ROLE_ARN)
    assert (made["CloudWatchLogsLogGroupArn"], made["CloudWatchLogsRoleArn"]) == (GROUP_ARN, ROLE_ARN)
    server.aws("cloudtrail", "start-logging", "--name", TRAIL)
    begun = time.monotonic()
    server.client("iam").create_user(UserName="alice")
    wait_for("alice", lambda: users(server) == ["alice"], 5)
    assert time.monotonic() - begun < 2
    streams = server.aws("logs", "describe-log-streams", "--log-group-name", GROUP)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [STREAM]
    found = server.aws("logs", "filter-log-events", "--log-group-name", GROUP, "--filter-pattern",
                       '{ $.eventName = "CreateUser" && $.userIdentity.type = "Root" }')["events"]
    assert len(found) == 1 and abs(found[0]["timestamp"] / 1000 - time.time()) < 60
    status = server.aws("cloudtrail", "get-trail-status", "--name", TRAIL)
    assert "LatestCloudWatchLogsDeliveryTime" in status and "LatestCloudWatchLogsDeliveryError" not in status
    described = server.aws("cloudtrail", "describe-trails")["trailList"][0]
    assert described["CloudWatchLogsLogGroupArn"] == GROUP_ARN
    assert "opentrail_log_group_events_total" in server.get("/-/metrics")[1]


def test_wrong_settings_are_refused_in_awss_words(server):
    make_bucket(server)
    make_group(server, "logs:PutLogEvents")
    cloudtrail = server.client("cloudtrail")

    def refused(code, message, **settings):
        with pytest.raises(ClientError) as told:
            cloudtrail.create_trail(Name=TRAIL, S3BucketName="audit-logs", **settings)
        assert (told.value.response["Error"]["Code"], told.value.response["Error"]["Message"]) == (code, message)

    group_code, role_code = "InvalidCloudWatchLogsLogGroupArnException", "InvalidCloudWatchLogsRoleArnException"
    refused(group_code, "Access denied. Verify in IAM that the role has adequate permissions.", **DESTINATION)
    refused(role_code, "You must specify a log group and a role ARN.", CloudWatchLogsLogGroupArn=GROUP_ARN)
    refused(group_code, "You must specify a log group and a role ARN.", CloudWatchLogsRoleArn=ROLE_ARN)
    missing = DESTINATION | {"CloudWatchLogsLogGroupArn": GROUP_ARN.replace("audit", "absent")}
    refused(group_code, "CloudTrail cannot validate the specified log group ARN.", **missing)
    untrusted = DESTINATION | {"CloudWatchLogsRoleArn": ROLE_ARN + "2"}
    refused(role_code, "Access denied. Check the trust relationships for your role.", **untrusted)


def test_nothing_is_lost_or_twice_over_kill_and_restart(server):
    make_group(server)
    make_trail(server, **DESTINATION)
    expected = []
    for round_ in range(4):
        iam = server.client("iam")
        for n in range(25):
            expected.append(f"u-{round_}-{n}")
            iam.create_user(UserName=expected[-1])
        server.kill() if round_ % 2 == 0 else server.stop()
        server.start()
    wait_for("the last user", lambda: expected[-1] in users(server), 10)
    assert users(server) == expected


def test_what_could_not_be_written_is_told_and_follows(server):
    make_group(server)
    cloudtrail = make_trail(server, **DESTINATION)
    iam = server.client("iam")
    iam.create_user(UserName="first")
    wait_for("the first", lambda: users(server) == ["first"])
    allow(server, "logs:CreateLogStream")
    iam.create_user(UserName="second")

    def error():
        return cloudtrail.get_trail_status(Name=TRAIL).get("LatestCloudWatchLogsDeliveryError")

    assert "logs:PutLogEvents" in wait_for("an error", error)
    allow(server, "logs:CreateLogStream", "logs:PutLogEvents")
    wait_for("the second", lambda: users(server) == ["first", "second"], 40)
    wait_for("no error", lambda: error() is None)
    server.client("logs").delete_log_group(logGroupName=GROUP)
    iam.create_user(UserName="third")
    assert wait_for("an error", error) == "ResourceNotFoundException: The specified log group does not exist."
    # Another group: what waited goes there.
    other = GROUP_ARN.replace("audit", "other")
    server.client("logs").create_log_group(logGroupName="CloudTrail/other")
    iam.put_role_policy(RoleName=ROLE, PolicyName="q", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "logs:*", "Resource": other}]}))
    cloudtrail.update_trail(Name=TRAIL, CloudWatchLogsLogGroupArn=other)
    logs = server.client("logs")
    pattern = '{ $.requestParameters.userName = "third" && $.eventName = "CreateUser" }'
    found = lambda: logs.filter_log_events(logGroupName="CloudTrail/other", filterPattern=pattern)["events"]
    assert len(wait_for("the third", found, 40)) == 1


def test_settings_hold_from_their_place_in_the_log(server):
    make_group(server)
    cloudtrail = make_trail(server, start=False, **DESTINATION)
    iam = server.client("iam")
    iam.create_user(UserName="not-logging")
    cloudtrail.start_logging(Name=TRAIL)
    iam.create_user(UserName="logging")
    cloudtrail.put_event_selectors(TrailName=TRAIL, AdvancedEventSelectors=[{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["true"]}]}])
    iam.create_user(UserName="not-selected")
    cloudtrail.put_event_selectors(TrailName=TRAIL, EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}])
    iam.create_user(UserName="selected")
    cloudtrail.update_trail(Name=TRAIL, CloudWatchLogsLogGroupArn="", CloudWatchLogsRoleArn="")
    iam.create_user(UserName="no-group")
    cloudtrail.update_trail(Name=TRAIL, **DESTINATION)
    iam.create_user(UserName="group-again")
    wait_for("the last", lambda: "group-again" in users(server))
    assert users(server) == ["logging", "selected", "group-again"]
