"""The console's pages about trails: the wizard to a logging trail with real delivery, changing it, deleting it."""

import json

from browser import PHONE
from server import ACCOUNT, REGION
from test_sts import allow, make_user
from trail import Delivered, make_trail

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def press(window, words):
    """Presses a button that sends a form."""
    with window.page.expect_navigation():
        window.page.get_by_role("button", name=words, exact=True).click()


def test_the_wizard_makes_everything_and_files_arrive(shared, visit):
    window = visit().sign_in_with_key()
    page = window.go("trails/create")
    assert window.axe() == []
    page.fill("[name=name]", "wizard")
    page.fill("[name=bucket]", "wizard-logs")
    page.fill("[name=prefix]", "all")
    page.check("[name=key_kind][value=new]")
    page.fill("[name=key_alias]", "wizard-key")
    page.check("[name=topic_kind][value=new]")
    page.fill("[name=topic_new]", "wizard-topic")
    page.check("[name=group_kind][value=new]")
    page.fill("[name=group]", "/trails/wizard")
    page.fill("[name=tags]", "team=audit\nnote=two words")
    page.check("[name=data_kind][value=simple]")
    page.fill("[name=simple_s3]", "arn:aws:s3:::some-data/")
    press(window, "Review")
    assert "events of the last 24 hours" in page.inner_text("#forecast") and "AWSCloudTrailWrite" in page.content()
    assert window.axe() == []
    press(window, "Create the trail")
    assert page.url.endswith("/console/trails/wizard?done=made"), page.inner_text("main")
    assert "Logging" in page.inner_text("main") and window.axe() == []

    trail = shared.client("cloudtrail").get_trail(Name="wizard")["Trail"]
    assert trail["IsMultiRegionTrail"] and trail["LogFileValidationEnabled"] and trail["S3KeyPrefix"] == "all"
    assert trail["KmsKeyId"].startswith("arn:aws:kms:") and trail["SnsTopicARN"].endswith(":wizard-topic")
    assert trail["CloudWatchLogsLogGroupArn"].endswith(":/trails/wizard:*")
    assert trail["CloudWatchLogsRoleArn"].endswith("role/CloudTrail_CloudWatchLogs_Role")
    selectors = shared.client("cloudtrail").get_event_selectors(TrailName="wizard")["EventSelectors"]
    assert selectors[0]["DataResources"] == [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::some-data/"]}]
    Delivered(shared, "wizard-logs", "all/AWSLogs/").named("StartLogging", 30)
    record = shared.recorded("CreateTrail")
    assert record["sessionCredentialFromConsole"] == "true" and "Mozilla" in record["userAgent"]
    # What was delivered shows in the list, in every region.
    page = window.go("trails?region=eu-west-1")
    row = page.locator("tr", has_text="wizard").inner_text()
    assert "Logging" in row and "all" in row and "none" in row
    assert "us-east-1" in row and "wizard-logs/all" in row


def test_what_is_wrong_is_said_at_its_field_and_what_was_made_is_kept(shared, visit):
    window = visit().sign_in_with_key()
    page = window.go("trails/create")
    press(window, "Review")
    assert "Trail name" in page.inner_text("[role=alert]") and page.locator(".field.wrong #bucket").count() == 1
    page.fill("[name=name]", "second")
    page.fill("[name=bucket]", "second-logs")
    page.check("[name=key_kind][value=existing]")
    page.fill("[name=key]", "alias/there-is-none")
    press(window, "Review")
    press(window, "Create the trail")
    assert "Bucket second-logs was created." in page.inner_text("main [role=status]")
    assert "KmsKeyNotFoundException" in page.inner_text(".field.wrong") and window.axe() == []
    page.check("[name=key_kind][value=none]")
    press(window, "Review")
    press(window, "Create the trail")
    assert page.url.endswith("/trails/second?done=made"), page.inner_text("main")
    # A typed selector that AWS refuses.
    page = window.go("trails/second/edit")
    page.check("[name=data_kind][value=json]")
    page.fill("[name=selectors]", '[{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Nonsense"]}]}]')
    press(window, "Review")
    assert page.locator("[name=selectors]").is_visible() and page.locator("p.error").count() >= 1


def test_a_trail_is_edited_stopped_and_deleted(shared, visit):
    make_trail(shared, "third", "third-logs", IsMultiRegionTrail=False)
    window = visit().sign_in_with_key()
    page = window.go("trails/third/edit")
    assert not page.is_checked("[name=multi_region]") and page.input_value("[name=bucket]") == "third-logs"
    page.check("[name=multi_region]")
    page.fill("[name=tags]", "a=1")
    page.check("[name=management][value=WriteOnly]")
    press(window, "Review")
    press(window, "Change the trail")
    trail = shared.client("cloudtrail").get_trail(Name="third")["Trail"]
    assert trail["IsMultiRegionTrail"] and "KmsKeyId" not in trail
    assert shared.client("cloudtrail").get_event_selectors(TrailName="third")["EventSelectors"][0]["ReadWriteType"] == "WriteOnly"
    assert "a" in page.inner_text("main")
    page = window.go("trails/third/delete")
    assert "Only this trail takes" in page.inner_text("#forecast") and window.axe() == []
    assert page.locator("button.danger").is_disabled()
    page.fill("[name=typed]", "third")
    page = window.go("trails/third")
    press(window, "Stop logging")
    assert not shared.client("cloudtrail").get_trail_status(Name="third")["IsLogging"]
    press(window, "Start logging")
    assert shared.client("cloudtrail").get_trail_status(Name="third")["IsLogging"]
    page = window.go("trails/third/delete")
    page.fill("[name=typed]", "third")
    press(window, "Delete the trail")
    assert "was deleted" in page.inner_text("main [role=status]")
    names = [trail["Name"] for trail in shared.client("cloudtrail").describe_trails()["trailList"]]
    assert "third" not in names


def test_the_wizard_works_without_script_and_by_keyboard(shared, visit):
    window = visit(java_script_enabled=False).sign_in_with_key()
    page = window.go("trails/create")
    page.focus("[name=name]")
    page.keyboard.type("keyboard")
    while page.locator("[name=bucket]:focus").count() == 0:
        page.keyboard.press("Tab")
    page.keyboard.type("keyboard-logs")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What this would have recorded")
    press(window, "Create the trail")
    assert page.url.endswith("/trails/keyboard?done=made"), page.inner_text("main")
    # The typed name is checked here too.
    page = window.go("trails/keyboard/delete")
    page.fill("[name=typed]", "something else")
    press(window, "Delete the trail")
    assert "not the trail's name" in page.inner_text("p.error")
    page.fill("[name=typed]", "keyboard")
    press(window, "Delete the trail")
    assert "was deleted" in page.inner_text("main [role=status]")


def test_missing_permissions_are_named(shared, visit):
    reader = make_user(shared, "trail-reader", allow(["cloudtrail:DescribeTrails", "cloudtrail:GetTrail"], "*"))
    make_trail(shared, "fourth", "fourth-logs")
    window = visit().sign_in_with_key(reader)
    page = window.go("trails")
    assert "GetTrailStatus" in page.inner_text("main")
    page = window.go("trails/fourth")
    assert "cloudtrail:GetEventSelectors" in page.inner_text("main")
    page = window.go("trails/create")
    page.fill("[name=name]", "fifth")
    page.fill("[name=bucket]", "fifth-logs")
    press(window, "Review")
    press(window, "Create the trail")
    assert "s3:CreateBucket" in page.inner_text("[role=alert]") and page.locator("[name=name]").input_value() == "fifth"
    nobody = make_user(shared, "trail-nobody", allow(["sqs:ListQueues"], "*"))
    window = visit().sign_in_with_key(nobody)
    page = window.go("trails", status=403)
    assert "cloudtrail:DescribeTrails" in page.inner_text("main")


def test_hostile_names_are_inert_and_pages_fit_a_phone(shared, visit):
    make_trail(shared, "hostile", "hostile-logs", start=False)
    cloudtrail = shared.client("cloudtrail")
    arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/hostile"
    cloudtrail.add_tags(ResourceId=arn, TagsList=[{"Key": "note", "Value": "x: + = . @ - /"}])
    cloudtrail.put_event_selectors(TrailName="hostile", AdvancedEventSelectors=[
        {"Name": HOSTILE, "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}])
    window = visit(viewport=PHONE, has_touch=True).sign_in_with_key()
    for path in ("trails", "trails/hostile", "trails/hostile/edit", "trails/hostile/delete", "trails/create"):
        page = window.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    assert "<script>alert" in window.go("trails/hostile").inner_text("main")
    page = window.go("trails/hostile/edit")
    assert HOSTILE in json.loads(page.input_value("[name=selectors]"))[0]["Name"]
    page.fill("[name=tags]", f"note={HOSTILE}")
    press(window, "Review")
    assert "<script>alert" in page.inner_text("main")
    assert window.page.goto("/console/trails/%3Cscript%3E").status == 400
    assert window.page.goto("/console/trails/none-of-this-name").status == 400
