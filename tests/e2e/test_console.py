"""The console in a real browser: signing in and out, what protects it, and what is true of every page."""

import re
import urllib.error
import urllib.request

import pytest

from browser import PHONE
from server import ACCOUNT
from test_signin import PASSWORD, code, present_step
from test_sts import allow, document, make_user, trust

# Every page that can be looked at without more; pages with something in their address are in the tests of their own.
PAGES = ["", "dashboard/alarms", "dashboard/trails", "dashboard/unusual", "history", "history?q=a+AND+%28", "history?q=nothing-like-it", "history/resource?name=x", "role",
         "trails", "trails/create", "integrity", "files", "logs"]


@pytest.fixture(scope="module")
def people(shared):
    """alice may look at the history; carol has an MFA device; bob has to choose a new password."""
    make_user(shared, "alice", allow(["opentrail:Search", "opentrail:Histogram", "opentrail:CountBy"], "*"))
    make_user(shared, "bob", allow(["opentrail:Search"], "*"))
    iam = shared.client("iam")
    iam.create_login_profile(UserName="alice", Password=PASSWORD)
    iam.create_login_profile(UserName="bob", Password=PASSWORD, PasswordResetRequired=True)
    make_user(shared, "carol", allow(["cloudtrail:DescribeTrails"], "*"))
    iam.create_login_profile(UserName="carol", Password=PASSWORD)
    return shared


def test_a_user_signs_in_and_out(people, visit):
    window = visit()
    page = window.page
    page.goto("/console/")
    assert "/console/sign-in" in page.url
    window.sign_in("alice", "wrong", ACCOUNT)
    assert "did not work" in page.inner_text("[role=alert]")
    window.sign_in("alice", PASSWORD, ACCOUNT)
    assert page.url == people.endpoint + "/console/" and "alice" in page.inner_text(".who")
    login = people.recorded("ConsoleLogin", lambda r: r["responseElements"]["ConsoleLogin"] == "Success")
    assert login["userIdentity"]["userName"] == "alice" and login["additionalEventData"]["LoginTo"].endswith("/console/")
    cookie = next(c for c in window.context.cookies() if c["name"] == "opentrail-session")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/console/"
    page.click("header details.menu summary")
    page.click("text=Sign out")
    assert page.url.endswith("/console/sign-in")
    # The copied cookie is worth nothing any more.
    window.context.add_cookies([cookie])
    page.goto("/console/")
    assert "/console/sign-in" in page.url


def test_mfa_and_a_new_password(people, visit, tmp_path):
    people.aws("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "carol", "--outfile", tmp_path / "seed",
               "--bootstrap-method", "Base32StringSeed")
    seed, step = (tmp_path / "seed").read_text(), present_step()
    serial = f"arn:aws:iam::{ACCOUNT}:mfa/carol"
    people.aws("iam", "enable-mfa-device", "--user-name", "carol", "--serial-number", serial,
               "--authentication-code1", code(seed, step - 2), "--authentication-code2", code(seed, step - 1))
    window = visit()
    window.sign_in("carol", PASSWORD, ACCOUNT)
    assert PASSWORD not in window.page.content()
    window.page.fill("[name=code]", "000000" if code(seed, present_step()) != "000000" else "111111")
    window.submit()
    assert "code was not right" in window.page.inner_text("[role=alert]")
    window.page.fill("[name=code]", code(seed, present_step()))
    window.submit()
    assert "carol" in window.page.inner_text(".who")

    other = visit()
    other.sign_in("bob", PASSWORD, ACCOUNT)
    other.page.fill("[name=new_password]", "short")
    other.submit()
    assert "Password" in other.page.inner_text("[role=alert]")
    other.page.fill("[name=new_password]", PASSWORD + "-new")
    other.submit()
    assert "bob" in other.page.inner_text(".who")


def test_an_access_key_signs_in_until_it_is_deactivated(people, visit):
    key = make_user(people, "dave", allow(["opentrail:Search"], "*"))
    window = visit()
    window.sign_in_with_key((key[0], "wrong"))
    assert "did not work" in window.page.inner_text("[role=alert]")
    window.sign_in_with_key(key)
    assert "dave" in window.page.inner_text(".who")
    people.client("iam").update_access_key(UserName="dave", AccessKeyId=key[0], Status="Inactive")
    window.page.goto("/console/")
    assert "/console/sign-in" in window.page.url


