"""The AWS provider of Terraform: create, no changes, update, import, destroy."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from server import REGION
from trail import TRAIL, bucket_policy, trail_arn

PLUGINS = Path(os.environ.get("TF_PLUGIN_DIR", "/opt/tf-plugins"))
TERRAFORM = shutil.which("terraform")

PROVIDER = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                  = "us-east-1"
  s3_use_path_style       = true
  skip_metadata_api_check = true
  endpoints {
    cloudtrail = "@ENDPOINT@"
    iam        = "@ENDPOINT@"
    kms        = "@ENDPOINT@"
    s3         = "@ENDPOINT@"
    sts        = "@ENDPOINT@"
  }
}
"""

BUCKETS = """
data "aws_caller_identity" "me" {}
resource "aws_s3_bucket" "logs" {
  bucket        = "tf-logs"
  force_destroy = true
}
resource "aws_s3_bucket" "data" {
  bucket = "tf-data"
}
resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = <<EOF
@POLICY@
EOF
}
"""

FIRST = """
resource "aws_cloudtrail" "audit" {
  name                       = "audit"
  s3_bucket_name             = aws_s3_bucket.logs.id
  is_multi_region_trail      = true
  enable_log_file_validation = true
  depends_on                 = [aws_s3_bucket_policy.logs]
  tags                       = { team = "audit" }
}
output "account" { value = data.aws_caller_identity.me.account_id }
"""

# Basic selectors before advanced ones: on the way back the provider sends an empty list of advanced selectors, which
# the API refuses.
SECOND = """
resource "aws_cloudtrail" "audit" {
  name                       = "audit"
  s3_bucket_name             = aws_s3_bucket.logs.id
  is_multi_region_trail      = true
  enable_log_file_validation = true
  depends_on                 = [aws_s3_bucket_policy.logs]
  tags                       = { team = "security", stage = "test" }
  event_selector {
    read_write_type           = "WriteOnly"
    include_management_events = true
    data_resource {
      type   = "AWS::S3::Object"
      values = ["${aws_s3_bucket.data.arn}/"]
    }
  }
}
"""

THIRD = """
resource "aws_cloudtrail" "audit" {
  name                       = "audit"
  s3_bucket_name             = aws_s3_bucket.logs.id
  enable_log_file_validation = true
  enable_logging             = false
  depends_on                 = [aws_s3_bucket_policy.logs]
  advanced_event_selector {
    name = "management"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }
  advanced_event_selector {
    name = "data"
    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }
    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }
    field_selector {
      field       = "resources.ARN"
      starts_with = ["${aws_s3_bucket.data.arn}/"]
    }
  }
}
"""


KEYED = """
resource "aws_kms_key" "trail" {
  description             = "for the trail"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  tags                    = { team = "audit" }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Enable IAM User Permissions", Effect = "Allow", Action = "kms:*", Resource = "*",
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" } },
      { Sid = "Allow CloudTrail", Effect = "Allow", Action = ["kms:GenerateDataKey*", "kms:DescribeKey"], Resource = "*",
        Principal = { Service = "cloudtrail.amazonaws.com" } },
    ]
  })
}
resource "aws_kms_alias" "trail" {
  name          = "alias/tf-trail"
  target_key_id = aws_kms_key.trail.key_id
}
resource "aws_cloudtrail" "audit" {
  name           = "audit"
  s3_bucket_name = aws_s3_bucket.logs.id
  kms_key_id     = aws_kms_key.trail.arn
  depends_on     = [aws_s3_bucket_policy.logs]
}
"""

HELD = """
resource "aws_s3_bucket" "held" {
  bucket              = "tf-held"
  object_lock_enabled = true
  tags                = { team = "audit" }
}
resource "aws_s3_bucket_versioning" "held" {
  bucket = aws_s3_bucket.held.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_object_lock_configuration" "held" {
  bucket = aws_s3_bucket.held.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
  depends_on = [aws_s3_bucket_versioning.held]
}
resource "aws_s3_bucket_lifecycle_configuration" "held" {
  bucket = aws_s3_bucket.held.id
  rule {
    id     = "archive"
    status = "Enabled"
    filter { prefix = "AWSLogs/" }
    transition {
      days          = 90
      storage_class = "GLACIER"
    }
    expiration { days = 400 }
    noncurrent_version_expiration { noncurrent_days = 30 }
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }
  depends_on = [aws_s3_bucket_versioning.held]
}
resource "aws_s3_bucket_public_access_block" "held" {
  bucket                  = aws_s3_bucket.held.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_ownership_controls" "held" {
  bucket = aws_s3_bucket.held.id
  rule { object_ownership = "BucketOwnerEnforced" }
}
resource "aws_s3_bucket" "plain" {
  bucket        = "tf-plain"
  force_destroy = true
}
resource "aws_s3_object" "file" {
  bucket  = aws_s3_bucket.plain.id
  key     = "dir/file.txt"
  content = "@CONTENT@"
  tags    = { kind = "file" }
}
"""


