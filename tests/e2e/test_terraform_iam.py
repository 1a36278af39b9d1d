"""The AWS provider of Terraform: users, groups, roles, policies and what ties them together, from apply to destroy."""

import json

import pytest

from server import ACCOUNT
from test_terraform import PLUGINS, PROVIDER, TERRAFORM, Terraform

FIRST = """
data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["cloudtrail:Get*", "cloudtrail:Describe*"]
    resources = ["*"]
  }
}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.alice.arn]
    }
  }
}
data "aws_iam_policy" "full" { name = "AWSCloudTrail_FullAccess" }
resource "aws_iam_policy" "read" {
  name        = "read-trails"
  path        = "/audit/"
  description = "reads trails"
  policy      = data.aws_iam_policy_document.read.json
  tags        = { team = "audit" }
}
resource "aws_iam_user" "alice" {
  name                 = "alice"
  permissions_boundary = data.aws_iam_policy.full.arn
  tags                 = { team = "audit" }
}
resource "aws_iam_access_key" "alice" { user = aws_iam_user.alice.name }
resource "aws_iam_user_policy" "alice" {
  name   = "own"
  user   = aws_iam_user.alice.name
  policy = data.aws_iam_policy_document.read.json
}
resource "aws_iam_user_policy_attachment" "alice" {
  user       = aws_iam_user.alice.name
  policy_arn = aws_iam_policy.read.arn
}
resource "aws_iam_group" "auditors" { name = "auditors" }
resource "aws_iam_group_policy_attachment" "auditors" {
  group      = aws_iam_group.auditors.name
  policy_arn = data.aws_iam_policy.full.arn
}
resource "aws_iam_group_policy" "auditors" {
  name   = "own"
  group  = aws_iam_group.auditors.name
  policy = data.aws_iam_policy_document.read.json
}
resource "aws_iam_user_group_membership" "alice" {
  user   = aws_iam_user.alice.name
  groups = [aws_iam_group.auditors.name]
}
resource "aws_iam_role" "reader" {
  name                 = "reader"
  description          = "reads"
  max_session_duration = 7200
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = { team = "audit" }
}
resource "aws_iam_role_policy" "reader" {
  name   = "own"
  role   = aws_iam_role.reader.id
  policy = data.aws_iam_policy_document.read.json
}
resource "aws_iam_role_policy_attachment" "reader" {
  role       = aws_iam_role.reader.name
  policy_arn = aws_iam_policy.read.arn
}
resource "aws_iam_instance_profile" "reader" {
  name = "reader"
  role = aws_iam_role.reader.name
}
resource "aws_iam_openid_connect_provider" "ci" {
  url             = "https://ci.example.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["0123456789abcdef0123456789abcdef01234567"]
}
resource "aws_iam_account_alias" "alias" { account_alias = "opentrail-tf" }
"""

CHANGES = [
    ('description          = "reads"', 'description          = "reads more"'),
    ("max_session_duration = 7200", "max_session_duration = 10800"),
    ('"cloudtrail:Describe*"]', '"cloudtrail:Describe*", "cloudtrail:List*"]'),
    ('name                 = "alice"', 'name                 = "alice2"'),
    ('tags        = { team = "audit" }', 'tags        = { team = "ops", stage = "live" }'),
    ('client_id_list  = ["sts.amazonaws.com"]', 'client_id_list  = ["sts.amazonaws.com", "other"]'),
]


class IamTerraform(Terraform):
    def write(self, text):
        (self.directory / "main.tf").write_text((PROVIDER + text).replace("@ENDPOINT@", self.server.endpoint))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
@pytest.mark.skipif(not PLUGINS.is_dir(), reason=f"no provider plugins in {PLUGINS} (TF_PLUGIN_DIR)")
def test_iam_from_apply_to_destroy(server, tmp_path):
    terraform = IamTerraform(server, tmp_path / "tf")
    terraform.write(FIRST)
    terraform.run("init", f"-plugin-dir={PLUGINS}", "-input=false", "-no-color")
    terraform.apply()
    iam = server.client("iam")
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="alice")["Groups"]] == ["auditors"]
    assert iam.get_role(RoleName="reader")["Role"]["MaxSessionDuration"] == 7200

    changed = FIRST
    for old, new in CHANGES:
        assert old in changed
        changed = changed.replace(old, new)
    terraform.write(changed)
    terraform.apply()
    role = iam.get_role(RoleName="reader")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("reads more", 10800)
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"] == f"arn:aws:iam::{ACCOUNT}:user/alice2"
    document = iam.get_policy_version(PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/audit/read-trails", VersionId="v2")
    assert "cloudtrail:List*" in json.dumps(document["PolicyVersion"]["Document"])

    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert iam.list_users()["Users"] == [] and iam.list_roles()["Roles"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == [] and iam.list_account_aliases()["AccountAliases"] == []
