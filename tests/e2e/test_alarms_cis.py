"""`opentrail alarms install cis`: the fifteen filters and alarms on a trail's log group, as checkers look for them."""

import re

import pytest

from server import ACCOUNT, REGION, run_binary

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


def names(*all_of, source=None):
    """A checker's regular expression: every name is in the pattern, in whichever order."""
    parts = [rf"(?=.*\$\.eventSource\s*=\s*.?{re.escape(source)})"] if source else []
    parts += [rf"(?=.*\$\.eventName\s*=\s*.?{re.escape(name)}\b)" for name in all_of]
    return "".join(parts)


# What public checkers of the benchmark (Prowler among them) search in the text of the filters.
CHECKS = {
    "4.1": r"\$\.errorCode\s*=\s*.?\*UnauthorizedOperation.+\$\.errorCode\s*=\s*.?AccessDenied\*.?",
    "4.2": names("ConsoleLogin") + r"(?=.*\$\.additionalEventData\.MFAUsed\s*!=\s*.?Yes)",
    "4.3": r"\$\.userIdentity\.type\s*=\s*.?Root.+\$\.userIdentity\.invokedBy NOT EXISTS.+\$\.eventType\s*!=\s*.?AwsServiceEvent.?",
    "4.4": names("DeleteGroupPolicy", "PutUserPolicy", "CreatePolicyVersion", "AttachRolePolicy", "DetachGroupPolicy"),
    "4.5": names("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
    "4.6": names("ConsoleLogin") + r"(?=.*\$\.errorMessage\s*=\s*.?Failed authentication)",
    "4.7": names("DisableKey", "ScheduleKeyDeletion", source="kms.amazonaws.com"),
    "4.8": names("PutBucketAcl", "PutBucketPolicy", "DeleteBucketReplication", source="s3.amazonaws.com"),
    "4.9": names("StopConfigurationRecorder", "DeleteDeliveryChannel", "PutConfigurationRecorder", source="config.amazonaws.com"),
    "4.10": names("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress", "CreateSecurityGroup", "DeleteSecurityGroup"),
    "4.11": names("CreateNetworkAcl", "DeleteNetworkAclEntry", "ReplaceNetworkAclAssociation"),
    "4.12": names("CreateCustomerGateway", "AttachInternetGateway", "DetachInternetGateway"),
    "4.13": names("CreateRoute", "CreateRouteTable", "ReplaceRoute", "DisassociateRouteTable", source="ec2.amazonaws.com"),
    "4.14": names("CreateVpc", "ModifyVpcAttribute", "EnableVpcClassicLink", "RejectVpcPeeringConnection"),
    "4.15": names("AcceptHandshake", "CreateAccount", "MoveAccount", "UpdateOrganizationalUnit", source="organizations.amazonaws.com"),
}


@pytest.fixture
def topic(server):
    server.client("sns").create_topic(Name="alerts")
    server.client("logs").create_log_group(logGroupName="trail")
    return TOPIC


def install(server, *arguments):
    return run_binary("alarms", "install", "cis", "--topic", TOPIC, *arguments, env=server.environment())


def test_the_set_is_installed_once_and_found_by_checkers(server, topic):
    dry = install(server, "--log-group", "trail", "--dry-run")
    assert dry.returncode == 0 and dry.stdout.count("trail") >= 15, dry.stderr
    logs, cloudwatch = server.client("logs"), server.client("cloudwatch")
    assert logs.describe_metric_filters(logGroupName="trail")["metricFilters"] == []
    for told in ("filter set", "filter is there"):
        done = install(server, "--log-group", "trail")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(told) == 15, done.stdout
        filters = logs.describe_metric_filters(logGroupName="trail")["metricFilters"]
        alarms = cloudwatch.describe_alarms()["MetricAlarms"]
        assert (len(filters), len(alarms)) == (15, 15)
    for number, search in CHECKS.items():
        found = [one for one in filters if re.search(search, one["filterPattern"], flags=re.DOTALL)]
        assert found, number
        metrics = {(one["metricTransformations"][0]["metricNamespace"], one["metricTransformations"][0]["metricName"]) for one in found}
        alarm = next(one for one in alarms if (one["Namespace"], one["MetricName"]) in metrics)
        assert (alarm["AlarmActions"], alarm["Threshold"], alarm["Statistic"]) == ([topic], 1.0, "Sum")


def test_what_is_wrong_is_said(server, topic):
    nowhere = install(server, "--log-group", "none")
    assert nowhere.returncode == 2 and "does not exist" in nowhere.stderr
    missing = install(server, "--trail", "none")
    assert missing.returncode == 2 and "none" in missing.stderr
    neither = install(server)
    assert neither.returncode == 2 and "--trail" in neither.stderr
    name = run_binary("alarms", "install", "cis", "--log-group", "trail", "--topic", "alerts", env=server.environment())
    assert name.returncode == 2 and "ARN" in name.stderr
    assert server.client("logs").describe_metric_filters(logGroupName="trail")["metricFilters"] == []
