"""A trail with a log group, its role and a subscription through the AWS provider of Terraform."""

import pytest

from server import wait_for
from test_terraform import PLUGINS, TERRAFORM, Terraform

LOGGED = """
resource "aws_cloudwatch_log_group" "trail" {
  name              = "CloudTrail/audit"
  retention_in_days = 90
  tags              = { team = "audit" }
}
resource "aws_iam_role" "trail" {
  name               = "CloudTrail_CloudWatchLogs_Role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "cloudtrail.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}
resource "aws_iam_role_policy" "trail" {
  name   = "write"
  role   = aws_iam_role.trail.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.trail.arn}:*"
    }]
  })
}
resource "aws_cloudtrail" "audit" {
  name                       = "audit"
  s3_bucket_name             = aws_s3_bucket.logs.id
  cloud_watch_logs_group_arn = "${aws_cloudwatch_log_group.trail.arn}:*"
  cloud_watch_logs_role_arn  = aws_iam_role.trail.arn
  depends_on                 = [aws_s3_bucket_policy.logs, aws_iam_role_policy.trail]
}
resource "aws_sqs_queue" "denied" { name = "denied" }
resource "aws_sqs_queue_policy" "denied" {
  queue_url = aws_sqs_queue.denied.id
  policy    = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect = "Allow", Principal = { Service = "logs.amazonaws.com" }, Action = "sqs:SendMessage", Resource = aws_sqs_queue.denied.arn
    }]
  })
}
resource "aws_cloudwatch_log_subscription_filter" "denied" {
  name            = "denied"
  log_group_name  = aws_cloudwatch_log_group.trail.name
  filter_pattern  = "{ $.errorCode = \\"AccessDenied\\" }"
  destination_arn = aws_sqs_queue.denied.arn
  depends_on      = [aws_sqs_queue_policy.denied]
}
resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name     = "events"
  policy_document = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "${aws_cloudwatch_log_group.trail.arn}:*"
    }]
  })
}
"""

class Logging(Terraform):
    def write(self, trail):
        super().write(trail)
        path = self.directory / "main.tf"
        more = "".join(f'    {service} = "{self.server.endpoint}"\n' for service in ("logs", "sqs"))
        path.write_text(path.read_text().replace("  endpoints {\n", "  endpoints {\n" + more, 1))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_a_trail_with_a_log_group_from_apply_to_destroy(server, tmp_path):
    terraform = Logging(server, tmp_path / "tf")
    terraform.write(LOGGED)
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    [trail] = server.client("cloudtrail").describe_trails()["trailList"]
    assert trail["CloudWatchLogsLogGroupArn"].endswith(":log-group:CloudTrail/audit:*")
    server.client("iam").create_user(UserName="somebody")
    logs = server.client("logs")
    found = lambda: logs.filter_log_events(logGroupName="CloudTrail/audit", filterPattern="{ $.eventName = CreateUser }")["events"]
    wait_for("the call", found)
    terraform.write(LOGGED.replace("cloud_watch_logs_group_arn =", "# ").replace("cloud_watch_logs_role_arn  =", "# "))
    terraform.apply()
    [trail] = server.client("cloudtrail").describe_trails()["trailList"]
    assert "CloudWatchLogsLogGroupArn" not in trail
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert logs.describe_log_groups()["logGroups"] == []
