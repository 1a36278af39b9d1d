"""Event rules, buses and API destinations through the AWS provider of Terraform."""

import json

import pytest

from server import ACCOUNT, REGION
from test_terraform import PLUGINS, TERRAFORM, Terraform

RULES = """
resource "aws_cloudwatch_event_bus" "audit" {
  name = "audit"
  tags = { team = "audit" }
}
resource "aws_cloudwatch_event_permission" "other" {
  event_bus_name = aws_cloudwatch_event_bus.audit.name
  principal      = "210987654321"
  statement_id   = "other"
}
resource "aws_sqs_queue" "alerts" { name = "alerts" }
resource "aws_sqs_queue_policy" "alerts" {
  queue_url = aws_sqs_queue.alerts.id
  policy    = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.alerts.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.users.arn } }
    }]
  })
}
resource "aws_cloudwatch_event_rule" "users" {
  name          = "users"
  description   = "@DESCRIPTION@"
  event_pattern = jsonencode({ source = ["aws.iam"], detail = { eventName = ["CreateUser"] } })
  tags          = { team = "audit" }
}
resource "aws_cloudwatch_event_target" "users" {
  rule = aws_cloudwatch_event_rule.users.name
  arn  = aws_sqs_queue.alerts.arn
  input_transformer {
    input_paths    = { who = "$.detail.requestParameters.userName" }
    input_template = "\\"<who> was made\\""
  }
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 2
  }
}
resource "aws_cloudwatch_event_rule" "own" {
  name           = "own"
  event_bus_name = aws_cloudwatch_event_bus.audit.name
  event_pattern  = jsonencode({ source = ["app"] })
  state          = "DISABLED"
}
resource "aws_cloudwatch_event_connection" "pager" {
  name               = "pager"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "X-Key"
      value = "s3cret"
    }
  }
}
resource "aws_cloudwatch_event_api_destination" "pager" {
  name                             = "pager"
  invocation_endpoint              = "https://pager.example.com/in"
  http_method                      = "POST"
  invocation_rate_limit_per_second = 20
  connection_arn                   = aws_cloudwatch_event_connection.pager.arn
}
"""


class WithRules(Terraform):
    def write(self, trail):
        super().write(trail)
        path = self.directory / "main.tf"
        more = "".join(f'    {service} = "{self.server.endpoint}"\n' for service in ("events", "sqs"))
        path.write_text(path.read_text().replace("  endpoints {\n", "  endpoints {\n" + more, 1))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_rules_from_apply_to_destroy(server, tmp_path):
    terraform = WithRules(server, tmp_path / "tf")
    terraform.write(RULES.replace("@DESCRIPTION@", "new users"))
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    events = server.client("events")
    rule = events.describe_rule(Name="users")
    assert (rule["Description"], rule["Arn"]) == ("new users", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/users")
    assert events.describe_rule(Name="own", EventBusName="audit")["State"] == "DISABLED"
    policy = json.loads(events.describe_event_bus(Name="audit")["Policy"])
    assert policy["Statement"][0]["Sid"] == "other"
    server.client("iam").create_user(UserName="mallory")
    url = server.client("sqs").get_queue_url(QueueName="alerts")["QueueUrl"]
    [message] = server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert message["Body"] == '"mallory was made"'
    terraform.write(RULES.replace("@DESCRIPTION@", "people"))
    terraform.apply()
    assert events.describe_rule(Name="users")["Description"] == "people"
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert events.list_rules()["Rules"] == [] and [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
