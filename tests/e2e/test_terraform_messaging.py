"""Queues, topics and an announced trail through the AWS provider of Terraform."""

import pytest

from server import REGION, wait_for
from test_terraform import PLUGINS, TERRAFORM, Terraform

ANNOUNCED = """
resource "aws_sns_topic" "files" {
  name = "files"
  tags = { team = "audit" }
}
resource "aws_sns_topic_policy" "files" {
  arn    = aws_sns_topic.files.arn
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Sid       = "AWSCloudTrailSNSPolicy20131101"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "SNS:Publish"
      Resource  = aws_sns_topic.files.arn
    }]
  })
}
resource "aws_sqs_queue" "dead" { name = "dead" }
resource "aws_sqs_queue" "files" {
  name                       = "files"
  visibility_timeout_seconds = 60
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 4 })
  tags                       = { team = "audit" }
}
resource "aws_sqs_queue_policy" "files" {
  queue_url = aws_sqs_queue.files.id
  policy    = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.files.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.files.arn } }
    }]
  })
}
resource "aws_sns_topic_subscription" "files" {
  topic_arn            = aws_sns_topic.files.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.files.arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageBody"
  filter_policy        = jsonencode({ s3Bucket = [{ prefix = "tf-" }] })
}
resource "aws_cloudtrail" "audit" {
  name           = "audit"
  s3_bucket_name = aws_s3_bucket.logs.id
  sns_topic_name = aws_sns_topic.files.name
  depends_on     = [aws_s3_bucket_policy.logs, aws_sns_topic_policy.files]
}
"""


class Announcing(Terraform):
    def write(self, trail):
        super().write(trail)
        path = self.directory / "main.tf"
        more = "".join(f'    {service} = "{self.server.endpoint}"\n' for service in ("sns", "sqs"))
        path.write_text(path.read_text().replace("  endpoints {\n", "  endpoints {\n" + more, 1))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_an_announced_trail_from_apply_to_destroy(server, tmp_path):
    terraform = Announcing(server, tmp_path / "tf")
    terraform.write(ANNOUNCED)
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    [trail] = server.client("cloudtrail").describe_trails()["trailList"]
    topic = f"arn:aws:sns:{REGION}:123456789012:files"
    assert (trail["SnsTopicName"], trail["SnsTopicARN"]) == ("files", topic)
    url = server.client("sqs").get_queue_url(QueueName="files")["QueueUrl"]
    got = wait_for("an announcement", lambda: server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages"))
    assert got[0]["Body"].startswith('{"s3Bucket":"tf-logs","s3ObjectKey":["')
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert server.client("sns").list_topics()["Topics"] == [] and "QueueUrls" not in server.client("sqs").list_queues()
