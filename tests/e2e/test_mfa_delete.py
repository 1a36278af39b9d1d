"""MFA Delete with the AWS CLI: set by root with its device, and then nothing is removed for good without a code."""

import pytest

from test_signin import code, present_step
from test_sts import allow, make_user

BUCKET = "held-by-a-code"


@pytest.fixture(scope="module")
def device(shared, tmp_path_factory):
    """What `--mfa` takes at this moment, from root's own device."""
    file = tmp_path_factory.mktemp("mfa") / "seed"
    made = shared.aws("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "root-account-mfa-device", "--outfile", file,
                      "--bootstrap-method", "Base32StringSeed")
    serial, seed = made["VirtualMFADevice"]["SerialNumber"], file.read_text()
    step = present_step()
    shared.aws("iam", "enable-mfa-device", "--user-name", "root", "--serial-number", serial,
               "--authentication-code1", code(seed, step - 2), "--authentication-code2", code(seed, step - 1))
    shared.aws("s3api", "create-bucket", "--bucket", BUCKET)
    return lambda: f"{serial} {code(seed, present_step())}"


def denied(server, *arguments, **options):
    done = server.run_aws("s3api", *arguments, "--bucket", BUCKET, **options)
    assert "(AccessDenied)" in done.stderr, done.stdout + done.stderr


def test_nothing_is_removed_for_good_without_a_code(shared, device):
    versioning = ("put-bucket-versioning", "--versioning-configuration")
    denied(shared, *versioning, "Status=Enabled,MFADelete=Enabled")
    denied(shared, *versioning, "Status=Enabled,MFADelete=Enabled", "--mfa", device()[:-6] + "000000")
    shared.aws("s3api", *versioning, "Status=Enabled,MFADelete=Enabled", "--bucket", BUCKET, "--mfa", device())
    shown = shared.aws("s3api", "get-bucket-versioning", "--bucket", BUCKET)
    assert shown == {"Status": "Enabled", "MFADelete": "Enabled"}

    s3 = shared.client("s3")
    versions = [s3.put_object(Bucket=BUCKET, Key="k", Body=body)["VersionId"] for body in (b"1", b"2")]
    marker = shared.aws("s3api", "delete-object", "--bucket", BUCKET, "--key", "k")
    assert marker["DeleteMarker"], "a marker needs no code"
    one = ("delete-object", "--key", "k", "--version-id", versions[0])
    denied(shared, *one)
    denied(shared, *one, "--mfa", "nonsense")
    denied(shared, *one, "--mfa", device()[:-6] + "000000")
    admin = make_user(shared, "admin", allow("*"))
    denied(shared, *one, "--mfa", device(), key=admin)
    denied(shared, *versioning, "Status=Suspended,MFADelete=Enabled")
    denied(shared, *versioning, "Status=Enabled,MFADelete=Disabled")
    listed = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert sorted(version["VersionId"] for version in listed) == sorted(versions)

    gone = shared.aws("s3api", *one, "--bucket", BUCKET, "--mfa", device())
    assert gone["VersionId"] == versions[0]
    shared.aws("s3api", *versioning, "Status=Enabled,MFADelete=Disabled", "--bucket", BUCKET, "--mfa", device())
    assert shared.aws("s3api", "delete-object", "--bucket", BUCKET, "--key", "k", "--version-id", versions[1])["VersionId"]
