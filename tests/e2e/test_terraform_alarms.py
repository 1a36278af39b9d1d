"""Log groups, metric filters and alarms through the AWS provider of Terraform."""

import pytest

from test_terraform import PLUGINS, TERRAFORM, Terraform

WATCHED = """
resource "aws_cloudwatch_log_group" "audit" {
  name              = "audit"
  retention_in_days = 30
}
resource "aws_cloudwatch_log_metric_filter" "sign_in" {
  name           = "sign-in"
  log_group_name = aws_cloudwatch_log_group.audit.name
  pattern        = "{ ($.eventName = ConsoleLogin) && ($.errorMessage = \\"Failed authentication\\") }"
  metric_transformation {
    name          = "SignInFailures"
    namespace     = "Security"
    value         = "1"
    default_value = "0"
  }
}
resource "aws_sns_topic" "alerts" { name = "alerts" }
resource "aws_cloudwatch_metric_alarm" "sign_in" {
  alarm_name          = "sign-in-failures"
  alarm_description   = "somebody guesses"
  namespace           = "Security"
  metric_name         = aws_cloudwatch_log_metric_filter.sign_in.metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = @THRESHOLD@
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  tags                = { team = "audit" }
}
resource "aws_cloudwatch_metric_alarm" "rate" {
  alarm_name          = "rate"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  threshold           = 10
  metric_query {
    id          = "e1"
    expression  = "m1 * 100"
    label       = "percent"
    return_data = true
  }
  metric_query {
    id = "m1"
    metric {
      metric_name = "SignInFailures"
      namespace   = "Security"
      period      = 60
      stat        = "Sum"
    }
  }
}
resource "aws_cloudwatch_composite_alarm" "either" {
  alarm_name = "either"
  alarm_rule = "ALARM(${aws_cloudwatch_metric_alarm.sign_in.alarm_name}) OR ALARM(${aws_cloudwatch_metric_alarm.rate.alarm_name})"
}
"""


class Watching(Terraform):
    def write(self, trail):
        super().write(trail)
        path = self.directory / "main.tf"
        more = "".join(f'    {service} = "{self.server.endpoint}"\n' for service in ("cloudwatch", "logs", "sns"))
        path.write_text(path.read_text().replace("  endpoints {\n", "  endpoints {\n" + more, 1))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_filters_and_alarms_from_apply_to_destroy(server, tmp_path):
    terraform = Watching(server, tmp_path / "tf")
    cloudwatch = server.client("cloudwatch")
    terraform.write(WATCHED.replace("@THRESHOLD@", "3"))
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    alarms = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [alarm["AlarmName"] for alarm in alarms["MetricAlarms"]] == ["rate", "sign-in-failures"]
    assert [alarm["AlarmName"] for alarm in alarms["CompositeAlarms"]] == ["either"]
    terraform.write(WATCHED.replace("@THRESHOLD@", "5"))
    terraform.apply()
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["sign-in-failures"])["MetricAlarms"]
    assert alarm["Threshold"] == 5.0
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] == []
    assert server.client("logs").describe_metric_filters()["metricFilters"] == []