class Terraform:
    def __init__(self, server, directory):
        self.server, self.directory = server, directory
        directory.mkdir()

    def write(self, trail, common=BUCKETS):
        text = PROVIDER + common + trail
        policy = bucket_policy("tf-logs")
        (self.directory / "main.tf").write_text(text.replace("@ENDPOINT@", self.server.endpoint).replace("@POLICY@", policy))

    def run(self, *arguments, expect=0):
        key = self.server.root_key()
        env = self.server.environment(key=key) | {
            "TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "AWS_REGION": REGION}
        env.pop("AWS_ENDPOINT_URL")
        done = subprocess.run(
            [TERRAFORM, *arguments], cwd=self.directory, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=240, check=False)
        assert done.returncode == expect, f"terraform {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def apply(self):
        self.run("apply", "-auto-approve", "-input=false", "-no-color")
        self.unchanged()

    def unchanged(self):
        """0: nothing to do; 2 would be a plan with changes."""
        self.run("plan", "-detailed-exitcode", "-input=false", "-no-color")


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_a_trail_from_apply_to_destroy(server, tmp_path):
    terraform = Terraform(server, tmp_path / "tf")
    terraform.write(FIRST)
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    cloudtrail = server.client("cloudtrail")
    [trail] = cloudtrail.describe_trails()["trailList"]
    assert trail["TrailARN"] == trail_arn(TRAIL) and trail["HasCustomEventSelectors"] is False
    assert cloudtrail.get_trail_status(Name=TRAIL)["IsLogging"] is True

    terraform.write(SECOND)
    terraform.apply()
    tags = cloudtrail.list_tags(ResourceIdList=[trail_arn()])["ResourceTagList"][0]["TagsList"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "security", "stage": "test"}
    [selector] = cloudtrail.get_event_selectors(TrailName=TRAIL)["EventSelectors"]
    assert selector["ReadWriteType"] == "WriteOnly" and len(selector["DataResources"]) == 1

    for address, identifier in [
        ("aws_cloudtrail.audit", trail_arn()), ("aws_s3_bucket.data", "tf-data"), ("aws_s3_bucket_policy.logs", "tf-logs")]:
        terraform.run("state", "rm", address)
        terraform.run("import", "-input=false", "-no-color", address, identifier)
    terraform.unchanged()

    terraform.write(THIRD)
    terraform.apply()
    assert len(cloudtrail.get_event_selectors(TrailName=TRAIL)["AdvancedEventSelectors"]) == 2
    assert cloudtrail.get_trail_status(Name=TRAIL)["IsLogging"] is False
    [trail] = cloudtrail.describe_trails()["trailList"]
    assert trail["IsMultiRegionTrail"] is False
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert cloudtrail.describe_trails()["trailList"] == []
    assert server.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_a_trail_under_a_key(server, tmp_path):
    terraform = Terraform(server, tmp_path / "tf")
    terraform.write(KEYED)
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    kms = server.client("kms")
    key = kms.describe_key(KeyId="alias/tf-trail")["KeyMetadata"]
    [trail] = server.client("cloudtrail").describe_trails()["trailList"]
    assert trail["KmsKeyId"] == key["Arn"]
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True
    terraform.write(KEYED.replace("kms_key_id     = aws_kms_key.trail.arn", "").replace("for the trail", "for no trail"))
    terraform.apply()
    [trail] = server.client("cloudtrail").describe_trails()["trailList"]
    assert "KmsKeyId" not in trail
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert kms.list_aliases(KeyId=key["KeyId"])["Aliases"] == []


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_a_bucket_that_holds_from_apply_to_destroy(server, tmp_path):
    terraform = Terraform(server, tmp_path / "tf")
    terraform.write(HELD.replace("@CONTENT@", "one"), common="")
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    s3 = server.client("s3")
    assert s3.get_bucket_versioning(Bucket="tf-held")["Status"] == "Enabled"
    lock = s3.get_object_lock_configuration(Bucket="tf-held")["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket="tf-held")["Rules"]
    assert rule["Expiration"] == {"Days": 400} and rule["Filter"] == {"Prefix": "AWSLogs/"}
    assert s3.get_object(Bucket="tf-plain", Key="dir/file.txt")["Body"].read() == b"one"
    terraform.write(HELD.replace("@CONTENT@", "two").replace("400", "500"), common="")
    terraform.apply()
    assert s3.get_object(Bucket="tf-plain", Key="dir/file.txt")["Body"].read() == b"two"
    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert s3.list_buckets()["Buckets"] == []
