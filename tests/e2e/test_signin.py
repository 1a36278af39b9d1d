"""Signing in: passwords and one-time passwords by the AWS CLI and boto3, the endpoint that the console uses, the events."""

import base64
import hashlib
import hmac
import json
import struct
import time
import urllib.error
import urllib.request

import pytest

from server import ACCOUNT
from test_accounts import account_command
from test_sts import allow, document, make_user, refused, with_session

PASSWORD = "Correct-horse-1"


def sign_in(server, password, user=None, **more):
    form = {"Account": ACCOUNT, "Password": password} | ({"UserName": user} if user else {}) | more
    request = urllib.request.Request(
        server.endpoint + "/-/signin", json.dumps(form).encode(), {"Content-Type": "application/json", "User-Agent": "browser"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def code(seed, step):
    """RFC 6238, written down again."""
    digest = hmac.new(base64.b32decode(seed + "=" * (-len(seed) % 8)), struct.pack(">q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def present_step():
    return int(time.time()) // 30


@pytest.fixture(scope="module")
def alice(shared):
    make_user(shared, "alice", allow(["iam:GetUser", "sts:GetSessionToken"], "*"))
    shared.client("iam").create_login_profile(UserName="alice", Password=PASSWORD)
    return shared


def test_users_sign_in_and_use_what_they_get(alice):
    status, credentials = sign_in(alice, PASSWORD, "alice")
    assert status == 200, credentials
    assert with_session(alice, credentials, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert with_session(alice, credentials, "iam").get_user()["User"]["UserName"] == "alice"
    event = alice.recorded("ConsoleLogin", lambda r: r["responseElements"]["ConsoleLogin"] == "Success")
    assert event["eventType"] == "AwsConsoleSignIn" and event["userIdentity"]["userName"] == "alice"
    assert event["additionalEventData"]["MFAUsed"] == "No" and event["userAgent"] == "browser"
    assert "requestID" not in event and event["requestParameters"] is None
    later = alice.recorded("GetUser", lambda r: r["userIdentity"].get("userName") == "alice")
    assert later["sessionCredentialFromConsole"] == "true"
    assert later["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"


def test_failures_look_alike_and_are_recorded(alice):
    wrong = sign_in(alice, "wrong", "alice")
    assert wrong == (401, {"Reason": "AuthenticationFailed"})
    assert sign_in(alice, PASSWORD, "nobody-of-that-name") == wrong
    assert sign_in(alice, PASSWORD) == wrong, "root has no password yet"
    failure = alice.recorded("ConsoleLogin", lambda r: r["userIdentity"].get("userName") == "alice" and "errorMessage" in r)
    assert failure["errorMessage"] == "Failed authentication" and "errorCode" not in failure
    assert failure["userIdentity"]["accessKeyId"] == "" and "arn" not in failure["userIdentity"]
    alice.recorded("ConsoleLogin", lambda r: r["userIdentity"].get("userName") == "HIDDEN_DUE_TO_SECURITY_REASONS")
    text = json.dumps(alice.lookup("ConsoleLogin")) + alice.log_path.read_text()
    assert PASSWORD not in text and "nobody-of-that-name" not in text


def test_the_command_line_manages_passwords(alice):
    alice.aws("iam", "update-account-password-policy", "--minimum-password-length", "10", "--require-numbers", "--allow-users-to-change-password")
    policy = alice.aws("iam", "get-account-password-policy")["PasswordPolicy"]
    assert policy["MinimumPasswordLength"] == 10 and policy["RequireNumbers"] and not policy["RequireSymbols"]
    key = make_user(alice, "bob")
    alice.aws("iam", "create-login-profile", "--user-name", "bob", "--password", "first-password-1", "--password-reset-required")
    assert sign_in(alice, "first-password-1", "bob") == (401, {"Reason": "NewPasswordNeeded", "Message": None})
    status, answer = sign_in(alice, "first-password-1", "bob", NewPassword="short1")
    assert status == 401 and "minimum length of 10" in answer["Message"]
    assert sign_in(alice, "first-password-1", "bob", NewPassword="second-password-2")[0] == 200
    done = alice.run_aws("iam", "change-password", "--old-password", "wrong", "--new-password", "third-password-3", key=key)
    assert "(AccessDenied)" in done.stderr
    alice.aws("iam", "change-password", "--old-password", "second-password-2", "--new-password", "third-password-3", key=key)
    assert sign_in(alice, "third-password-3", "bob")[0] == 200
    assert "(PasswordPolicyViolation)" in alice.run_aws("iam", "update-login-profile", "--user-name", "bob", "--password", "x").stderr
    assert "(DeleteConflict)" in alice.run_aws("iam", "delete-user", "--user-name", "bob").stderr
    alice.aws("iam", "delete-login-profile", "--user-name", "bob")
    assert "(NoSuchEntity)" in alice.run_aws("iam", "get-login-profile", "--user-name", "bob").stderr
    alice.aws("iam", "delete-account-password-policy")
    assert "(NoSuchEntity)" in alice.run_aws("iam", "get-account-password-policy").stderr
    assert "third-password-3" not in json.dumps(alice.lookup("ChangePassword"))


def test_one_time_passwords(alice, tmp_path):
    key = make_user(alice, "carol", allow(["sts:GetSessionToken"]), {
        "Effect": "Allow", "Action": "cloudtrail:ListTrails", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}})
    alice.client("iam").create_login_profile(UserName="carol", Password=PASSWORD)
    alice.aws("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "picture", "--outfile", tmp_path / "code.png",
              "--bootstrap-method", "QRCodePNG")
    assert (tmp_path / "code.png").read_bytes().startswith(b"\x89PNG")
    made = alice.aws("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "carol", "--outfile", tmp_path / "seed",
                     "--bootstrap-method", "Base32StringSeed")
    serial, seed = made["VirtualMFADevice"]["SerialNumber"], (tmp_path / "seed").read_text()
    step = present_step()
    enable = ["iam", "enable-mfa-device", "--user-name", "carol", "--serial-number", serial, "--authentication-code1"]
    assert "(InvalidAuthenticationCode)" in alice.run_aws(*enable, "000000", "--authentication-code2", "000000").stderr
    alice.aws(*enable, code(seed, step - 2), "--authentication-code2", code(seed, step - 1))
    assert [d["SerialNumber"] for d in alice.aws("iam", "list-mfa-devices", "--user-name", "carol")["MFADevices"]] == [serial]
    assigned = alice.client("iam").list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert [(device["SerialNumber"], device["User"]["UserName"]) for device in assigned] == [(serial, "carol")]

    assert sign_in(alice, PASSWORD, "carol") == (401, {"Reason": "MfaCodeNeeded"})
    wrong = "000000" if code(seed, present_step()) != "000000" else "111111"
    assert sign_in(alice, PASSWORD, "carol", MfaCode=wrong)[0] == 401
    used = code(seed, step)
    assert sign_in(alice, PASSWORD, "carol", MfaCode=used)[0] == 200
    assert sign_in(alice, PASSWORD, "carol", MfaCode=used)[0] == 401, "a code counts once"
    login = alice.recorded("ConsoleLogin", lambda r: r["additionalEventData"].get("MFAIdentifier") == serial)
    assert login["additionalEventData"]["MFAUsed"] == "Yes"
    assert alice.recorded("CheckMfa")["additionalEventData"] == {"MfaType": "Virtual MFA"}

    cloudtrail = alice.client("cloudtrail", key=key)
    assert refused(cloudtrail.list_trails) == "AccessDeniedException"
    session = alice.client("sts", key=key).get_session_token(SerialNumber=serial, TokenCode=code(seed, step + 1))["Credentials"]
    with_session(alice, session, "cloudtrail").list_trails()
    record = alice.recorded("ListTrails", lambda r: r["userIdentity"].get("userName") == "carol" and "errorCode" not in r)
    assert record["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] == "true"
    assert seed not in (alice.data_dir / "catalog.db").read_bytes().decode("latin1")
    alice.aws("iam", "deactivate-mfa-device", "--user-name", "carol", "--serial-number", serial)
    alice.aws("iam", "delete-virtual-mfa-device", "--serial-number", serial)


def test_root_signs_in_with_the_password_that_the_command_sets(alice):
    short = account_command(alice, "set-password", stdin="short\n")
    assert short.returncode == 2 and "ValidationException" in short.stderr
    done = account_command(alice, "set-password", stdin="a-long-root-password\n")
    assert done.returncode == 0, done.stderr
    status, credentials = sign_in(alice, "a-long-root-password")
    assert status == 200
    assert with_session(alice, credentials, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    event = alice.recorded("ConsoleLogin", lambda r: r["userIdentity"]["type"] == "Root" and "errorMessage" not in r)
    assert event["userIdentity"]["principalId"] == ACCOUNT
    assert "a-long-root-password" not in json.dumps(alice.recorded("SetRootPassword"))


def test_guessing_is_slowed_and_bad_requests_are_refused(make_server):
    server = make_server().start()
    make_user(server, "dave")
    server.client("iam").create_login_profile(UserName="dave", Password=PASSWORD)
    outcomes = [sign_in(server, "guess", "dave")[0] for _ in range(7)]
    assert outcomes[:5] == [401] * 5 and 429 in outcomes
    for body, kind in ((b"{", "application/json"), (b"{}", "application/json"), (b"a=b", "application/x-www-form-urlencoded"),
                       (b"x" * 100_000, "application/json"), (json.dumps({"Account": "1", "Password": "x"}).encode(), "application/json")):
        request = urllib.request.Request(server.endpoint + "/-/signin", body, {"Content-Type": kind})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        assert caught.value.code in (400, 415)