def test_a_role_is_used_and_left(people, visit):
    key = make_user(people, "erin", allow(["sts:AssumeRole"], f"arn:aws:iam::{ACCOUNT}:role/auditor"))
    iam = people.client("iam")
    iam.create_role(RoleName="auditor", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:root"))
    iam.put_role_policy(RoleName="auditor", PolicyName="p", PolicyDocument=document(allow(["opentrail:*"], "*")))
    window = visit().sign_in_with_key(key)
    page = window.go("role?role=nobody")
    with page.expect_navigation():
        page.click("main button.primary")
    assert "sts:AssumeRole" in page.inner_text(".refusal") and "role/nobody" in page.inner_text(".refusal")
    window.go("role?role=auditor")
    window.submit()
    assert page.inner_text(".who") == "assumed-role/auditor/erin"
    window.go("history")
    seen = people.recorded("Search", lambda r: r["userIdentity"]["type"] == "AssumedRole")
    assert seen["userIdentity"]["arn"].endswith("assumed-role/auditor/erin")
    page.click("header details.menu summary")
    with page.expect_navigation():
        page.click("text=Back")
    assert page.inner_text(".who") == "erin"
    window.go("history", status=403)


def test_the_address_asked_for_is_gone_to_after_signing_in(people, visit):
    window = visit()
    window.page.goto("/console/?region=eu-west-1")
    assert "to=" in window.page.url
    window.page.click("text=Access key")
    key = people.root_key()
    window.page.fill("[name=access_key]", key[0])
    window.page.fill("[name=secret]", key[1])
    window.submit()
    assert window.page.url.endswith("/console/?region=eu-west-1")
    assert window.page.input_value("#region") == "eu-west-1"


def post(server, path, body, **headers):
    request = urllib.request.Request(server.endpoint + path, body.encode(), headers | {"Content-Type": "application/x-www-form-urlencoded"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_forms_of_other_sites_are_refused(people, visit):
    window = visit().sign_in_with_key()
    cookie = next(c for c in window.context.cookies() if c["name"] == "opentrail-session")
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    same = headers | {"Sec-Fetch-Site": "same-origin"}
    token = re.search(r'name="csrf" value="(\w+)"', window.page.content())[1]
    assert post(people, "/console/sign-out", f"csrf={token}", **headers)[0] == 403, "says nothing of where it is from"
    assert post(people, "/console/sign-out", f"csrf={token}", **headers, Origin="http://evil.example")[0] == 403
    assert post(people, "/console/sign-out", f"csrf={token}", **headers, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert post(people, "/console/sign-out", "csrf=wrong", **same)[0] == 403
    assert post(people, "/console/sign-out", "", **same)[0] == 403
    assert post(people, "/console/sign-in", "as=key&access_key=a&secret=b")[0] == 403
    window.page.reload()
    assert "/console/sign-in" not in window.page.url, "nobody was signed out"


def test_a_bucket_may_be_called_console(people):
    s3 = people.client("s3")
    s3.create_bucket(Bucket="console")
    s3.put_object(Bucket="console", Key="history", Body=b"an object")
    assert s3.get_object(Bucket="console", Key="history")["Body"].read() == b"an object"


@pytest.mark.parametrize("path", ["../etc/passwd", "%2e%2e/%2e%2e", "nothing/here", "a" * 3000, "%00%ff"])
def test_addresses_that_lead_nowhere(people, visit, path):
    window = visit().sign_in_with_key()
    answer = window.page.goto(f"/console/x/{path}")
    assert answer.status in (403, 404)


def test_every_page_keeps_the_rules(people, visit):
    for scheme in ("light", "dark"):
        window = visit(color_scheme=scheme)
        window.go("sign-in")
        assert window.axe() == []
        window.sign_in_with_key()
        for path in PAGES:
            window.go(path)
            assert window.axe() == [], path


def test_pages_fit_on_a_phone(people, visit):
    window = visit(viewport=PHONE, has_touch=True).sign_in_with_key()
    for path in PAGES:
        page = window.go(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{path} is {width} wide"


def test_themes_and_times_switch_and_stay(people, visit):
    window = visit(color_scheme="light").sign_in_with_key()
    page = window.page
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.click("[data-theme-switch]")
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    page.click("[data-times]")
    assert page.inner_text("[data-times]") == "Local time"


def test_keyboard_alone_reaches_the_content(people, visit):
    window = visit().sign_in_with_key()
    page = window.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
